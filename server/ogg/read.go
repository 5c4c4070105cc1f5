package ogg

import (
	"encoding/binary"
	"strings"
)

const (
	headMagic = "OpusHead"
	tagsMagic = "OpusTags"
	headSize  = 19 // of a mono or stereo stream (RFC 7845 section 5.1)
)

// Read takes a whole file: its packets of sound, and how many samples at 48 kHz at the begin are not to be heard.
func Read(b []byte) (packets [][]byte, skip int, err error) {
	packets, err = packetsOf(b)
	if err != nil {
		return nil, 0, err
	}
	if len(packets) < 3 || len(packets[0]) != headSize || !strings.HasPrefix(string(packets[0]), headMagic) ||
		!strings.HasPrefix(string(packets[1]), tagsMagic) {
		return nil, 0, ErrFormat
	}
	head := packets[0]
	if version, channels, family := head[8], head[9], head[18]; version&0xf0 != 0 || channels != 1 || family != 0 {
		return nil, 0, ErrFormat
	}
	return packets[2:], int(binary.LittleEndian.Uint16(head[10:])), nil
}

// packetsOf puts the packets of all pages together.
func packetsOf(b []byte) (packets [][]byte, err error) {
	var whole []byte // of a packet that goes over pages
	var serial uint32
	for number := uint32(0); len(b) > 0; number++ {
		var p page
		if p, b, err = next(b); err != nil {
			return nil, err
		}
		if number == 0 {
			serial = p.serial
		}
		if p.serial != serial || p.number != number || (p.flags&flagFirst != 0) != (number == 0) || (p.flags&flagGoesOn != 0) != (len(whole) > 0) {
			return nil, ErrFormat
		}
		begin, end := 0, 0
		for _, n := range p.laces {
			if end += int(n); n == fullLace {
				continue
			}
			packet := p.body[begin:end]
			if len(whole) > 0 {
				packet, whole = append(whole, packet...), nil
			}
			packets, begin = append(packets, packet), end
		}
		if whole = append(whole, p.body[begin:]...); len(whole) > maxPacket {
			return nil, ErrFormat
		}
	}
	if len(whole) > 0 {
		return nil, ErrFormat
	}
	return packets, nil
}
