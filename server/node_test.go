package server

import (
	"testing"
)

// TestNode: the view counts what there is, and says why nobody else may come.
func TestNode(t *testing.T) {
	t.Parallel()
	s := serveTest(t, deskYAML+"sip: {tls: \"\"}\nlimits: {calls: 1}\n")
	enrolled(t, s, NewAccount{Name: "ann"})
	v := s.Node(t.Context())
	if v.State != "ready" || v.Remaining != 1 || v.Rooms != 1 || v.Calls != 0 || v.Accounts != 1 || v.UptimeS <= 0 || v.Domain != s.cfg.SIP.Domain {
		t.Errorf("at first %+v", v)
	}
	if v.Listeners.UDP != s.SIPAddress("udp").String() || v.Listeners.TCP == "" || v.Listeners.TLS != "" {
		t.Errorf("listens at %+v", v.Listeners)
	}
	newPhone(t, s).joins(attempt{room: "hall", transport: "udp"})
	if v := s.Node(t.Context()); v.State != "full" || v.Remaining != 0 || v.Calls != 1 {
		t.Errorf("with a call %+v", v)
	}
	s.stopping.Store(true)
	if v := s.Node(t.Context()); v.State != "stopping" {
		t.Errorf("at the end %+v", v)
	}
	s.stopping.Store(false)
}
