package keying

import (
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// TestUpdateUnbound: who has bound its addresses once must go on, and who never did need not begin.
func TestUpdateUnbound(t *testing.T) {
	for _, m := range ofMIKEY() {
		w := newWorld(t)
		caller, server := w.dialog(m)
		bare := func() Attributes {
			caller.call.Addresses = nil
			a := caller.offers(m).Attributes()
			caller.call.Addresses = []byte("here")
			return a
		}
		v, err := server.verifies(bare(), caller)
		if err != nil {
			t.Fatal(err)
		}
		v.Abandon()
		caller.call.Addresses = []byte("here")
		caller.refreshes(m, server)
		_, err = server.verifies(bare(), caller)
		wantRefusal(t, err, ReasonAddressChanged)
		server.renews(m, caller) // and that of the other side counts for itself
		_, err = server.verifies(bare(), caller)
		wantRefusal(t, err, ReasonAddressChanged)
	}
}

// TestAnswerBound: the answer to an update that binds its addresses binds its own, also where it is the first to do so; one to an
// update that does not, binds none, and then the addresses bound before stand.
func TestAnswerBound(t *testing.T) {
	for _, m := range ofMIKEY() {
		for _, refresh := range []bool{false, true} {
			w := newWorld(t)
			caller, server := w.dialog(m)
			caller.call.Refresh = refresh
			answered := func(from, to []byte) (*Initiation, Attributes) {
				caller.call.Addresses, server.call.Addresses = from, to
				i := caller.offers(m)
				theirs, response := server.answers(i, caller)
				server.takes(theirs)
				return i, response
			}
			i, response := answered([]byte("here"), []byte("there"))
			response.Addresses = []byte("elsewhere")
			_, err := i.Complete(t.Context(), response)
			wantRefusal(t, err, ReasonAddressChanged)
			response.Addresses = []byte("there")
			ours, err := i.Complete(t.Context(), response)
			if err != nil {
				t.Fatalf("%s: the true answer after a forged one: %v", m, err)
			}
			caller.takes(ours)
			if a := (Attributes{Addresses: []byte("elsewhere")}); ours.Running.Same(a) {
				t.Errorf("%s: addresses bound by an answer do not stand", m)
			}
		}
		w := newWorld(t)
		caller, server := w.dialog(m)
		i := caller.offers(m)
		v, err := server.verifies(i.Attributes(), caller)
		if err != nil {
			t.Fatal(err)
		}
		server.call.Addresses = []byte("there")
		_, response, err := server.k.Respond(t.Context(), v, server.call)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := mikey.Parse(response.MIKEY); err != nil {
			t.Error(err)
		} else if _, bound := r.VendorExt(); bound {
			t.Errorf("%s: an extension for a peer that may not know it", m)
		}
	}
}

// TestBoundAddressesStand: once bound, the addresses do not change by a description without an update, which anybody could have
// taken out of it.
func TestBoundAddressesStand(t *testing.T) {
	for _, m := range ofMIKEY() {
		w := newWorld(t)
		caller, server := w.dialog(m)
		here, elsewhere := Attributes{Addresses: []byte("here")}, Attributes{Addresses: []byte("elsewhere")}
		if !server.last.Running.Same(elsewhere) {
			t.Errorf("%s: bound before anything was", m)
		}
		caller.call.Addresses = here.Addresses
		caller.refreshes(m, server)
		repeated := Attributes{MIKEY: server.last.Running.Message(), Addresses: elsewhere.Addresses}
		for name, c := range map[string]struct {
			a    Attributes
			want bool
		}{
			"where they are": {here, true}, "not told": {Attributes{}, true}, "elsewhere": {elsewhere, false}, "elsewhere, with the old message": {repeated, false},
		} {
			if got := server.last.Running.Same(c.a); got != c.want {
				t.Errorf("%s: %s: %v", m, name, got)
			}
		}
		server.renews(m, caller) // what the other side binds is another matter
		if !server.last.Running.Same(here) || server.last.Running.Same(elsewhere) {
			t.Errorf("%s: forgotten by an update of the other side", m)
		}
		caller.call.Addresses = elsewhere.Addresses
		caller.refreshes(m, server)
		if server.last.Running.Same(here) || !server.last.Running.Same(elsewhere) {
			t.Errorf("%s: a refresh did not move them", m)
		}
		caller.call.Addresses = nil // a description that names none, as of a call on hold, has nothing to bind
		caller.refreshes(m, server)
		if server.last.Running.Same(here) || !server.last.Running.Same(elsewhere) {
			t.Errorf("%s: forgotten by a refresh that says none", m)
		}
	}
}
