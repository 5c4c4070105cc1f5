package keying

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// moving is a dialog by a method under a policy that lets its TGK go on.
func (w *world) moving(m Method) (caller, server *end) {
	w.tb.Helper()
	caller, server = w.ends(kindsOf(m)[0])
	caller.call.Policy.MoveTGK, server.call.Policy.MoveTGK = MoveRunning, MoveRunning
	caller.settles(m, server)
	return caller, server
}

// device is another device of alice's, and the room's side of a leg to it that takes over from a leg.
func (w *world) device(from *end) (device, room *end) {
	w.tb.Helper()
	device, room = w.ends(CertECDSA)
	device.call.SSRC, room.call.SSRC = 0x3333_3333, 0x4444_4444
	device.call.Policy.MoveTGK, room.call.Policy.MoveTGK = MoveRunning, from.call.Policy.MoveTGK
	room.call.Handover = from.last.Running
	return device, room
}

// TestHandover: by every method's leg, also after updates by either side and refreshes, the running TGK goes to the other device
// under the pre-shared key: another bundle, another RAND, other TEKs that the guard has not seen; and on from there to the next.
func TestHandover(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.moving(m)
			for n, step := range []func(){
				func() {}, func() { caller.renews(m, server) }, func() { server.renews(m, caller) },
				func() { server.refreshes(m, caller) }, func() { caller.refreshes(m, server) },
			} {
				step()
				device, room := w.device(server)
				wantHandedOver(t, server, room, device)
				next, after := w.device(room)
				wantHandedOver(t, room, after, next)
				if !bytes.Equal(server.last.Running.tgk(), after.last.Running.tgk()) || !bytes.Equal(caller.last.Running.tgk(), next.last.Running.tgk()) {
					t.Errorf("step %d: the TGK is another", n)
				}
			}
		})
	}
}

// wantHandedOver has room offer to device with the TGK of from.
func wantHandedOver(t *testing.T, from, room, device *end) {
	t.Helper()
	if i := room.offers(MIKEYPSK); !i.HandsOver() {
		t.Error("the offer brings a TGK of its own")
	}
	room.settles(MIKEYPSK, device)
	wantMirrored(t, &room.last.Keys, &device.last.Keys)
	old, now := from.last.Running.bundle(), device.last.Running.bundle()
	if old.csb.ID() == now.csb.ID() || bytes.Equal(randOf(t, old), randOf(t, now)) {
		t.Error("the bundle or its RAND is that of the other leg")
	}
	if p := room.last.Posture; p.ForwardSecrecy || p.Method != MIKEYPSK {
		t.Errorf("posture %+v", p)
	}
	for _, k := range []Secret{room.last.Keys.Send.Key, room.last.Keys.Receive.Key} {
		if k.Equal(from.last.Keys.Send.Key) || k.Equal(from.last.Keys.Receive.Key) {
			t.Error("a TEK of the other leg")
		}
	}
}

// randOf is the RAND of the first message that a state knows; nil once only updates are left, which have none.
func randOf(t *testing.T, s *csbState) []byte {
	t.Helper()
	m, err := mikey.Parse(s.offers[0])
	if err != nil {
		t.Fatal(err)
	}
	if m.Update() {
		return nil
	}
	return m.RAND()
}

// TestHandoverFresh: without the policy's word no TGK is kept and none goes out; nor by another method, nor from a leg that has gone
// or has none.
func TestHandoverFresh(t *testing.T) {
	for name, c := range map[string]struct {
		method Method
		change func(server, room *end)
	}{
		"policy of the new leg":    {MIKEYPSK, func(_, room *end) { room.call.Policy.MoveTGK = MoveFresh }},
		"policy that says nothing": {MIKEYPSK, func(_, room *end) { room.call.Policy.MoveTGK = "" }},
		"Diffie-Hellman":           {MIKEYDHHMAC, func(_, _ *end) {}},
		"of a leg that has gone":   {MIKEYPSK, func(server, _ *end) { server.last.Running.Wipe() }},
		"of a leg of sdes": {MIKEYPSK, func(server, room *end) {
			caller, other := server.w.ends(CertECDSA)
			caller.settles(SDES, other)
			room.call.Handover = other.last.Running
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, server := w.moving(MIKEYPSK)
			tgk := server.last.Running.tgk()
			device, room := w.device(server)
			c.change(server, room)
			if room.offers(c.method).HandsOver() {
				t.Error("the running TGK goes out")
			}
			room.settles(c.method, device)
			if bytes.Equal(device.last.Running.tgk(), tgk) {
				t.Error("the device has the running TGK")
			}
		})
	}
	w := newWorld(t)
	caller, server := w.dialog(MIKEYPSK)
	if caller.last.Running.tgk() != nil || server.last.Running.tgk() != nil {
		t.Error("a TGK is kept although the policy does not say so")
	}
}

// TestHandoverWiped: the TGK goes with its leg, and with the keys that it made: the state before an update or a refresh has none left.
func TestHandoverWiped(t *testing.T) {
	w := newWorld(t)
	caller, server := w.moving(MIKEYPSK)
	first := server.last.Running.bundle().tgk.Bytes()
	caller.refreshes(MIKEYPSK, server)
	second := server.last.Running.bundle().tgk.Bytes()
	if !bytes.Equal(first, make([]byte, len(first))) || bytes.Equal(second, make([]byte, len(second))) {
		t.Error("a TGK outlived its state, or went with it")
	}
	server.last.Running.Wipe()
	if !bytes.Equal(second, make([]byte, len(second))) || server.last.Running.tgk() != nil {
		t.Error("a TGK outlived its leg")
	}
}

// TestHandoverRefused: a TGK goes to no other account and no other room, and begins a leg only.
func TestHandoverRefused(t *testing.T) {
	w := newWorld(t)
	_, server := w.moving(MIKEYPSK)
	for name, change := range map[string]func(*Call){
		"another account": func(c *Call) { c.Peer = bob },
		"another room":    func(c *Call) { c.Local = "sip:red@" + testDomain },
		"a running leg":   func(c *Call) { c.Running = server.last.Running },
	} {
		_, room := w.device(server)
		change(&room.call)
		if _, err := room.k.Initiate(t.Context(), MIKEYPSK, room.call); !errors.Is(err, ErrCall) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHandoverOfLongTGK: a TGK that a peer chose longer than any group's is not kept.
func TestHandoverOfLongTGK(t *testing.T) {
	w := newWorld(t)
	for octets, kept := range map[int]bool{maxKeptTGK: true, maxKeptTGK + 1: false} {
		_, server := w.ends(CertECDSA)
		server.call.Policy.MoveTGK = MoveRunning
		tgk := make([]byte, octets)
		_, _ = rand.Read(tgk)
		w.clock.move(1)
		v := w.verified(w.strangerPSK(func(p *mikey.Params) { p.TGK = tgk }), server.call)
		a, _, err := w.server.Respond(t.Context(), v, server.call)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Running.tgk() != nil; got != kept {
			t.Errorf("%d octets: kept %v", octets, got)
		}
	}
}
