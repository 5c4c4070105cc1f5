package dialog

import (
	"bytes"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
)

// shedTag begins the To tag of those whom the front sends away. No dialog of ours has such a tag (newTag), so that the ACK of the
// refusal is known by it and dropped unread.
const shedTag = "shed-"

var shedMark = []byte(";tag=" + shedTag) //nolint:gochecknoglobals // constant octets

// shedAck tells the ACK of a refusal of ours.
func shedAck(b []byte) bool { return bytes.HasPrefix(b, []byte("ACK ")) && bytes.Contains(b, shedMark) }

// glimpse is what an INVITE has to be answered by, seen without parsing it: whole lines, where each field stands once on one.
type glimpse struct {
	vias               [8][]byte
	n                  int
	from, to, id, cseq []byte
}

// peek looks at an INVITE outside a dialog. false: look closer, there is anything unusual about it.
func peek(b []byte) (g glimpse, ok bool) {
	if !bytes.HasPrefix(b, []byte("INVITE ")) {
		return g, false
	}
	for first := true; ; first = false {
		end := bytes.IndexByte(b, '\n')
		if end < 1 || b[end-1] != '\r' {
			return g, false
		}
		line := b[:end-1]
		if b = b[end+1:]; len(line) == 0 {
			break
		}
		if !first && !g.see(line) {
			return g, false
		}
	}
	return g, g.n > 0 && g.from != nil && g.to != nil && g.id != nil && g.cseq != nil && !hasTag(g.to)
}

// hasTag tells whether there may be a tag in a To.
func hasTag(to []byte) bool {
	for i := 0; i+3 <= len(to); i++ {
		if to[i]|0x20 == 't' && to[i+1]|0x20 == 'a' && to[i+2]|0x20 == 'g' {
			return true
		}
	}
	return false
}

// see takes note of a line that the answer repeats.
func (g *glimpse) see(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || len(line) > maxLine || line[0] == ' ' || line[0] == '\t' {
		return false
	}
	once := func(field *[]byte) bool {
		fresh := *field == nil
		*field = line
		return fresh
	}
	switch name := line[:colon]; {
	case bytes.EqualFold(name, []byte("via")) || bytes.EqualFold(name, []byte("v")):
		if g.n == len(g.vias) {
			return false
		}
		g.vias[g.n] = line
		g.n++
	case bytes.EqualFold(name, []byte("from")) || bytes.EqualFold(name, []byte("f")):
		return once(&g.from)
	case bytes.EqualFold(name, []byte("to")) || bytes.EqualFold(name, []byte("t")):
		return once(&g.to)
	case bytes.EqualFold(name, []byte("call-id")) || bytes.EqualFold(name, []byte("i")):
		return once(&g.id)
	case bytes.EqualFold(name, []byte("cseq")):
		return once(&g.cseq)
	}
	return true
}

// value of a line.
func value(line []byte) []byte { return bytes.Trim(line[bytes.IndexByte(line, ':')+1:], " \t") }

// number of the CSeq; 0 when there is none that can be read.
func (g *glimpse) number() uint32 {
	digits, _, _ := bytes.Cut(value(g.cseq), []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// busy is the 503 to it.
func (g *glimpse) busy() []byte {
	b := make([]byte, 0, 768)
	b = append(b, "SIP/2.0 503 Service Unavailable\r\n"...)
	for _, via := range g.vias[:g.n] {
		b = append(append(b, via...), "\r\n"...)
	}
	b = append(append(b, g.from...), "\r\n"...)
	b = append(append(b, g.to...), shedMark...)
	b = strconv.AppendUint(b, maphash.Bytes(tagSeed, g.id), 36)
	for _, line := range [][]byte{g.id, g.cseq} {
		b = append(append(b, "\r\n"...), line...)
	}
	b = append(b, "\r\nRetry-After: "...)
	b = strconv.AppendInt(b, int64(retryAfter()), 10)
	return append(b, "\r\nContent-Length: 0\r\n\r\n"...)
}

// tagSeed makes the tags of shed calls: the same for a repeated request.
var tagSeed = maphash.MakeSeed() //nolint:gochecknoglobals // set once

// retryAfter spreads the return of those whom we sent away, in seconds.
func retryAfter() int { return retryAfterMin + rand.IntN(retryAfterSpan+1) } //nolint:gosec // spread, not secrecy

// busy is the same for a message that was scanned.
func (f *front) busy(w wire, why string) []byte {
	f.stats.refuse(why)
	var g glimpse
	for _, via := range w.vias[:min(len(w.vias), len(g.vias))] {
		g.vias[g.n] = []byte("Via: " + via)
		g.n++
	}
	g.from, g.to, g.id, g.cseq = []byte("From: "+w.from), []byte("To: "+w.to), []byte("Call-ID: "+w.callID), []byte("CSeq: "+w.cseq)
	return g.busy()
}
