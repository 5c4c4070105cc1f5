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
	parser *sip.Parser
	budget *budget
	stats  *counters
	stamp  func(callID, from, cseq string) string // stateless To tag
	now    func() time.Time
	full   func() bool // so many requests are in work that datagrams are not even looked at
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
func keepAlive(b []byte) bool { return len(bytes.Trim(b, "\r\n\x00")) == 0 }

// datagram checks one datagram and returns the message in it, cut to its Content-Length (RFC 3261 section 18.3), or a
// stateless answer to send, or neither.
func (f *front) datagram(b []byte, from netip.Addr) (msg, answer []byte) {
	if len(b) >= maxDatagram || keepAlive(b) {
		return nil, nil
	}
	if f.full() {
		f.stats.overBudget.Add(1)
		return nil, nil
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	head := b
	if end >= 0 {
		head = b[:end+4]
	}
	w, flaw := scan(head)
	if flaw == nil && end < 0 {
		flaw = bad("unterminated")
	}
	// Shape comes before the budget: what is no SIP at all costs nothing and earns nothing.
	if flaw != nil && flaw.status == 0 {
		f.stats.malformed.Add(1)
		return nil, nil
	}
	if !f.budget.allow(from, f.now(), w.cost()) {
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
	if flaw == nil {
		flaw = f.parse(b)
	}
	if flaw != nil {
		return nil, f.refuse(w, flaw)
	}
	return b, nil
}

// cost is what a message takes from its source's budget: requests that may make a call cost one, all others a tenth.
func (w wire) cost() float64 {
	if w.request && !w.toTag && w.method != "CANCEL" {
		return 1
	}
	return 1.0 / dialogFactor
}

// parse lets sipgo's parser have its say before sipgo does: it logs and drops what it cannot read.
func (f *front) parse(b []byte) *flaw {
	if _, err := f.parser.ParseSIP(b); err != nil {
		return bad("unparsable")
	}
	return nil
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
