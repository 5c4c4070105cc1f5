package codec

import "fmt"

// Tick is the number of a 20 ms tick since the clock's start.
type Tick uint64

// ID names a codec.
type ID uint8

// The codecs. The zero ID is none of them.
const (
	Opus ID = iota + 1 // RFC 6716, RTP payload of RFC 7587
	PCMU               // G.711 mu-law, RFC 3551 section 4.5.14
	PCMA               // G.711 A-law, RFC 3551 section 4.5.14
	L16                // 16-bit linear, network byte order, RFC 3551 section 4.5.11
)

// String returns the codec's name in configuration, API and metrics, or "none".
func (id ID) String() string {
	switch id {
	case Opus:
		return "opus"
	case PCMU:
		return "pcmu"
	case PCMA:
		return "pcma"
	case L16:
		return "l16"
	default:
		return "none"
	}
}

// Parse returns the codec of that name ("opus", "pcmu", "pcma", "l16"), or ErrUnknownCodec.
func Parse(name string) (ID, error) {
	for id := Opus; id <= L16; id++ {
		if id.String() == name {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%w: %.20q", ErrUnknownCodec, name)
}

// Mode is how an Opus encoder works; decoders take any mode.
type Mode uint8

const (
	// ModeCELT is restricted low delay: cheap, 2.5 ms look-ahead, no in-band FEC. The default.
	ModeCELT Mode = iota
	// ModeVoIP is SILK or hybrid with in-band FEC, for legs that lose packets; several times dearer.
	ModeVoIP
)

// Format says how a leg's frames are encoded. It is comparable: legs of equal Format share an encoding. Always mono.
type Format struct {
	Codec   ID
	Rate    int  // Hz of the codec's PCM clock: Opus 48000, PCMU and PCMA 8000, L16 8000 or 16000
	Bitrate int  // bit/s, Opus only; 0 means DefaultBitrate; other codecs leave it 0
	Mode    Mode // Opus only
}

// NeededRate returns the mix rate in Hz at which nothing of the format is lost: 8000, 16000 or 48000.
func (f Format) NeededRate() int {
	switch {
	case f.Codec == Opus:
		return 48000
	case f.Rate > 8000:
		return 16000
	default:
		return 8000
	}
}

// FrameSize returns the octets of every encoded 20 ms frame that an Encoder of this format makes.
func (f Format) FrameSize() int {
	if f.Codec != Opus {
		return f.samples() * f.octets()
	}
	const frameRate12 = 12 * framesPerSecond // libopus computes its CBR length just so
	return (12*f.bitrate()/8 + frameRate12/2) / frameRate12
}

// Validate returns ErrFormat when the fields do not go together.
func (f Format) Validate() error {
	ok := false
	switch f.Codec {
	case Opus:
		ok = f.Rate == 48000 && f.bitrate() >= MinBitrate && f.bitrate() <= MaxBitrate && f.Mode <= ModeVoIP
	case PCMU, PCMA:
		ok = f.Rate == 8000 && f.Bitrate == 0 && f.Mode == 0
	case L16:
		ok = (f.Rate == 8000 || f.Rate == 16000) && f.Bitrate == 0 && f.Mode == 0
	}
	if !ok {
		return fmt.Errorf("%w: %s at %d Hz, %d bit/s, mode %d", ErrFormat, f.Codec, f.Rate, f.Bitrate, f.Mode)
	}
	return nil
}

func (f Format) bitrate() int {
	if f.Bitrate == 0 {
		return DefaultBitrate
	}
	return f.Bitrate
}

// samples returns the samples of one frame at the codec's own rate.
func (f Format) samples() int { return f.Rate / framesPerSecond }

// octets returns the octets of one sample of a waveform codec.
func (f Format) octets() int {
	if f.Codec == L16 {
		return 2
	}
	return 1
}

// Kind says what a Frame holds.
type Kind uint8

const (
	// Silent: nothing to play; decodes to zeros and costs nothing, but for the first, which fades out what was before it.
	Silent Kind = iota
	// Voice: Payload is due now.
	Voice
	// Lost: the packet due now is missing; Next may help.
	Lost
	// Held: the tick lies inside the duration of an earlier, longer packet; there is nothing new to decode.
	Held
)

// Frame is what a port has for one tick.
type Frame struct {
	Kind    Kind
	Payload []byte // Voice only; valid until the port's next Next
	Skipped bool   // Voice only: audio that was due before Payload is left out, to shorten the delay
	Before  []byte // Skipped only: the packet right before Payload, for the decoder's memory and a smooth join; nil when it is not there
	Next    []byte // Lost only: the packet that follows the missing one, for in-band FEC; nil when it is not there
}

// Packet is one encoded 20 ms frame on its way to a leg.
type Packet struct {
	Payload []byte // valid during the call that it is passed to
	Silent  bool   // the cached encoding of silence
}
