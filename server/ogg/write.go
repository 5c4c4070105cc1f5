package ogg

import (
	"encoding/binary"
	"io"
)

// Writer writes a stream of packets of 20 ms, a page a second.
type Writer struct {
	to      io.Writer
	serial  uint32
	number  uint32
	granule uint64 // samples so far
	packets int    // in the page that is being made
	laces   []byte
	body    []byte
	page    []byte
	err     error // of the writer below: nothing can be written any more
}

// NewWriter writes the head of a stream. The serial number tells it from others; tags are "NAME=value" (RFC 7845 section 5.2).
func NewWriter(to io.Writer, serial uint32, vendor string, tags ...string) (*Writer, error) {
	w := &Writer{to: to, serial: serial}
	head := append([]byte(headMagic), 1, 1) // version, channels
	head = binary.LittleEndian.AppendUint16(head, preSkip)
	head = binary.LittleEndian.AppendUint32(head, 48000)
	head = append(head, 0, 0, 0) // no gain, one channel
	text := sized([]byte(tagsMagic), vendor)
	text = binary.LittleEndian.AppendUint32(text, uint32(len(tags)))
	for _, t := range tags {
		text = sized(text, t)
	}
	for i, p := range [][]byte{head, text} { // each has a page of its own
		if err := w.put(p); err != nil {
			return nil, err
		}
		flags := byte(0)
		if i == 0 {
			flags = flagFirst
		}
		if err := w.flush(flags); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// sized appends a string behind its length.
func sized(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// Packet writes one packet. It does not keep it.
func (w *Writer) Packet(p []byte) error {
	if w.packets == mostPackets || len(w.laces)+len(p)/fullLace+1 > mostLaces {
		if err := w.flush(0); err != nil {
			return err
		}
	}
	if err := w.put(p); err != nil {
		return err
	}
	w.granule += frame48
	return nil
}

// put puts a packet into the page that is being made.
func (w *Writer) put(p []byte) error {
	if len(p) == 0 || len(p) >= mostLaces*fullLace {
		return ErrPacket
	}
	for n := len(p); ; n -= fullLace {
		if n < fullLace {
			w.laces = append(w.laces, byte(n))
			break
		}
		w.laces = append(w.laces, fullLace)
	}
	w.body = append(w.body, p...)
	w.packets++
	return nil
}

// flush writes the page.
func (w *Writer) flush(flags byte) error {
	if w.err != nil {
		return w.err
	}
	b := append(w.page[:0], capture...)
	b = append(b, 0, flags)
	b = binary.LittleEndian.AppendUint64(b, w.granule)
	b = binary.LittleEndian.AppendUint32(b, w.serial)
	b = binary.LittleEndian.AppendUint32(b, w.number)
	b = append(b, 0, 0, 0, 0, byte(len(w.laces)))
	b = append(append(b, w.laces...), w.body...)
	binary.LittleEndian.PutUint32(b[atChecksum:], checksum(b))
	w.page, w.laces, w.body, w.packets = b, w.laces[:0], w.body[:0], 0
	w.number++
	_, w.err = w.to.Write(b)
	return w.err
}

// Close writes the last page. What is below stays open.
func (w *Writer) Close() error { return w.flush(flagLast) }
