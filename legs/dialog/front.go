package dialog

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// front is the first line of defence, the same for datagrams and streams: whatever gets past it is one whole message that
// our scan and sipgo's parser both read without complaint.
type front struct {
	door    *door
	traces  *traces
	repeats *repeats
	queued  func() int // new calls on their way to the reader
	parser  *sip.Parser
	budget  *budget
	stats   *counters
	stamp   func(callID, from, cseq string) string // stateless To tag
	now     func() time.Time
	full    func() bool // so many requests are in work that datagrams are not even looked at
}

// newParser gives sipgo's parser without its Contact and route fields: it splits quoted names at commas, so ours reads them.
func newParser() *sip.Parser {
	fields := maps.Clone(sip.DefaultHeadersParser()) // theirs is shared by the process
	for _, name := range []string{"contact", "m", "route", "record-route", "refer-to", "r", "referred-by", "b"} {
		delete(fields, name)
	}
	return sip.NewParser(sip.WithHeadersParsers(fields), func(p *sip.Parser) { p.MaxMessageLength = maxMessage })
}

// keepAlive tells whether b holds nothing but line ends and NULs (RFC 5626 section 3.5.1).
func keepAlive(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// triage does with a datagram what cannot wait, and costs less than copying it: what needs no look is dropped, whoever sends too much is
// not heard, and new calls are sent away while none is let in, by an answer that is written into room. ok: it goes on. It belongs to the goroutine
// that reads the socket.
func (f *front) triage(b []byte, from netip.AddrPort, room []byte) (a arrived, answer []byte, ok bool) {
	if len(b) >= maxDatagram || shedAck(b) || keepAlive(b) {
		return a, nil, false
	}
	if binding(b) {
		if f.full() || !f.budget.allow(from.Addr(), f.now(), standing.cost()) {
			f.stats.overBudget.Add(1)
			return a, nil, false
		}
		return a, bound(b, from), false
	}
	// Shape comes before the budget: what is no SIP at all costs nothing and earns nothing.
	if !shaped(b) {
		f.stats.malformed.Add(1)
		return a, nil, false
	}
	a = arrived{from: from}
	g, regular := peek(b)
	a.class = g.class(regular)
	if f.full() || !f.budget.allow(from.Addr(), f.now(), a.class.cost()) {
		f.stats.overBudget.Add(1)
		return a, nil, false
	}
	if a.class != standing && g.invite {
		if answer = f.knock(&a, b, &g, room); answer != nil {
			return a, answer, false
		}
	}
	a.text = bytes.Clone(b)
	return a, nil, true
}

// knock lets an INVITE in that begins a call, or sends it away. One that was let in and comes again is no other call: sipgo knows it.
func (f *front) knock(a *arrived, b []byte, g *glimpse, room []byte) (answer []byte) {
	at, mark := f.repeats.place(b)
	if a.let = *at == mark; a.let {
		return nil
	}
	if a.class == calls {
		if err := f.door.look(f.queued()); err != nil {
			f.stats.refuse(err.Error())
			return g.busy(room)
		}
		a.let = true
	}
	*at = mark
	return nil
}

// cost is what a datagram of that class takes of its source's budget for the time being.
func (c class) cost() float64 {
	if c == standing {
		return 1.0 / dialogFactor
	}
	return 1
}

// datagram checks one datagram that passed the triage and returns the message in it, cut to its Content-Length (RFC 3261 section
// 18.3), or a stateless answer to send, or neither.
func (f *front) datagram(a arrived) (msg, answer []byte) {
	b := a.text
	end := bytes.Index(b, []byte("\r\n\r\n"))
	head := b
	if end >= 0 {
		head = b[:end+4]
	}
	w, flaw := scan(head)
	if flaw == nil && end < 0 {
		flaw = bad("unterminated")
	}
	if flaw != nil && flaw.status == 0 {
		f.stats.malformed.Add(1)
		return nil, nil
	}
	// Whoever looked as if he belonged to a dialog pays the rest.
	if rest := w.cost() - a.class.cost(); rest > 0 && !f.budget.allow(a.from.Addr(), f.now(), rest) {
		f.stats.overBudget.Add(1)
		return nil, nil
	}
	if flaw == nil {
		rest := len(b) - len(head)
		switch {
		case w.length > rest:
			flaw = bad("content_length")
		case w.length >= 0:
			b = b[:len(head)+w.length]
		}
		if w.irregular && flaw == nil {
			b = w.rebuilt(b[len(head):])
		}
	}
	if flaw != nil {
		return nil, f.refuse(w, flaw)
	}
	return f.whole(b, w, a)
}

// whole takes a message that the scan has read.
func (f *front) whole(b []byte, w wire, a arrived) (msg, answer []byte) {
	m, flaw := f.parse(b)
	if flaw != nil {
		return nil, f.refuse(w, flaw)
	}
	if r, ok := m.(*sip.Request); ok && !r.IsAck() {
		if again, known := f.traces.find(f.traces.key(r, a.from)); known {
			return nil, []byte(again)
		}
	}
	if !a.let {
		if err := f.enter(w); err != nil {
			return nil, f.busy(w, err)
		}
	}
	return b, nil
}

// enter tells why a message does not pass, if it would begin a call.
func (f *front) enter(w wire) error {
	if w.method != "INVITE" || w.toTag {
		return nil
	}
	return f.door.look(0)
}

// cost is what a message takes from its source's budget: requests that may make a call cost one, all others a tenth.
func (w wire) cost() float64 {
	if w.request && !w.toTag && w.method != "CANCEL" {
		return 1
	}
	return 1.0 / dialogFactor
}

// parse lets sipgo's parser have its say before sipgo does: it logs and drops what it cannot read.
func (f *front) parse(b []byte) (sip.Message, *flaw) {
	m, err := f.parser.ParseSIP(b)
	if err != nil {
		return nil, bad("unparsable")
	}
	return m, nil
}

// refuse counts the flaw and makes the stateless answer: nil for responses and for ACK, which are never answered.
func (f *front) refuse(w wire, flaw *flaw) []byte {
	f.stats.malformed.Add(1)
	f.stats.refuse(flaw.reason)
	if !w.request || w.method == "ACK" || flaw.status == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", flaw.status, phrase(flaw.status))
	for _, via := range w.vias {
		fmt.Fprintf(&b, "Via: %s\r\n", via)
	}
	to := w.to
	if to != "" && !strings.Contains(strings.ToLower(to), "tag") {
		to += ";tag=" + f.stamp(w.callID, w.from, w.cseq)
	}
	for _, field := range []HeaderField{{"From", w.from}, {"To", to}, {"Call-ID", w.callID}, {"CSeq", w.cseq}} {
		if field.Value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", field.Name, field.Value)
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return []byte(b.String())
}
