package loadtest_test

import (
	"strconv"
	"testing"

	"github.com/conclave/conclave/keying"
)

// TestLimits: a full room, a full account and a full server say so, spend nothing on the caller, and take the next one as soon as a
// seat is free.
func TestLimits(t *testing.T) {
	h := serve(t, `
rooms: {on_demand: false, permanent: [{name: tiny, max_seats: 1}, {name: wide}]}
limits: {calls: 3, calls_per_account: 2}
`)
	b := newBooth(h)
	ann, ben, carl := h.account("ann", "ecdsa"), h.account("ben", "ecdsa"), h.account("carl", "rsa")
	x := &intruder{t: t, house: h, raw: newRaw(h)}
	refused := func(bundle *keying.Bundle, room string, status int, reason string) {
		t.Helper()
		before := h.metrics()
		x.bundle = bundle
		p := x.raw.ask(x.invite(room, body(t, x.message(bundle, room, keying.MIKEYDH, 0, nil))))
		after := h.metrics()
		if p.status != status {
			t.Errorf("%s to %s: %d, want %d", bundle.Account, room, p.status, status)
		}
		name := `conclave_refusals_total{reason="` + reason + `"}`
		if n := after[name] - before[name]; n != 1 {
			t.Errorf("%s rose by %v, want 1", name, n)
		}
		if n := after["conclave_dh_operations_total"] - before["conclave_dh_operations_total"]; n != 0 {
			t.Errorf("%s: %v Diffie-Hellman operations", reason, n)
		}
		if status == 503 {
			if n, err := strconv.Atoi(p.get("retry-after")); err != nil || n < 1 {
				t.Errorf("Retry-After %q", p.get("retry-after"))
			}
		}
		if n := after["conclave_calls"]; n != before["conclave_calls"] {
			t.Errorf("%s: %v calls counted, %v before", reason, n, before["conclave_calls"])
		}
	}

	first := b.call(ann, "tiny", keying.MIKEYPSK)
	refused(ben, "tiny", 486, "room_full")
	second := b.call(ann, "wide", keying.MIKEYDH)
	refused(ann, "wide", 486, "account_full")
	third := b.call(ben, "wide", keying.MIKEYDH)
	refused(carl, "wide", 503, "server_full")
	if err := h.api.Ready(within(t)); err == nil {
		t.Error("a full server says that it is ready")
	}
	for _, p := range []*phone{second, third} {
		p.hears()
	}
	for _, p := range []*phone{first, second, third} {
		p.stands()
	}

	first.hangUp()
	eventually(t, "a seat is free", func() bool { return h.metrics()["conclave_calls"] == 2 })
	if err := h.api.Ready(within(t)); err != nil {
		t.Errorf("a server with a free seat: %v", err)
	}
	b.call(carl, "tiny", keying.MIKEYDH).stands()
}
