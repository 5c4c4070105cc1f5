package server

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
)

// released is the owner of a caller's leg: nobody ticks its stream, so that it may go at once.
type released struct{}

func (released) Accepted(*legs.Leg)  {}
func (released) Confirmed(*legs.Leg) {}
func (released) Ended(l *legs.Leg, _ legs.Ending) {
	l.Release()
}

// legOf has an account call a room by a method, with a caller of ours.
func (p *phone) legOf(b *keying.Bundle, room string, m keying.Method, g keying.Group) (*legs.Leg, error) {
	p.t.Helper()
	keyer, err := keying.NewBundleKeyer(b, keying.BundleConfig{})
	if err != nil {
		p.t.Fatal(err)
	}
	line := &legs.Line{
		Domain: p.server.cfg.SIP.Domain, Keyer: keyer, Ports: media.NewPorts(netip.MustParseAddr("127.0.0.1"), 0, 0),
		Codecs: []string{"pcmu"}, CNAME: "caller", Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), e2ePatience)
	defer cancel()
	l, err := line.Call(ctx, p.endpoint, legs.Outgoing{
		Invitation: dialog.Invitation{
			URI: p.server.uri(room), From: b.URI, Transport: "udp", Destination: p.server.SIPAddress("udp").String(),
			Username: b.Digest.Username, Password: string(b.Digest.Password.Bytes()), Realm: b.Digest.Realm,
		},
		Local: b.URI, Peer: p.server.uri(room), Policy: keying.StandardPolicy(), Methods: []keying.Method{m}, Group: g,
	}, released{})
	if err == nil {
		p.t.Cleanup(func() {
			_ = l.Hangup(context.Background(), "hangup") // ErrEnded: gone
			<-l.Done()
		})
	}
	return l, err
}

// TestChangesByAPI: an operator has the keys of a call changed, and has its peer prove itself; what comes of it shows.
func TestChangesByAPI(t *testing.T) {
	s := serveTest(t, "")
	p := newPhone(t, s)
	leg, err := p.legOf(enrolled(t, s, NewAccount{Name: "ann"}), "hall", keying.MIKEYDH, keying.P256)
	if err != nil {
		t.Fatal(err)
	}
	seat := seated(t, s, "hall")
	if k := seat.Leg.Keying; k.Group != "p256" || !k.ForwardSecrecy || k.PeerIdentity != "sip:ann@localhost" || k.PeerFingerprint == "" || k.Overdue {
		t.Errorf("keying %+v", k)
	}
	if err := s.Reinvite(t.Context(), "hall", seat.ID); err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); n <= 2; n++ {
		if err := s.Rekey(t.Context(), "hall", seat.ID); err != nil {
			t.Fatal(err)
		}
		until(t, "the keys are changed on both sides", func() bool {
			return seated(t, s, "hall").Leg.Keying.Rekeys == n && leg.Terms().Rekeys == n
		})
	}
	until(t, "the changes are counted", func() bool {
		m := measured(t, s)
		return m[`conclave_rekeys_total{result="done"}`] == 2 && m[`conclave_rekeys_total{result="failed"}`] == 0
	})
	if k := seated(t, s, "hall").Leg.Keying; k.CSBID != seat.Leg.Keying.CSBID || k.Method != "mikey-dh" {
		t.Errorf("after the changes: %+v", k)
	}
	for name, change := range map[string]func(ctx context.Context, room, seat string) error{"rekey": s.Rekey, "reinvite": s.Reinvite} {
		if err := change(t.Context(), "nowhere", seat.ID); !errors.Is(err, ErrUnknownRoom) {
			t.Errorf("%s in a room that is not open: %v", name, err)
		}
		if err := change(t.Context(), "hall", "s0"); !errors.Is(err, ErrUnknownSeat) {
			t.Errorf("%s of a seat that is none: %v", name, err)
		}
	}
}

// TestChangeBeforeTheCallStands: a seat whose ACK has not come has no call to change, and a server has its bound.
func TestChangeBeforeTheCallStands(t *testing.T) {
	s := serveTest(t, "")
	st := &seat{id: "s1"}
	r, err := s.rooms.seat(t.Context(), "hall", st)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(ctx context.Context, room, seat string) error{"rekey": s.Rekey, "reinvite": s.Reinvite} {
		if err := change(t.Context(), "hall", "s1"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.do(t.Context(), func() { <-r.leave(st) }); err != nil {
		t.Fatal(err)
	}
}

// TestLeastStrength: a room that asks for more than the one registered group can give refuses it in words.
func TestLeastStrength(t *testing.T) {
	s := serveTest(t, "policies: {standard: {min_dh_bits: 112}}\n")
	p := newPhone(t, s)
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	_, err := p.legOf(ann, "hall", keying.MIKEYDH, keying.MODP1536)
	var refused *legs.Refused
	if !errors.As(err, &refused) || refused.Status != 488 || !strings.Contains(refused.Warning, "group") {
		t.Errorf("modp1536: %v", err)
	}
	if _, err := p.legOf(ann, "hall", keying.MIKEYDH, keying.MODP2048); err != nil {
		t.Errorf("modp2048: %v", err)
	}
}
