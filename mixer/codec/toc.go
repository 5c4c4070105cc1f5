package codec

// Opus packets seen from outside, without decoding: RFC 6716 section 3.

// OpusDuration returns the duration of an Opus packet in samples at 48 kHz, 120 to 5760, or ErrPayload when the packet
// breaks a rule of RFC 6716 section 3.4 that can be told from its head.
func OpusDuration(payload []byte) (samples48k int, err error) {
	if len(payload) == 0 {
		return 0, ErrPayload
	}
	count := 0
	switch payload[0] & 3 {
	case 0:
		count = 1
	case 1:
		if len(payload)%2 == 0 { // R3: two frames of equal length after the TOC
			return 0, ErrPayload
		}
		count = 2
	case 2:
		count = 2
	default:
		if len(payload) < 2 { // R6
			return 0, ErrPayload
		}
		count = int(payload[1] & 63)
	}
	samples := count * opusFrame(payload[0])
	if samples == 0 || samples > maxOpus48k { // R5
		return 0, ErrPayload
	}
	return samples, nil
}

// opusFrame returns the samples at 48 kHz of each frame of a packet (RFC 6716 section 3.1, table 2).
func opusFrame(toc byte) int {
	config := toc >> 3
	switch {
	case config >= 16: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	case config >= 12: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	case config&3 == 3: // SILK: 10, 20, 40, 60 ms
		return 2880
	default:
		return 480 << (config & 3)
	}
}

// firstFrame returns the payload from its first frame on, and the number of frames; nil when there is none. CBR encoders
// pad SILK frames with code 3, so one frame is not always code 0 (RFC 6716 section 3.2.5).
func firstFrame(payload []byte) (frame []byte, count int) {
	if len(payload) < 2 {
		return nil, 0
	}
	rest := payload[1:]
	switch payload[0] & 3 {
	case 0:
		return rest, 1
	case 1:
		return rest, 2
	case 2:
		return skipLength(rest), 2
	}
	head := rest[0]
	count, rest = int(head&63), rest[1:]
	if head&0x40 != 0 { // padding: its length in octets of 255 that go on and a last one that does not
		for len(rest) > 0 && rest[0] == 255 {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil, 0
		}
		rest = rest[1:]
	}
	if head&0x80 != 0 { // VBR: a length for each frame but the last
		for range count - 1 {
			rest = skipLength(rest)
		}
	}
	return rest, count
}

// skipLength passes over one frame length (RFC 6716 section 3.2.1).
func skipLength(b []byte) []byte {
	switch {
	case len(b) >= 1 && b[0] < 252:
		return b[1:]
	case len(b) >= 2:
		return b[2:]
	default:
		return nil
	}
}

// silkFlags returns the VAD flags and the LBRR flag of the first frame of a SILK or hybrid packet: one VAD bit for each
// 20 ms of SILK at the top of the frame, then LBRR (RFC 6716 sections 4.2.3 and 4.2.4); ok is false for CELT.
func silkFlags(payload []byte) (voice, redundant, ok bool) {
	if len(payload) == 0 || payload[0]>>3 >= 16 {
		return false, false, false
	}
	frame, _ := firstFrame(payload)
	if len(frame) == 0 {
		return false, false, false
	}
	bits := max(opusFrame(payload[0])/960, 1)
	return frame[0]>>(8-bits) != 0, frame[0]>>(7-bits)&1 == 1, true
}

// Activity is what a payload tells about its sound without being decoded.
type Activity uint8

const (
	// Unknown: decode it to know.
	Unknown Activity = iota
	// Quiet: silence, or the sender's voice detector found none.
	Quiet
	// Active: the sender's voice detector found a voice. It is the sender's word: bound what follows from it.
	Active
)

// Detect returns what the payload of a Voice frame in format f tells: SILK and hybrid packets carry a VAD flag, a CELT
// frame of pure silence says so in its first symbol (RFC 6716 section 4.3), packets of at most two octets are DTX. Of
// packets with several frames the first speaks for all. Nothing is allocated.
func Detect(f Format, payload []byte) Activity {
	if f.Codec != Opus || len(payload) == 0 {
		return Unknown
	}
	voice, _, silk := silkFlags(payload)
	switch {
	case len(payload) <= 2, silk && !voice, celtSilence(payload):
		return Quiet
	case silk:
		return Active
	default:
		return Unknown
	}
}

// celtSilence reports whether payload is one CELT frame whose silence flag is set: probability 2^-15, hence fifteen ones.
func celtSilence(payload []byte) bool {
	return len(payload) >= 3 && payload[0]>>3 >= 16 && payload[0]&3 == 0 && payload[1] == 0xff && payload[2] >= 0xfe
}

// Redundant reports whether an Opus packet holds a redundant copy of the frame before it (in-band FEC, RFC 6716 section 4.2.5).
func Redundant(payload []byte) bool {
	_, redundant, _ := silkFlags(payload)
	return redundant
}
