package keying

import (
	"testing"
)

// end is one side of a running dialog in tests.
type end struct {
	w    *world
	k    *Keyer
	call Call
	last *Agreement
}

// ends are alice's side and the room's of a dialog before its first exchange.
func (w *world) ends(kind string) (caller, server *end) {
	w.tb.Helper()
	ours, theirs := dialled(alice), answered()
	ours.Cert, theirs.Cert, theirs.Peer = kind, kind, alice
	ours.Secured, theirs.Secured = true, true
	return &end{w: w, k: w.caller(alice, kind), call: ours}, &end{w: w, k: w.server, call: theirs}
}

// dialog is one after its first exchange by a method, which the caller began.
func (w *world) dialog(m Method) (caller, server *end) {
	w.tb.Helper()
	return w.dialogBy(m, kindsOf(m)[0])
}

// dialogBy is dialog with a certificate of that kind.
func (w *world) dialogBy(m Method, kind string) (caller, server *end) {
	w.tb.Helper()
	caller, server = w.ends(kind)
	if m.agreesGroup() {
		caller.call.Group = P256
	}
	caller.settles(m, server)
	caller.call.Group = ""
	return caller, server
}

// offers makes an offer, of an update where something runs.
func (e *end) offers(m Method) *Initiation {
	e.w.tb.Helper()
	return e.w.offer(e.k, m, e.call)
}

// verifies an offer of the other side, whose description has the addresses that the other calls its own.
func (e *end) verifies(a Attributes, other *end) (*Verified, error) {
	a.Addresses = other.call.Addresses
	return e.k.Verify(a, e.call)
}

// takes an agreement in the place of the one before.
func (e *end) takes(a *Agreement) {
	if e.last != nil {
		e.last.Running.Wipe()
	}
	e.last, e.call.Running = a, a.Running
}

// answers is what e makes of an offer of the other end.
func (e *end) answers(i *Initiation, from *end) (*Agreement, Attributes) {
	e.w.tb.Helper()
	v, err := e.verifies(i.Attributes(), from)
	if err != nil {
		e.w.tb.Fatal(err)
	}
	theirs, response, err := e.k.Respond(e.w.tb.Context(), v, e.call)
	if err != nil {
		e.w.tb.Fatal(err)
	}
	return theirs, response
}

// exchanges is a whole exchange that e begins.
func (e *end) exchanges(m Method, other *end) (ours, theirs *Agreement) {
	e.w.tb.Helper()
	e.w.clock.move(1)
	i := e.offers(m)
	theirs, response := other.answers(i, e)
	response.Addresses = other.call.Addresses
	ours, err := i.Complete(e.w.tb.Context(), response)
	if err != nil {
		e.w.tb.Fatal(err)
	}
	return ours, theirs
}

// settles is one whose agreement both take.
func (e *end) settles(m Method, other *end) {
	e.w.tb.Helper()
	ours, theirs := e.exchanges(m, other)
	e.takes(ours)
	other.takes(theirs)
}

// renews is settles with new keys, which are not those before.
func (e *end) renews(m Method, other *end) {
	e.w.tb.Helper()
	before := e.last.Keys
	e.settles(m, other)
	if t, ok := e.w.tb.(*testing.T); ok {
		wantMirrored(t, &e.last.Keys, &other.last.Keys)
	}
	if e.last.Keys.Send.Key.Equal(before.Send.Key) || e.last.Keys.Receive.Key.Equal(before.Receive.Key) {
		e.w.tb.Error("an old key")
	}
}

// refreshes proves who is there and keeps the keys.
func (e *end) refreshes(m Method, other *end) {
	e.w.tb.Helper()
	e.call.Refresh = true
	defer func() { e.call.Refresh = false }()
	e.settles(m, other)
	if !e.last.Refreshed() || !other.last.Refreshed() {
		e.w.tb.Error("a refresh brought keys")
	}
}
