package media

import "github.com/conclave/conclave/mixer/codec"

// samples returns one tick of a sample codec (G.711, L16) from packets of whatever duration.
func (p *playout) samples(set *settings, pos int64) codec.Frame {
	frame := int64(set.frame)
	first := &p.buffer.slots[0]
	p.played = pos + frame
	if first.at == pos && first.length == frame {
		payload := first.data
		p.buffer.take(1)
		return codec.Frame{Kind: codec.Voice, Payload: payload}
	}
	size := int64(set.sampleSize)
	if p.frame == nil {
		p.frame = make([]byte, wideClock/ticksPerSecond*2) // L16 at 16 kHz, the longest
	}
	out := p.frame[:frame*size]
	fillSilence(out, set.format.Codec)
	used := 0
	for i := range p.buffer.n {
		q := &p.buffer.slots[i]
		if q.at >= pos+frame {
			break
		}
		from, to := max(q.at, pos), min(q.end(), pos+frame)
		if from < to {
			copy(out[(from-pos)*size:(to-pos)*size], q.data[(from-q.at)*size:(to-q.at)*size])
		}
		if q.end() <= pos+frame && used == i {
			used++
		}
	}
	p.buffer.take(used)
	return codec.Frame{Kind: codec.Voice, Payload: out}
}

// fillSilence writes what the codec's zero looks like on the wire.
func fillSilence(out []byte, id codec.ID) {
	var zero byte
	switch id {
	case codec.PCMU:
		zero = 0xff
	case codec.PCMA:
		zero = 0xd5
	}
	for i := range out {
		out[i] = zero
	}
}

// opus returns the packet that begins in this tick. Longer ones leave the decoder ahead (Held follows); shorter ones are joined.
func (p *playout) opus(pos, frame int64) codec.Frame {
	first := &p.buffer.slots[0]
	payload, end, k := first.data, first.end(), 1
	if first.length < frame && p.owed == 0 {
		if joined, n := p.join(pos+frame, frame); n > 1 {
			payload, k, end = joined, n, p.buffer.slots[n-1].end()
		}
	}
	length := end - first.at
	p.buffer.take(k)
	p.played = end
	p.owed = max(p.owed+length-frame, 0)
	return codec.Frame{Kind: codec.Voice, Payload: payload}
}

// join makes one Opus packet of the short ones that begin before limit: code 3, frames of their own lengths (RFC 6716 section
// 3.2.5). Only single-frame packets of one configuration that follow one another can be joined; n says how many were.
func (p *playout) join(limit, frame int64) (packet []byte, n int) {
	const codeMask, codeThree, variable = 0x03, 0x03, 0x80
	slots := p.buffer.slots[:p.buffer.n]
	toc, total := slots[0].data[0], int64(0)
	for n < len(slots) {
		q := &slots[n]
		if q.at >= limit || q.data[0] != toc || toc&codeMask != 0 || total+q.length > frame ||
			(n > 0 && q.at != slots[n-1].end()) {
			break
		}
		total += q.length
		n++
	}
	if n < 2 {
		return nil, n
	}
	if p.merge == nil {
		p.merge = make([]byte, 0, maxDatagram)
	}
	out := append(p.merge[:0], toc|codeThree, variable|byte(n))
	for i := range n - 1 {
		out = appendFrameLength(out, len(slots[i].data)-1)
	}
	for i := range n {
		if len(out)+len(slots[i].data) > cap(p.merge) {
			return nil, 0
		}
		out = append(out, slots[i].data[1:]...)
	}
	return out, n
}

// appendFrameLength encodes the length of a frame (RFC 6716 section 3.2.1); lengths are at most 1275 in a valid packet.
func appendFrameLength(out []byte, n int) []byte {
	if n < 252 {
		return append(out, byte(n))
	}
	first := 252 + n&3
	return append(out, byte(first), byte((n-first)>>2))
}
