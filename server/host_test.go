package server

import (
	"net/netip"
	"testing"
)

// TestCallMoves: a call is at the address of its last proven request. One over another transport does not count: a large request may
// take TCP in a call over UDP (RFC 3261 section 18.1.1), and the ports of the two have nothing to do with each other.
func TestCallMoves(t *testing.T) {
	first, second := netip.MustParseAddrPort("192.0.2.7:5060"), netip.MustParseAddrPort("192.0.2.7:40001")
	c := &call{transport: "udp", from: first}
	c.moved("tcp", second)
	if got := c.source(); got != first {
		t.Errorf("after a request over TCP: %v", got)
	}
	c.moved("udp", second)
	if got := c.source(); got != second {
		t.Errorf("after a request over UDP: %v", got)
	}
}
