package server

import (
	"sync/atomic"
	"testing"
)

// TestFullMixer: while the mixer can take no further call a new one is refused before anybody has looked at it, with a reason of its
// own; those that stand are served, and the next one is let in.
func TestFullMixer(t *testing.T) {
	s := serveTest(t, `
trunks: [{name: desk, from: ["127.0.0.0/8"], transports: [udp, tcp], methods: [sdes], codecs: [pcmu], calls: 9}]
`)
	var full atomic.Bool
	probe := full.Load
	s.full.Store(&probe)
	p := newPhone(t, s)
	stands, _ := p.joins(attempt{room: "desk", transport: "udp"})
	full.Store(true)
	for _, transport := range []string{"udp", "tcp"} {
		before := measured(t, s)
		o := p.call(attempt{room: "desk", transport: transport})
		after := measured(t, s)
		if o.status != 503 {
			t.Errorf("over %s: %d", transport, o.status)
		}
		const name = `conclave_sip_refusals_total{reason="full"}`
		if n := after[name] - before[name]; n != 1 {
			t.Errorf("over %s: %s rose by %v", transport, name, n)
		}
		for name, v := range after {
			if before[name] != v && len(name) > 24 && name[:24] == "conclave_refusals_total{" {
				t.Errorf("over %s: the gate was asked: %s", transport, name)
			}
		}
	}
	if err := stands.dialog.Bye(t.Context()); err != nil {
		t.Errorf("BYE of the call that stood: %v", err)
	}
	full.Store(false)
	until(t, "the seat is free", func() bool { return s.ledger.total() == 0 })
	p.joins(attempt{room: "desk", transport: "udp"})
}
