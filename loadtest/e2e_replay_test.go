package loadtest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// TestReplay: what was recorded on the wire is worth nothing: not in a new dialog, not with a digest around it, not in another
// room, not after a restart.
func TestReplay(t *testing.T) {
	h := serve(t, "limits: {requests_per_source: 100000}")
	x := &intruder{t: t, house: h, raw: newRaw(h), bundle: h.account("mallory", "ecdsa")}
	recorded := make(map[keying.Method]string)
	for _, m := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
		recorded[m] = body(t, x.message(x.bundle, "standup", m, 0, nil))
		call := x.raw.place(x.invite("standup", recorded[m]))
		x.replayed("while the call stands, "+string(m), "standup", recorded[m], "mikey_replayed")
		call.bye()
		x.replayed("after the call, "+string(m), "standup", recorded[m], "mikey_replayed")
		x.replayed("in another room, "+string(m), "lobby", recorded[m], "mikey_wrong_identity")
	}
	h.stop()
	h.start()
	x.raw = newRaw(h)
	for m, offer := range recorded {
		x.replayed("after a restart, "+string(m), "standup", offer, "mikey_stale")
	}
	// What is new is taken at once: nobody waits out the window after a restart.
	x.raw.place(x.invite("standup", body(t, x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)))).bye()
}

// replayed sends the octets again, in a new dialog from a new socket, bare and with a digest.
func (x *intruder) replayed(when, room, offer, reason string) {
	x.t.Helper()
	before := x.house.metrics()
	if p := newRaw(x.house).ask(x.invite(room, offer)); p.status != 401 {
		x.t.Errorf("%s: %d, want 401", when, p.status)
	}
	if p := newRaw(x.house).proven(x.invite(room, offer), x.bundle); p.status != 488 || !strings.HasPrefix(p.get("warning"), "306 ") {
		x.t.Errorf("%s, with a digest: %d %s, want 488", when, p.status, p.get("warning"))
	}
	after := x.house.metrics()
	name := `conclave_refusals_total{reason="` + reason + `"}`
	if n := after[name] - before[name]; n != 2 {
		x.t.Errorf("%s: %s rose by %v, want 2", when, name, n)
	}
	if n := after["conclave_dh_operations_total"] - before["conclave_dh_operations_total"]; n != 0 {
		x.t.Errorf("%s: %v Diffie-Hellman operations", when, n)
	}
}

