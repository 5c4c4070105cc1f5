package legs

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// meeting makes the first re-INVITEs of both sides cross: each is held back until the other's has come.
func (w *world) meeting() {
	var both sync.WaitGroup
	both.Add(2)
	var once [2]sync.Once
	meet := func(i int) func(*dialog.Request) *dialog.Response {
		return func(r *dialog.Request) *dialog.Response {
			if r.Method == "INVITE" {
				once[i].Do(both.Done)
				both.Wait()
			}
			return nil
		}
	}
	w.answeringHook.set(meet(0))
	w.callingHook.set(meet(1))
}

// TestGlare: both sides change the call at once. Whoever hears 491 waits and tries again, and both changes come about.
func TestGlare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	before := c.callee.Terms()
	w.meeting()
	results := make(chan error, 2)
	go func() { results <- c.caller.Hold(within(t), true) }()
	go func() { results <- c.callee.Reinvite(within(t)) }()
	for range 2 {
		if err := got(t, results, "an answer"); err != nil {
			t.Error(err)
		}
	}
	if n := w.answering.endpoint.Stats().Refused["glare"] + w.calling.endpoint.Stats().Refused["glare"]; n == 0 {
		t.Error("there was no glare")
	}
	eventually(t, "one state on both sides", func() bool { return c.caller.State() == Held && c.callee.State() == Held })
	hold(t, c.callee, false) // the caller holds: an offer of the held side does not take it back
	if a, b := c.caller.Terms(), c.callee.Terms(); !a.Send || a.Receive || b.Send || !b.Receive {
		t.Errorf("a leg that is held took itself back: %v/%v %v/%v", a.Send, a.Receive, b.Send, b.Receive)
	}
	hold(t, c.caller, false)
	sameKeys(t, c.callee, before)
	c.flows()
}

// TestGlareIsGivenUp: who hears nothing but 491 stops after a bounded number of tries, and nothing has changed; so does who asked for no
// more patience.
func TestGlareIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	c.flows()
	before := c.caller.Terms()
	var mu sync.Mutex
	tries := 0
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
		if r.Method != "INVITE" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		tries++
		return &dialog.Response{Status: 491}
	})
	var refused *Refused
	if err := c.caller.Rekey(within(t)); !errors.As(err, &refused) || refused.Status != 491 {
		t.Errorf("%v, want 491", err)
	}
	mu.Lock()
	if tries != maxTries {
		t.Errorf("%d tries, want %d", tries, maxTries)
	}
	mu.Unlock()
	impatient, cancel := context.WithCancel(context.Background())
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
		if r.Method != "INVITE" {
			return nil
		}
		cancel()
		return &dialog.Response{Status: 491}
	})
	if err := c.caller.Hold(impatient, true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the caller's impatience", err)
	}
	w.answeringHook.set(func(*dialog.Request) *dialog.Response { return nil })
	if after := c.caller.Terms(); after != before || c.caller.State() != Confirmed {
		t.Errorf("terms changed, state %v", c.caller.State())
	}
	hold(t, c.caller, true)
}

// stalls holds up re-INVITEs at the answering side, once the first has arrived, until goOn is closed.
func (w *world) stalls() (arrived <-chan struct{}, goOn chan<- struct{}) {
	came, on := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.answeringHook.set(func(r *dialog.Request) *dialog.Response {
		if r.Method == "INVITE" {
			once.Do(func() { close(came) })
			<-on
		}
		return nil
	})
	return came, on
}

// TestChangesWaitTheirTurn: a few changes queue behind the one on its way, in their order; more are turned away at once.
func TestChangesWaitTheirTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	arrived, goOn := w.stalls()
	results := make(chan error, maxWaiting+1)
	go func() { results <- c.caller.Hold(within(t), true) }()
	got(t, arrived, "a re-INVITE")
	waiting := func() (n int) {
		if err := c.caller.within(within(t), func() { n = len(c.caller.waiting) }); err != nil {
			t.Error(err)
		}
		return n
	}
	for i := range maxWaiting {
		go func() { results <- c.caller.Hold(within(t), i%2 == 1) }()
		eventually(t, "a change that waits", func() bool { return waiting() == i+1 })
	}
	if err := c.caller.Hold(within(t), false); !errors.Is(err, ErrModifying) {
		t.Errorf("%v, want ErrModifying", err)
	}
	close(goOn)
	for range maxWaiting + 1 {
		if err := got(t, results, "an answer"); err != nil {
			t.Error(err)
		}
	}
	if s := c.caller.State(); s != Held {
		t.Errorf("%v: the last of them held", s)
	}
}

// TestHangupDuringChange: a leg that ends answers whoever waits for a change of it, and leaves no goroutine behind.
func TestHangupDuringChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	arrived, goOn := w.stalls()
	results := make(chan error, 2)
	go func() { results <- c.caller.Rekey(within(t)) }()
	got(t, arrived, "a re-INVITE")
	go func() { results <- c.caller.Hold(within(t), true) }()
	if err := c.caller.Hangup(within(t), "hangup"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := got(t, results, "an answer"); !errors.Is(err, ErrEnded) {
			t.Errorf("%v, want ErrEnded", err)
		}
	}
	close(goOn)
	if e := got(t, c.callerOwner.ended, "an ending"); e.Reason != "hangup" {
		t.Errorf("ended by %+v", e)
	}
}

// TestPatience: which refusals another try may overcome, and which of them leave a rekey as it was.
func TestPatience(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	after := func(s string) []dialog.HeaderField { return []dialog.HeaderField{{Name: "Retry-After", Value: s}} }
	for _, r := range []struct {
		resp        dialog.Response
		least       time.Duration
		again, busy bool
	}{
		{dialog.Response{Status: 491}, 0, true, true},
		{dialog.Response{Status: 500, Header: after("1")}, time.Second, true, true},
		{dialog.Response{Status: 503, Header: after("2 (busy);duration=60")}, 2 * time.Second, true, true},
		{dialog.Response{Status: 500}, 0, true, false},
		{dialog.Response{Status: 503}, 0, false, false},
		{dialog.Response{Status: 503, Header: after("3600")}, 0, false, false},
		{dialog.Response{Status: 503, Header: after("soon")}, 0, false, false},
		{dialog.Response{Status: 488, Header: after("1")}, 0, false, false},
	} {
		wait, again, busy := c.callee.patience(&r.resp)
		if again != r.again || busy != r.busy || wait < r.least || wait > r.least+2*time.Second {
			t.Errorf("%d %q: wait %v, again %v, busy %v", r.resp.Status, r.resp.Values("Retry-After"), wait, again, busy)
		}
	}
}
