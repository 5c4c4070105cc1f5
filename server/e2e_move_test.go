package server

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// ways are how a seat comes to a device: each has it moved, and returns when that was asked for.
var ways = []struct {
	name string
	how  how
	move func(t *testing.T, s *Server, from *mobileLeg, to *mobile, seat string)
}{
	{"REFER", byReferral, func(t *testing.T, _ *Server, from *mobileLeg, to *mobile, _ string) {
		if err := from.Refer(t.Context(), to.uri()); err != nil {
			t.Errorf("the referral ends with %v", err)
		}
	}},
	{"REFER to the account itself", byReferral, func(t *testing.T, _ *Server, from *mobileLeg, to *mobile, _ string) {
		if err := from.Refer(t.Context(), to.bundle.URI); err != nil {
			t.Errorf("the referral ends with %v", err)
		}
	}},
	{"REFER outside the dialog", byReferral, func(t *testing.T, s *Server, from *mobileLeg, to *mobile, _ string) {
		callID, local, remote := from.Dialog().Tags()
		m := from.mobile
		resp, err := m.endpoint.Request(t.Context(), dialog.Outgoing{
			Method: "REFER", URI: s.uri("hall"), From: m.bundle.URI, Destination: s.SIPAddress("udp").String(),
			Username: m.bundle.Digest.Username, Password: string(m.bundle.Digest.Password.Bytes()), Realm: m.bundle.Digest.Realm,
			Header: []dialog.HeaderField{
				{Name: "Refer-To", Value: "<" + to.uri() + ">"},
				{Name: "Target-Dialog", Value: dialog.TargetDialog{CallID: callID, LocalTag: remote, RemoteTag: local}.String()},
			},
		})
		if err != nil || resp.Status != 202 {
			t.Errorf("%+v, %v", resp, err)
		}
	}},
	{"Replaces", byReplaces, func(t *testing.T, s *Server, from *mobileLeg, to *mobile, _ string) {
		o, err := to.call("hall", from.replaces())
		if err != nil {
			t.Fatal(err)
		}
		to.legs <- o
	}},
	{"the API, we call", byOrder, func(t *testing.T, s *Server, _ *mobileLeg, to *mobile, seat string) {
		if _, err := s.MoveSeat(t.Context(), "hall", seat, MoveRequest{Target: to.uri()}); err != nil {
			t.Fatal(err)
		}
	}},
	{"the API, the device calls", bySending, func(t *testing.T, s *Server, _ *mobileLeg, to *mobile, seat string) {
		if _, err := s.MoveSeat(t.Context(), "hall", seat, MoveRequest{Target: to.uri(), Via: "send"}); err != nil {
			t.Fatal(err)
		}
		refer := taken(t, to.refers)
		if refer.URI.Identity() != s.uri("hall") || refer.Replaces == nil {
			t.Fatalf("referred to %+v", refer)
		}
		o, err := to.call("hall", dialog.HeaderField{Name: "Replaces", Value: refer.Replaces.String()})
		if err != nil {
			t.Fatal(err)
		}
		to.legs <- o
	}},
}

// TestMoves: a seat goes to another device of its owner whatever way, is the same seat there, muted as before, and the old device is sent
// away when the new one was heard.
func TestMoves(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, "")
			ann := enrolled(t, s, NewAccount{Name: "ann"})
			laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
			laptop.register()
			phone.register()
			old, seat := laptop.joins("hall")
			muted := true
			if _, err := s.PatchSeat(t.Context(), "hall", seat.ID, SeatPatch{Muted: &muted}); err != nil {
				t.Fatal(err)
			}
			way.move(t, s, old, phone, seat.ID)
			leg := taken(t, phone.legs)
			if end := taken(t, old.ended); end.Reason != "bye" {
				t.Errorf("the old leg ended with %+v", end)
			}
			now := seated(t, s, "hall")
			if now.ID != seat.ID || !now.Muted || !now.JoinedAt.Equal(seat.JoinedAt) || now.Leg.ID == seat.Leg.ID {
				t.Errorf("the seat is %+v on %+v, was %+v", now, now.Leg, seat)
			}
			if now.Leg.Keying.CSBID == seat.Leg.Keying.CSBID || now.Leg.Keying.PeerIdentity != ann.URI {
				t.Errorf("keyed %+v, was %+v", now.Leg.Keying, seat.Leg.Keying)
			}
			m := measured(t, s)
			if m[`conclave_moves_total{how="`+string(way.how)+`",result="done"}`] != 1 {
				t.Errorf("counted %v", m)
			}
			if m["conclave_srtp_index_repeated_total"] != 0 {
				t.Error("an index was used twice")
			}
			until(t, "one call is left", func() bool { return s.ledger.total() == 1 })
			if err := leg.Hangup(t.Context(), "hangup"); err != nil {
				t.Error(err)
			}
			until(t, "the seat is free", func() bool { seats, err := s.Seats(t.Context(), "hall"); return err == nil && len(seats) == 0 })
		})
	}
}

