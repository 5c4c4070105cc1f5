package legs

import (
	"fmt"
	"net"
	"testing"
)

// stranger is a SIP peer made of a socket: it sends what a test writes and answers nothing.
type stranger struct {
	t    *testing.T
	conn net.Conn
}

func newStranger(t *testing.T, to string) *stranger {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &stranger{t: t, conn: conn}
}

// invite sends an INVITE with that offer.
func (s *stranger) invite(body string) {
	s.t.Helper()
	message := fmt.Sprintf("INVITE %[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKstranger\r\nMax-Forwards: 70\r\n"+
		"From: <%[3]s>;tag=stranger\r\nTo: <%[1]s>\r\nCall-ID: stranger\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[2]s>\r\n"+
		"Content-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n%[5]s", room, s.conn.LocalAddr(), alice, len(body), body)
	if _, err := s.conn.Write([]byte(message)); err != nil {
		s.t.Fatal(err)
	}
}
