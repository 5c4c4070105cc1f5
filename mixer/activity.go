package mixer

import "github.com/conclave/conclave/mixer/codec"

// activity is what can be told of a payload without decoding it.
type activity uint8

const (
	// unknown: only decoding tells.
	unknown activity = iota
	// quiet: nothing that anybody would hear.
	quiet
	// unvoiced: the sender's codec says that nobody speaks; there may be noise, music or a tone.
	unvoiced
	// voiced: the sender's codec says that somebody speaks, or the level does.
	voiced
)

// untold is the mean square of a payload that does not tell it.
const untold = -1

// assess tells what it can about the payload of a Voice frame, and the mean square of its samples or untold.
func assess(f codec.Format, payload []byte) (activity, float32) {
	var level float32
	switch f.Codec {
	case codec.Opus:
		return assessOpus(payload), untold
	case codec.PCMU:
		level = companded(&ulawSquares, payload)
	case codec.PCMA:
		level = companded(&alawSquares, payload)
	case codec.L16:
		level = linear(payload)
	default:
		return unknown, untold
	}
	if len(payload) != f.FrameSize() { // more than a tick, or less
		return assessLevel(level), untold
	}
	return assessLevel(level), level
}

// Fields of the TOC octet (RFC 6716 section 3.1).
const (
	tocCode       = 0x03 // frame count code; 0 is one frame
	tocStereo     = 0x04
	tocConfig     = 3  // shift
	firstHybrid   = 12 // configurations below are SILK only
	firstCELT     = 16
	silkSizes     = 4 // 10, 20, 40, 60 ms
	silkTwenty    = 1
	hybridSizes   = 2 // 10, 20 ms
	hybridTwenty  = 1
	flagVoiceBit  = 0x80 // first bit of the SILK payload (section 4.2.3)
	shortestPaket = 3
)

// assessOpus reads the voice activity flag of a SILK or hybrid frame, or the silence flag of a CELT frame (section 4.3.1): its
// probability is 2^-15, so that the range decoder reads it as set exactly when the first 15 bits are ones. Anything but one mono
// frame, of 20 ms where SILK is in it, is left to the decoder.
func assessOpus(payload []byte) activity {
	if len(payload) < shortestPaket || payload[0]&(tocCode|tocStereo) != 0 {
		return unknown
	}
	config := payload[0] >> tocConfig
	switch {
	case config >= firstCELT:
		if payload[1] == 0xFF && payload[2] >= 0xFE {
			return quiet
		}
		return unknown
	case config >= firstHybrid && config%hybridSizes != hybridTwenty,
		config < firstHybrid && config%silkSizes != silkTwenty:
		return unknown
	case payload[1]&flagVoiceBit != 0:
		return voiced
	default:
		return unvoiced
	}
}

func assessLevel(meanSquare float32) activity {
	if meanSquare < speakOff {
		return quiet
	}
	return voiced
}

// companded is the mean square of a G.711 payload.
func companded(squares *[256]float32, payload []byte) float32 {
	var sum float32
	for _, b := range payload {
		sum += squares[b]
	}
	return sum / float32(max(1, len(payload)))
}

// linear is the mean square of an L16 payload (RFC 3551 section 4.5.11: network byte order).
func linear(payload []byte) float32 {
	var sum int64
	for i := 0; i+1 < len(payload); i += 2 {
		v := int64(int16(uint16(payload[i])<<8 | uint16(payload[i+1])))
		sum += v * v
	}
	return float32(sum) / float32(max(1, len(payload)/2))
}

// ulawSquares and alawSquares are the squares of what a G.711 octet decodes to.
var ulawSquares, alawSquares = squares(ulaw), squares(alaw)

func squares(decode func(byte) int) (t [256]float32) {
	for i := range t {
		v := decode(byte(i))
		t[i] = float32(v * v)
	}
	return t
}

// ulaw decodes one mu-law octet (ITU-T G.711 table 2a) to 16 bits.
func ulaw(b byte) int {
	b = ^b
	v := (int(b&0x0F)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}

// alaw decodes one A-law octet (ITU-T G.711 table 1a) to 16 bits.
func alaw(b byte) int {
	b ^= 0x55
	v := int(b&0x0F)<<4 + 8
	if e := b >> 4 & 7; e > 0 {
		v = (v + 0x100) << (e - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}