// TestMovesBackAndForth: one seat can move any number of times, and its account never has more calls than devices.
func TestMovesBackAndForth(t *testing.T) {
	s := serveTest(t, "limits: {calls_per_account: 1}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	devices := []*mobile{newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")}
	for _, d := range devices {
		d.register()
	}
	old, seat := devices[0].joins("hall")
	for n := range 6 {
		to := devices[(n+1)%2]
		if err := old.Refer(t.Context(), to.uri()); err != nil {
			t.Fatalf("move %d: %v", n, err)
		}
		taken(t, old.ended)
		old = taken(t, to.legs)
		if now := seated(t, s, "hall"); now.ID != seat.ID {
			t.Fatalf("move %d: another seat", n)
		}
	}
	until(t, "one call is left", func() bool { return s.ledger.total() == 1 })
}

// TestMovesToTheOther: the account's own URI means the device that does not speak, also where the one that does is registered by a
// connection whose port is not that of its Contact.
func TestMovesToTheOther(t *testing.T) {
	s := serveTest(t, "")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
	laptop.over, phone.over = "tcp", "tcp"
	laptop.register()
	phone.register()
	old, seat := laptop.joins("hall")
	if err := old.Refer(t.Context(), ann.URI); err != nil {
		t.Fatalf("the referral ends with %v", err)
	}
	taken(t, old.ended)
	taken(t, phone.legs)
	if now := seated(t, s, "hall"); now.ID != seat.ID || now.Leg.Transport != "tcp" {
		t.Errorf("the seat is %+v on %+v", now, now.Leg)
	}
}

// failures are what can go wrong with a new device.
var failures = []struct {
	name, reason string
	status       int // of the fragment
	spoil        func(to *mobile)
}{
	{"it is busy", failRefused, 486, func(to *mobile) { to.status.Store(486) }},
	{"it declines", failRefused, 603, func(to *mobile) { to.status.Store(603) }},
	{"it has another key", failRefused, 488, func(to *mobile) {
		other := *to.bundle
		other.PSK = keying.NewSecret(make([]byte, 32))
		keyer, err := keying.NewBundleKeyer(&other, keying.BundleConfig{})
		if err != nil {
			to.t.Fatal(err)
		}
		to.keyer.Store(keyer)
	}},
	{"it says nothing", failNoMedia, 408, func(to *mobile) { to.mute.Store(true) }},
}

// TestMovesThatFail: the old leg goes on as if nothing had happened, and who asked is told why.
func TestMovesThatFail(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := serveTest(t, "policies: {standard: {methods: [mikey-psk]}}\n")
			s.waits.Store(&patience{ring: e2ePatience, call: e2ePatience, heard: time.Second, turn: time.Second})
			ann := enrolled(t, s, NewAccount{Name: "ann"})
			laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
			phone.register()
			old, seat := laptop.joins("hall")
			f.spoil(phone)
			var refused *legs.Refused
			if err := old.Refer(t.Context(), phone.uri()); !errors.As(err, &refused) || refused.Status != f.status {
				t.Errorf("the referral ends with %v", err)
			}
			until(t, "one call is left", func() bool { return s.ledger.total() == 1 })
			if now := seated(t, s, "hall"); now.ID != seat.ID || now.Leg.ID != seat.Leg.ID {
				t.Errorf("the seat is %+v, was %+v", now, seat)
			}
			if m := measured(t, s); m[`conclave_moves_total{how="refer",result="`+f.reason+`"}`] != 1 {
				t.Errorf("counted %v", m)
			}
			before := old.Stream().Snapshot().PacketsReceived
			until(t, "the old leg hears", func() bool { return old.Stream().Snapshot().PacketsReceived > before+10 })

			phone.status.Store(0) // and the seat can move yet
			phone.mute.Store(false)
			if f.status == 488 {
				return
			}
			if err := old.Refer(t.Context(), phone.uri()); err != nil {
				t.Errorf("the next one fails: %v", err)
			}
		})
	}
}

