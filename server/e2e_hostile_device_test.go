package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/legs"
)

// pair is a seat of ann's that is to go from her laptop to her phone, with a server that does not wait long.
type pair struct {
	*Server
	laptop, phone *mobile
	old           *mobileLeg
	seat          SeatView
}

func newPair(t *testing.T, yaml string) *pair {
	t.Helper()
	s := serveTest(t, yaml)
	s.waits.Store(&patience{ring: 2 * time.Second, call: 2 * time.Second, heard: time.Second, turn: time.Second})
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	p := &pair{Server: s, laptop: newMobile(t, s, ann, "laptop"), phone: newMobile(t, s, ann, "phone")}
	p.phone.register()
	p.old, p.seat = p.laptop.joins("hall")
	yes := true
	if _, err := s.PatchSeat(t.Context(), "hall", p.seat.ID, SeatPatch{Muted: &yes}); err != nil {
		t.Fatal(err)
	}
	return p
}

// rings begins a move by REFER and returns when the phone rings; the outcome of the referral comes in the channel.
func (p *pair) rings(t *testing.T) <-chan error {
	t.Helper()
	p.phone.status.Store(180)
	moving := make(chan error, 1)
	go func() { moving <- p.old.Refer(t.Context(), p.phone.uri()) }()
	taken(t, p.phone.rings)
	return moving
}

// free waits until nothing is left of the seat and its calls.
func (p *pair) free(t *testing.T) {
	t.Helper()
	until(t, "the seat is free and no call is left", func() bool {
		seats, err := p.Seats(t.Context(), "hall")
		return (err != nil || len(seats) == 0) && p.ledger.total()+p.line.Ports.InUse()+len(p.journeys.slots)+len(p.calls.all()) == 0
	})
}

// failed is how often a move failed for that reason.
func (p *pair) failed(t *testing.T, way how, reason string) float64 {
	t.Helper()
	return measured(t, p.Server)[fmt.Sprintf(`conclave_moves_total{how="%s",result="%s"}`, way, reason)]
}

// TestDevicesThatFail: whatever the new device does wrong, the old leg goes on as if nothing had been, and who asked is told why. What is
// by hand is a device that registered over TCP and gets the INVITE.
func TestDevicesThatFail(t *testing.T) {
	bad := func(body string) func(*wire, reply) {
		return func(w *wire, invite reply) {
			w.sends(w.response(invite, "200 OK", body))
			w.t.Cleanup(func() { _ = w.conn.Close() })
		}
	}
	for _, c := range []struct {
		name   string
		status int // of the fragment
		reason string
		do     func(w *wire, invite reply)
	}{
		{"404", 404, failRefused, func(w *wire, invite reply) { w.sends(w.response(invite, "404 Not Found", "")) }},
		{"503", 503, failRefused, func(w *wire, invite reply) { w.sends(w.response(invite, "503 Service Unavailable", "")) }},
		{"it only rings", 408, failNoAnswer, func(w *wire, invite reply) { w.sends(w.response(invite, "180 Ringing", "")) }},
		{"it says nothing at all", 408, failNoAnswer, func(*wire, reply) {}},
		{"an answer without a description", 488, failKeying, bad("")},
		{"an answer that is none", 488, failKeying, bad("v=9\r\n")},
		{"an answer without keys", 488, failKeying, bad(hijacking)},
		{"an answer with keys of another kind", 488, failKeying, bad(sdesOffer)},
		{"its own offer for an answer", 488, failKeying, func(w *wire, invite reply) {
			_, body, _ := strings.Cut(invite.text, "\r\n\r\n")
			w.sends(w.response(invite, "200 OK", body))
		}},
		{"its connection closes while it rings", 480, failUnreachable, func(w *wire, invite reply) {
			w.sends(w.response(invite, "180 Ringing", ""))
			_ = w.conn.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, "policies: {standard: {methods: [mikey-psk]}}\n")
			w := newWire(t, p.Server, "tcp", "127.0.0.1")
			w.registers(p.laptop.bundle)
			moving := make(chan error, 1)
			go func() {
				moving <- p.old.Refer(t.Context(), fmt.Sprintf("sip:x@%s;transport=tcp", w.conn.LocalAddr()))
			}()
			invite := reply{text: w.reads(e2ePatience)}
			if !strings.HasPrefix(invite.text, "INVITE ") {
				t.Fatalf("came: %q", invite.text)
			}
			c.do(w, invite)
			var refused *legs.Refused
			if err := taken(t, moving); !errors.As(err, &refused) || refused.Status != c.status {
				t.Errorf("the referral ends with %v", err)
			}
			if p.failed(t, byReferral, c.reason) != 1 {
				t.Errorf("counted %v", measured(t, p.Server))
			}
			p.same(t)
			until(t, "one call is left, and its port", func() bool { return p.ledger.total() == 1 && p.line.Ports.InUse() == 1 && len(p.journeys.slots) == 0 })
			p.phone.status.Store(0) // and the seat can move yet
			if err := p.old.Refer(t.Context(), p.phone.uri()); err != nil {
				t.Errorf("the next move: %v", err)
			}
		})
	}
}

// same tells whether the old leg fills the seat as before, and hears.
func (p *pair) same(t *testing.T) {
	t.Helper()
	now := seated(t, p.Server, "hall")
	if now.ID != p.seat.ID || now.Leg.ID != p.seat.Leg.ID || !now.Muted || now.Leg.Keying.CSBID != p.seat.Leg.Keying.CSBID {
		t.Errorf("the seat is %+v on %+v", now, now.Leg)
	}
	heard := p.old.Stream().Snapshot().PacketsReceived
	until(t, "the old leg hears", func() bool { return p.old.Stream().Snapshot().PacketsReceived > heard })
}

// response writes an answer to a request of the server's, with a tag of its own.
func (w *wire) response(to reply, status, body string) string {
	lines := []string{"SIP/2.0 " + status}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		value := to.field(name)
		if name == "To" {
			value += ";tag=device"
		}
		lines = append(lines, name+": "+value)
	}
	lines = append(lines, fmt.Sprintf("Contact: <sip:x@%s;transport=%s>", w.conn.LocalAddr(), w.transport))
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(append(lines, fmt.Sprintf("Content-Length: %d", len(body)), ""), "\r\n") + "\r\n" + body
}
