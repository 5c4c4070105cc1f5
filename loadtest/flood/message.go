package flood

import (
	"fmt"
	"net/netip"
	"strconv"
)

// script writes the requests of one call. What differs between calls follows from the call's number, so that nothing but the
// INVITE is kept.
type script struct {
	tag    string // of the run
	number int
	from   string // identity of the caller
	via    netip.AddrPort
}

func (f *flood) script(c *call, via netip.AddrPort) script {
	return script{tag: f.tag, number: c.number, from: c.who.bundle.URI, via: via}
}

// callID is the Call-ID of a call; number reads it back.
func (s script) callID() string { return strconv.Itoa(s.number) + "-" + s.tag }

// head writes the start line and the fields that every request has.
func (s script) head(b []byte, method, uri, branch, to string, cseq int) []byte {
	return fmt.Appendf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d-%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <%s>;tag=f%d\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, s.via, branch, s.number, s.tag, s.from, s.number, to, s.callID(), cseq, method)
}

func (s script) invite(room string, body []byte) []byte {
	b := s.head(make([]byte, 0, len(body)+512), "INVITE", room, "i", "<"+room+">", 1)
	b = fmt.Appendf(b, "Contact: <sip:flood@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n", s.via, len(body))
	return append(b, body...)
}

// ack acknowledges a 2xx; uri is the Contact of that (RFC 3261 section 13.2.2.4).
func (s script) ack(b []byte, uri, to string) []byte {
	return append(s.head(b, "ACK", uri, "a", to, 1), "Content-Length: 0\r\n\r\n"...)
}

// refusedAck acknowledges any other final response, within the transaction (RFC 3261 section 17.1.1.3).
func (s script) refusedAck(b []byte, uri, to string) []byte {
	return append(s.head(b, "ACK", uri, "i", to, 1), "Content-Length: 0\r\n\r\n"...)
}

func (s script) bye(b []byte, uri, to string) []byte {
	return append(s.head(b, "BYE", uri, "b", to, 2), "Content-Length: 0\r\n\r\n"...)
}
