package ogg

import (
	"encoding/binary"
	"errors"
)

// The header of a page (RFC 3533 section 6).
const (
	capture     = "OggS"
	headerSize  = 27
	atFlags     = 5
	atGranule   = 6
	atSerial    = 14
	atSequence  = 18
	atChecksum  = 22
	atSegments  = 26
	mostLaces   = 255 // segments of a page
	fullLace    = 255 // a packet goes on behind a segment of that size
	flagGoesOn  = 1   // the page begins with the rest of a packet
	flagFirst   = 2
	flagLast    = 4
	polynomial  = 0x04c11db7
	frame48     = 960 // samples of a packet, 20 ms at 48 kHz, in which granules count whatever the codec does
	preSkip     = 312 // samples at the begin that a decoder makes of nothing (RFC 7845 section 4.2), as libopus has it
	mostPackets = 50  // of a page of ours: one second, as RFC 7845 section 3 asks
	maxPacket   = 1 << 16
)

// Errors.
var (
	// ErrFormat says that the octets are no Opus in Ogg, or none of the kind that this package takes.
	ErrFormat = errors.New("ogg: no Opus in Ogg that can be read")
	// ErrPacket says that a packet is empty, or too long for a page.
	ErrPacket = errors.New("ogg: a packet has no octets, or too many")
)

// table is of the checksum, which begins with the highest bit, as no package of the standard library does.
var table = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// checksum is that of a page, whose own field counts as zero.
func checksum(page []byte) (sum uint32) {
	for i, b := range page {
		if i >= atChecksum && i < atSegments {
			b = 0
		}
		sum = sum<<8 ^ table[byte(sum>>24)^b]
	}
	return sum
}

// page is one page as it was read.
type page struct {
	flags  byte
	serial uint32
	number uint32
	laces  []byte
	body   []byte
}

// next takes a page off the octets.
func next(b []byte) (p page, rest []byte, err error) {
	if len(b) < headerSize || string(b[:len(capture)]) != capture || b[len(capture)] != 0 {
		return p, nil, ErrFormat
	}
	laces := int(b[atSegments])
	if len(b) < headerSize+laces {
		return p, nil, ErrFormat
	}
	p = page{
		flags: b[atFlags], serial: binary.LittleEndian.Uint32(b[atSerial:]), number: binary.LittleEndian.Uint32(b[atSequence:]),
		laces: b[headerSize : headerSize+laces],
	}
	size := 0
	for _, n := range p.laces {
		size += int(n)
	}
	end := headerSize + laces + size
	if len(b) < end || checksum(b[:end]) != binary.LittleEndian.Uint32(b[atChecksum:]) {
		return p, nil, ErrFormat
	}
	p.body = b[headerSize+laces : end]
	return p, b[end:], nil
}