// TestMoveWithoutNotice: a device that answers no NOTIFY has its seat moved all the same.
func TestMoveWithoutNotice(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "policies: {standard: {methods: [mikey-psk, sdes]}}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	to := newMobile(t, s, ann, "phone")
	to.register()
	old, seat := newPhone(t, s).joins(attempt{room: "hall", transport: "tls", as: ann})
	resp, err := old.dialog.Send(t.Context(), "REFER", []dialog.HeaderField{{Name: "Refer-To", Value: "<" + to.uri() + ">"}}, "", nil)
	if err != nil || resp.Status != 202 {
		t.Fatalf("%v %+v", err, resp)
	}
	var leg *mobileLeg
	select {
	case leg = <-to.legs:
	case <-time.After(10 * time.Second): // its dialog answers by itself after 16 s
		t.Fatal("the move waits for the answer")
	}
	until(t, "the seat is the other device's", func() bool { return seated(t, s, "hall").Leg.ID != seat.Leg.ID })
	if now := seated(t, s, "hall"); now.ID != seat.ID {
		t.Errorf("seat %s, was %s", now.ID, seat.ID)
	}
	if err := leg.Hangup(t.Context(), "hangup"); err != nil {
		t.Error(err)
	}
}

// TestReferralOutsideIsTold: who refers outside a dialog is told how it goes in one subscription: with CSeqs that rise, where he speaks from,
// whatever route he names.
func TestReferralOutsideIsTold(t *testing.T) {
	t.Parallel()
	x := newScene(t, "")
	phone := newMobile(t, x.server, x.ann, "phone")
	phone.register()
	w := newWire(t, x.server, "udp", "127.0.0.1")
	r := x.outside("REFER", "ann")
	r.fields[0] = "Refer-To: <" + phone.uri() + ">"
	r.fields = append(r.fields, "Record-Route: <sip:127.0.0.9;lr>", w.owns(x.ann, r))
	w.sends(w.text(r))
	var told []string
	for seq, over := 0, false; !over; {
		m := w.reads(e2ePatience)
		switch line, _, _ := strings.Cut(m, "\r\n"); {
		case m == "":
			t.Fatalf("told no more than %q", told)
		case strings.HasPrefix(line, "NOTIFY "):
			n := reply{text: m}
			number, _, _ := strings.Cut(n.field("CSeq"), " ")
			if now, err := strconv.Atoi(number); err != nil || now <= seq {
				t.Errorf("CSeq %s after %d", number, seq)
			} else {
				seq = now
			}
			_, word, _ := strings.Cut(m, "\r\n\r\n")
			told, over = append(told, strings.TrimSpace(word)), strings.HasPrefix(n.field("Subscription-State"), "terminated")
			answer := "SIP/2.0 200 OK\r\n"
			for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
				answer += name + ": " + n.field(name) + "\r\n"
			}
			w.sends(answer + "Content-Length: 0\r\n\r\n")
		case !strings.HasPrefix(line, "SIP/2.0 202 "):
			t.Errorf("answered %s", line)
		}
	}
	if len(told) != 2 || told[0] != "SIP/2.0 100 Trying" || told[1] != "SIP/2.0 200 OK" {
		t.Errorf("told %q", told)
	}
	taken(t, x.leg.ended)
}

// TestReplacesWithoutKeys: a device that calls with Replaces and whose key exchange comes to nothing has the move fail for that.
func TestReplacesWithoutKeys(t *testing.T) {
	s := serveTest(t, "media: {codecs: [opus]}\n")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	laptop, phone := newMobile(t, s, ann, "laptop"), newMobile(t, s, ann, "phone")
	laptop.line.Codecs = []string{"opus"}
	old, seat := laptop.joins("hall")
	var refused *legs.Refused
	if _, err := phone.call("hall", old.replaces()); !errors.As(err, &refused) || refused.Status != 488 { // it has PCMU only
		t.Errorf("the call ends with %v", err)
	}
	until(t, "the move is counted", func() bool { return measured(t, s)[`conclave_moves_total{how="replaces",result="keying"}`] == 1 })
	if now := seated(t, s, "hall"); now.Leg.ID != seat.Leg.ID {
		t.Errorf("the seat is on %+v", now.Leg)
	}
}
