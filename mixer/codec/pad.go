package codec

// Single says whether an Opus payload is one mono frame of 20 ms, as every encoder here makes them, and whether its mode is CELT:
// what may be sent on to somebody whose stream has such frames only (RFC 6716 section 3.1).
func Single(payload []byte) (celt, ok bool) {
	_, frame := split(payload)
	if frame == nil || payload[0]&tocStereo != 0 || opusFrame(payload[0]) != samples20ms {
		return false, false
	}
	return payload[0]>>tocConfig >= firstCELT, true
}

// Repack writes the one frame of a Single payload into dst so that the packet is exactly size octets long: with padding where it
// is shorter (RFC 6716 section 3.2.5), of which nothing but zeros remains. It returns nil where it does not fit.
func Repack(dst, payload []byte, size int) []byte {
	toc, frame := split(payload)
	spare := size - 1 - len(frame)
	if frame == nil || spare < 0 || size > cap(dst) {
		return nil
	}
	if spare == 0 {
		return append(append(dst[:0], toc), frame...)
	}
	if spare == 1 {
		return append(append(dst[:0], toc|codeThree, 1), frame...)
	}
	// Count octet, then the length of the padding: octets of 255 stand for 254 and go on.
	dst = append(dst[:0], toc|codeThree, paddingBit|1)
	padding := spare - 2
	for ; padding > 254; padding -= 255 {
		dst = append(dst, 255)
	}
	dst = append(append(dst, byte(padding)), frame...)
	n := len(dst)
	dst = dst[:size]
	clear(dst[n:])
	return dst
}

const (
	tocConfig   = 3 // shift
	tocStereo   = 0x04
	firstCELT   = 16 // configurations from here on have no SILK
	codeThree   = 0x03
	paddingBit  = 0x40 // of the count octet of code 3
	samples20ms = 48000 / framesPerSecond
)

// split returns the TOC octet with frame count code 0, and the frame of a packet of exactly one frame without its padding; nil where
// there are more, or none.
func split(payload []byte) (toc byte, frame []byte) {
	if len(payload) < 2 {
		return 0, nil
	}
	toc, frame = payload[0]&^codeThree, payload[1:]
	switch payload[0] & codeThree {
	case 0:
		return toc, frame
	case codeThree:
	default:
		return 0, nil
	}
	head := frame[0]
	frame = frame[1:]
	if head&0x3f != 1 {
		return 0, nil
	}
	padding := 0
	if head&paddingBit != 0 {
		for len(frame) > 0 && frame[0] == 255 {
			padding, frame = padding+254, frame[1:]
		}
		if len(frame) == 0 {
			return 0, nil
		}
		padding, frame = padding+int(frame[0]), frame[1:]
	}
	if padding >= len(frame) {
		return 0, nil
	}
	return toc, frame[:len(frame)-padding]
}
