package media

import "encoding/binary"

// What the first octet of a datagram tells (RFC 7983 section 7), and the second of an RTP one (RFC 5761 section 4).
const (
	firstDTLS   = 20
	lastDTLS    = 63
	firstRTP    = 128
	lastRTP     = 191
	firstRTCP   = 192
	lastRTCP    = 223
	paddingBit  = 1 << 5
	extBit      = 1 << 4
	csrcMask    = 0x0f
	markerBit   = 1 << 7
	ptMask      = 0x7f
	rtpVersion2 = 2 << 6
)

// kind is what a datagram claims to be.
type kind uint8

const (
	kindOther kind = iota // STUN, TURN, garbage
	kindRTP
	kindRTCP
	kindDTLS
)

// classify looks at the first two octets only. The first octet of RTP covers its version 2 and nothing else.
func classify(b []byte) kind {
	if len(b) < rtcpHeader || b[0] < firstRTP || b[0] > lastRTP {
		if len(b) >= dtlsHeader && b[0] >= firstDTLS && b[0] <= lastDTLS {
			return kindDTLS
		}
		return kindOther
	}
	if b[1] >= firstRTCP && b[1] <= lastRTCP {
		return kindRTCP
	}
	return kindRTP
}

// header is the fixed part of an RTP header, and where the payload begins.
type header struct {
	size      int // octets, with CSRC list and extension
	padded    bool
	marker    bool
	pt        uint8
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	arrival   int64 // by the kernel, ns since 1970; not from the octets
}

// parseHeader reads the header of a packet that classify took for RTP; tail octets at the end belong to SRTP. It believes no
// length before it was compared with the datagram's.
func parseHeader(b []byte, tail int) (h header, ok bool) {
	if len(b) < rtpHeader+tail {
		return h, false
	}
	h = header{
		size: rtpHeader + 4*int(b[0]&csrcMask), padded: b[0]&paddingBit != 0,
		marker: b[1]&markerBit != 0, pt: b[1] & ptMask, sequence: binary.BigEndian.Uint16(b[2:]),
		timestamp: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
	}
	if b[0]&extBit != 0 {
		if len(b) < h.size+4+tail {
			return h, false
		}
		h.size += 4 + 4*int(binary.BigEndian.Uint16(b[h.size+2:]))
	}
	return h, len(b) >= h.size+tail
}

// payload cuts header and padding off a decrypted packet (RFC 3550 section 5.1: the last octet counts the padding, itself included).
func (h *header) payload(plain []byte) (b []byte, ok bool) {
	if len(plain) < h.size {
		return nil, false
	}
	b = plain[h.size:]
	if !h.padded {
		return b, true
	}
	if len(b) == 0 {
		return nil, false
	}
	n := int(b[len(b)-1])
	if n == 0 || n > len(b) {
		return nil, false
	}
	return b[:len(b)-n], true
}
