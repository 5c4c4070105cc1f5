package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestLadderIsDrawn: who is who by what he says of himself, arrows both ways, and only the first packet of a stream between two addresses.
func TestLadderIsDrawn(t *testing.T) {
	const (
		invite = "INVITE sip:hall@x SIP/2.0\r\nCSeq: 1 INVITE\r\nUser-Agent: laptop\r\nContact: <sip:l@127.0.0.1:40000>\r\nReplaces: ABCDEFGHIJKLMNOPQRSTUVWXYZ;to-tag=x;from-tag=y\r\n\r\n" +
			"v=0\r\nc=IN IP4 127.0.0.1\r\na=key-mgmt:mikey AQAFgDKsgXUCOwAA\r\nm=audio 5000 RTP/SAVP 0\r\n"
		ok  = "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nServer: Conclave\r\n\r\nv=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 6000 RTP/SAVP 0\r\n"
		rtp = "\x80\x00\x00\x01\x00\x00\x00\x01\x00\x00\x12\x34sound"
	)
	var capture strings.Builder
	for _, d := range []struct {
		at, from, to, payload string
	}{
		{"0.0", "127.0.0.1\t40000", "127.0.0.1\t5060", invite}, {"0.0015", "127.0.0.1\t5060", "127.0.0.1\t40000", ok},
		{"0.02", "127.0.0.1\t5000", "127.0.0.1\t6000", rtp}, {"0.04", "127.0.0.1\t5000", "127.0.0.1\t6000", rtp},
		{"1", "127.0.0.9\t7000", "127.0.0.1\t6000", rtp}, {"2", "127.0.0.1\t9", "127.0.0.1\t99", "nobody's"},
	} {
		fmt.Fprintf(&capture, "%s\t%s\t%s\t%x\n", d.at, d.from, d.to, d.payload)
	}
	l, err := readLadder(strings.NewReader(capture.String()))
	if err != nil {
		t.Fatal(err)
	}
	var drawn strings.Builder
	l.print(&drawn)
	const want = `      ms  laptop                 server
     0.0  |-- INVITE ----------->|  Replaces: id1;to-tag=x;from-tag=y; Contact: <sip:l@127.0.0.1>; MIKEY PSK, CSB 32ac8175; media at 127.0.0.1
     1.5  |<- 200 INVITE --------|  media at 127.0.0.1
    20.0  |-- SRTP ------------->|  the first from 127.0.0.1 to 127.0.0.1, SSRC 00001234
  1000.0  |-- SRTP ------------->|  the first from 127.0.0.9 to 127.0.0.1, SSRC 00001234
`
	if drawn.String() != want {
		t.Errorf("drawn:\n%s", drawn.String())
	}
	if _, err := readLadder(strings.NewReader("1\t127.0.0.1\t5060\n")); err == nil {
		t.Error("a line cut short passed")
	}
}
