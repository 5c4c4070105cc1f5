package legs

import (
	"slices"
	"sync"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// tap keeps the offers that come to the answering side.
type tap struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (p *tap) look(r *dialog.Request) *dialog.Response {
	if r.Method == "INVITE" && len(r.Body) > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.bodies = append(p.bodies, slices.Clone(r.Body))
	}
	return nil
}

func (p *tap) taken() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bodies)
}

// TestUpdatesAreTakenOnce: an update that comes again, or in another call of the same people, is refused with a MIKEY error message, and
// leaves keys and call as they are.
func TestUpdatesAreTakenOnce(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, w *world, m keying.Method) {
		if !m.Authenticates() {
			t.Skip("its offers are protected by what carries them, or are of a certificate")
		}
		c, heard := w.call(w.outgoing(m)), &tap{}
		c.flows()
		w.answeringHook.set(heard.look)
		for _, k := range []kind{rekeying, refreshing, rekeying} {
			if err := c.caller.request(within(t), k); err != nil {
				t.Fatalf("kind %d: %v", k, err)
			}
		}
		c.rekeyed(2)
		old := heard.taken()
		if len(old) != 3 {
			t.Fatalf("%d offers", len(old))
		}
		before := c.callee.Terms()
		for i, body := range old[:2] { // the last is of the running keys
			resp := c.reinvite(body)
			refused := &Refused{Status: resp.Status}
			refused.hint(resp.Body, before.Posture.CSBID)
			if resp.Status != 488 || !w.gated && (refused.Hint == nil || len(refused.Hint.Numbers) == 0) {
				t.Errorf("update %d again: %d, hint %+v", i, resp.Status, refused.Hint)
			}
		}
		if c.callee.Terms() != before {
			t.Error("an old update changed the terms")
		}
		c.flows()
		c.lossless()

		if err := c.caller.Hangup(within(t), "hangup"); err != nil {
			t.Fatal(err)
		}
		got(t, c.calleeOwner.ended, "an ending")
		other := w.call(w.outgoing(m))
		other.flows()
		before = other.callee.Terms()
		for i, body := range old {
			if resp := other.reinvite(body); resp.Status != 488 {
				t.Errorf("update %d in another call: %d", i, resp.Status)
			}
		}
		if other.callee.Terms() != before {
			t.Error("an update of another call changed the terms")
		}
		other.flows()
	})
}