// TestInDialogIntruder: knowing a dialog's tags, as everybody on the way does, is no right to change it.
func TestInDialogIntruder(t *testing.T) {
	h := serve(t, "limits: {requests_per_source: 100000}")
	x := &intruder{t: t, house: h, raw: newRaw(h), bundle: h.account("mallory", "ecdsa")}
	owner := h.account("olga", "ecdsa")
	message := x.message(owner, "standup", keying.MIKEYDH, 0, nil)
	q := x.invite("standup", body(t, message))
	q.from = owner.URI
	call := x.raw.place(q)
	eventually(t, "media goes where the offer said", func() bool { return h.seatOf("standup", "olga").Leg.MediaAddr == "127.0.0.1:9" })
	seat := h.seatOf("standup", "olga")
	stranger := newRaw(h)
	for n, c := range []struct {
		name   string
		q      *request
		body   string
		auth   *keying.Bundle // answers the challenge
		status int
	}{
		{"BYE", call.inside("BYE", 100), "", nil, 401},
		{"BYE by mallory", call.inside("BYE", 101), "", x.bundle, 403},
		{"INFO", call.inside("INFO", 102), "", nil, 401},
		{"OPTIONS", call.inside("OPTIONS", 103), "", nil, 401},
		{"re-INVITE", call.inside("INVITE", 104), "", nil, 401},
		{"re-INVITE with the running octets", call.inside("INVITE", 105), body(t, message), nil, 401},
		{"re-INVITE without keys", call.inside("INVITE", 106), strings.Replace(body(t, message), "a=key-mgmt", "a=other", 1), nil, 401},
		{"re-INVITE with keys of mallory's", call.inside("INVITE", 107), body(t, x.message(x.bundle, "standup", keying.MIKEYDH, 0, nil)), nil, 401},
		{"UPDATE with the running octets", call.inside("UPDATE", 108), body(t, message), nil, 401},
	} {
		before := h.metrics()
		if c.body != "" {
			c.q.body, c.q.contentType = c.body, offer.ContentType
		}
		p := stranger.ask(c.q)
		if c.auth != nil && p.status == 401 {
			again := *c.q
			again.cseq, again.branch = c.q.cseq+1000+n, ""
			again.extra = authorization(p.get("www-authenticate"), again.method, again.uri, c.auth.Digest.Username, string(c.auth.Digest.Password.Bytes()))
			p = stranger.ask(&again)
		}
		if p.status != c.status {
			t.Errorf("%s from elsewhere: %d, want %d", c.name, p.status, c.status)
		}
		if d := h.metrics()["conclave_dh_operations_total"] - before["conclave_dh_operations_total"]; d != 0 {
			t.Errorf("%s from elsewhere: %v Diffie-Hellman operations", c.name, d)
		}
	}
	now, err := h.api.Seat(within(t), "standup", seat.ID)
	if err != nil || now.Leg == nil || now.Leg.ID != seat.Leg.ID || now.Leg.Keying.CSBID != seat.Leg.Keying.CSBID || now.Leg.Keying.Rekeys != 0 ||
		now.Leg.State != seat.Leg.State || now.Leg.MediaAddr != seat.Leg.MediaAddr {
		t.Errorf("the call was changed: %+v (%v)", now.Leg, err)
	}
	// Its owner still may, from where it called.
	same := call.inside("INVITE", 5000)
	same.body = body(t, message)
	p := call.ask(same)
	if p.status != 200 {
		t.Fatalf("the owner's re-INVITE: %d", p.status)
	}
	if d, err := offer.Parse([]byte(p.body)); err != nil || len(d.Media) != 1 || d.Media[0].Port == 0 {
		t.Errorf("answer %q: %v", p.body, err)
	}
	call.send(call.inside("ACK", 5000).text("udp", call.conn.LocalAddr()))
	// A new message of the owner's proves itself from anywhere: that is how a phone comes back from another network.
	moved := call.inside("INVITE", 5001)
	fresh := x.message(owner, "standup", keying.MIKEYDH, 0, nil)
	moved.body = body(t, fresh)
	if p := stranger.ask(moved); p.status != 200 {
		t.Errorf("the owner from a new address: %d %s", p.status, p.get("warning"))
	}
	stranger.send(call.inside("ACK", 5001).text("udp", stranger.conn.LocalAddr()))
	eventually(t, "new keys", func() bool { return h.seatOf("standup", "olga").Leg.Keying.Rekeys == 1 })
	if p := call.ask(call.inside("BYE", 6000)); p.status != 401 {
		t.Errorf("a BYE from the old address: %d, want 401", p.status)
	}
	if p := stranger.ask(call.inside("BYE", 6001)); p.status != 200 {
		t.Errorf("the owner's BYE: %d", p.status)
	}
	if bytes.Equal(fresh, message) {
		t.Error("two messages alike")
	}
}

// TestHangUpAtOnce: a caller may say BYE with the 200 just read; the server must know the dialog by then.
func TestHangUpAtOnce(t *testing.T) {
	h := serve(t, "limits: {requests_per_source: 100000, calls_per_account: 100}" /* a seat is free a tick or two after the BYE */)
	x := &intruder{t: t, house: h, raw: newRaw(h), bundle: h.account("hasty", "ecdsa")}
	for range 40 {
		x.raw.place(x.invite("standup", body(t, x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)))).bye()
	}
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
	if n := h.metrics()[`conclave_endings_total{reason="bye"}`]; n != 40 {
		t.Errorf("%v calls ended by BYE, want 40", n)
	}
}
