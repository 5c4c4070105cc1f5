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

func (released) Referred(_ *legs.Leg, r *legs.Referral) { r.Refuse(dialog.Response{Status: 603}) }
func (released) Pressed(*legs.Leg, byte)                {}
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
	if n, ok := measured(t, s)["conclave_srtp_index_repeated_total"]; n != 0 || !ok {
		t.Errorf("%v indexes used twice (%v)", n, ok)
	}
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

// TestPeerRefusesChanges: what a phone refuses leaves the call as it was, unless its keys were to change: then it ends.
func TestPeerRefusesChanges(t *testing.T) {
	s := serveTest(t, trunkYAML)
	o, seat := newPhone(t, s).joins(attempt{room: "hall", transport: "udp"})
	asked := make(chan string, 2) // bodies of the re-INVITEs
	go func() {                   // until the call is over
		for ev := range o.dialog.Inbox() {
			if ev.Kind == dialog.Reinvite {
				asked <- string(ev.Request.Body)
				ev.Reply(dialog.Response{Status: 488})
			}
		}
	}()
	if err := s.Reinvite(t.Context(), "hall", seat.ID); err != nil {
		t.Fatal(err)
	}
	same := taken(t, asked)
	if err := s.Rekey(t.Context(), "hall", seat.ID); err != nil { // waits for its turn
		t.Fatal(err)
	}
	fresh := taken(t, asked)
	_, running, _ := strings.Cut(o.answer, "inline:")
	running, _, _ = strings.Cut(running, "\r\n")
	if !strings.Contains(same, running) || strings.Contains(fresh, running) || !strings.Contains(fresh, "inline:") {
		t.Error("the re-INVITE bears other keys, or the change of keys the same")
	}
	until(t, "the call has ended", func() bool { return s.ledger.total() == 0 })
	m := measured(t, s)
	if m[`conclave_rekeys_total{result="refused"}`] != 1 || m[`conclave_endings_total{reason="rekey_failed"}`] != 1 {
		t.Errorf("%v refused, %v calls ended", m[`conclave_rekeys_total{result="refused"}`], m[`conclave_endings_total{reason="rekey_failed"}`])
	}
}

// TestKeysAreRenewed: the server changes keys by itself before they are as old as the policy lets them be.
func TestKeysAreRenewed(t *testing.T) {
	s := serveTest(t, "policies: {standard: {max_key_age: 1s}}\n")
	leg, err := newPhone(t, s).legOf(enrolled(t, s, NewAccount{Name: "ann"}), "hall", keying.MIKEYPSK, "")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the keys are renewed", func() bool { return leg.Terms().Rekeys >= 1 && seated(t, s, "hall").Leg.Keying.Rekeys >= 1 })
	if m := measured(t, s); m[`conclave_rekeys_total{result="done"}`] < 1 || m[`conclave_rekeys_total{result="failed"}`] != 0 {
		t.Errorf("counted as %v", m)
	}
}

// TestChangesAreBounded: the API has no more re-INVITEs under way than the server can bear.
func TestChangesAreBounded(t *testing.T) {
	s := serveTest(t, trunkYAML)
	_, seat := newPhone(t, s).joins(attempt{room: "hall", transport: "udp"})
	busy := make(chan struct{})
	for range maxChanges {
		if !s.chores.begin(func(context.Context) { <-busy }) {
			t.Fatal("too few at a time")
		}
	}
	if err := s.Rekey(t.Context(), "hall", seat.ID); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one too many: %v", err)
	}
	close(busy)
}

// TestWithoutKeysYet: while the handshake of a leg runs it counts as the weakest of its room, and is shown to have no keys.
func TestWithoutKeysYet(t *testing.T) {
	s := serveTest(t, "")
	p := newPhone(t, s)
	if _, err := p.legOf(enrolled(t, s, NewAccount{Name: "ann"}), "hall", keying.DTLSSRTP, ""); err != nil { // nobody moves its records
		t.Fatal(err)
	}
	if k := seated(t, s, "hall").Leg.Keying; k.Method != "dtls-srtp" || k.Suite != "" || k.KeyAgeS != 0 || k.PeerIdentity != "" {
		t.Errorf("keying %+v", k)
	}
	if _, err := p.legOf(enrolled(t, s, NewAccount{Name: "ben"}), "hall", keying.MIKEYPSK, ""); err != nil {
		t.Fatal(err)
	}
	until(t, "both are seated", func() bool { return len(s.calls.all()) == 2 })
	if r, err := s.Room(t.Context(), "hall"); err != nil || r.Weakest == nil || r.Weakest.Method != "dtls-srtp" || r.Weakest.Suite != "" {
		t.Errorf("weakest %+v, %v", r.Weakest, err)
	}
	if m := measured(t, s); m[`conclave_legs{forward_secrecy="false",method="dtls-srtp",suite="none"}`]+m[`conclave_legs{forward_secrecy="true",method="dtls-srtp",suite="none"}`] != 1 {
		t.Errorf("legs are counted as %v", m)
	}
}

// TestChangeBeforeTheCallStands: a seat whose ACK has not come has no call to change, and a server has its bound.
func TestChangeBeforeTheCallStands(t *testing.T) {
	s := serveTest(t, "")
	st := &seat{id: "s1"}
	o := newTenancy(s)
	err := s.rooms.seat(t.Context(), "hall", st, o)
	r := o.room
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
