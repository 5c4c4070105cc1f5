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

// shaped tells whether b begins as a message of SIP does; the scan has the last word.
func shaped(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if response(line) {
		return true
	}
	method, rest, ok := bytes.Cut(line, []byte(" "))
	return ok && isToken(string(method)) && bytes.IndexByte(rest, ':') >= 0
}

func response(b []byte) bool { return len(b) > 4 && bytes.EqualFold(b[:4], []byte("SIP/")) }

// repeats is a table of the INVITEs that were let in of late, by their octets, which a repeat has all the same (RFC 3261 section 17.1.1.2).
// An entry that another took the place of, or that stays for long, does no harm: only the handler counts. It belongs to the goroutine
// that reads the socket.
type repeats struct {
	seed   maphash.Seed
	prints [repeatSlots]uint64
}

func newRepeats() *repeats { return &repeats{seed: maphash.MakeSeed()} }

// place of an INVITE: it was let in if its print stands there.
func (r *repeats) place(b []byte) (at *uint64, mark uint64) {
	mark = maphash.Bytes(r.seed, b)
	return &r.prints[mark%repeatSlots], mark
}

// glimpse is what an INVITE has to be answered by, seen without parsing it: whole lines, where each field stands once on one.
type glimpse struct {
	vias               [8][]byte
	n                  int
	from, to, id, cseq []byte
	invite             bool
	standing           bool // it belongs to a call in any case
}

// class of what was seen.
func (g *glimpse) class(regular bool) class {
	switch {
	case g.standing, regular && hasTag(g.to):
		return standing
	case regular && g.invite:
		return calls
	}
	return others
}

// peek looks at a message. false: look closer, there is anything unusual about it.
func peek(b []byte) (g glimpse, regular bool) {
	g.invite = bytes.HasPrefix(b, []byte("INVITE "))
	g.standing = response(b) || bytes.HasPrefix(b, []byte("ACK ")) || bytes.HasPrefix(b, []byte("CANCEL "))
	if g.standing {
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
	return g, g.n > 0 && g.from != nil && g.to != nil && g.id != nil && g.cseq != nil
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

// busy is the 503 to it, in b.
func (g *glimpse) busy(b []byte) []byte {
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
func (f *front) busy(w wire, why error) []byte {
	f.stats.refuse(why.Error())
	var g glimpse
	for _, via := range w.vias[:min(len(w.vias), len(g.vias))] {
		g.vias[g.n] = []byte("Via: " + via)
		g.n++
	}
	g.from, g.to, g.id, g.cseq = []byte("From: "+w.from), []byte("To: "+w.to), []byte("Call-ID: "+w.callID), []byte("CSeq: "+w.cseq)
	return g.busy(nil)
}
