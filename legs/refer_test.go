package legs

import (
	"context"
	"errors"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// referring has the caller refer and gives what the other side gets, and the outcome to come.
func (c *connected) referring(to string) (*Referral, <-chan error) {
	c.t.Helper()
	result := make(chan error, 1)
	ctx := within(c.t)
	go func() { result <- c.caller.Refer(ctx, to) }()
	return got(c.t, c.calleeOwner.referrals, "a referral"), result
}

// TestReferral: who refers hears what becomes of it: a refusal of the REFER itself, of the call that it asks for, or that this stands.
func TestReferral(t *testing.T) {
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	const device = "sip:alice@192.0.2.9:5070"

	r, result := c.referring(device)
	if r.To.Text != device || r.To.Method != "INVITE" || r.To.Headers != 0 {
		t.Errorf("referred to %+v", r.To)
	}
	if err := c.caller.Refer(within(t), device); !errors.Is(err, ErrReferring) {
		t.Errorf("a second one at a time: %v", err)
	}
	r.Refuse(dialog.Response{Status: 403})
	var refused *Refused
	if err := got(t, result, "the outcome"); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("refused: %v", err)
	}

	r, result = c.referring(device)
	inform(t, r, 486, "Busy Here")
	if err := got(t, result, "the outcome"); !errors.As(err, &refused) || refused.Status != 486 || refused.Reason != "Busy Here" {
		t.Errorf("busy: %v", err)
	}

	r, result = c.referring(device)
	inform(t, r, 200, "OK")
	if err := got(t, result, "the outcome"); err != nil {
		t.Errorf("done: %v", err)
	}
	if err := r.Tell(within(t), 200, "OK"); err != nil {
		t.Errorf("told twice: %v", err)
	}

	r, result = c.referring(device)
	if err := r.Accept(within(t)); err != nil {
		t.Fatal(err)
	}
	_ = c.callee.Hangup(context.Background(), "hangup")
	if err := got(t, result, "the outcome"); !errors.Is(err, ErrEnded) {
		t.Errorf("the call ends before: %v", err)
	}
}

func inform(t *testing.T, r *Referral, status int, reason string) {
	t.Helper()
	if err := r.Accept(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := r.Tell(within(t), status, reason); err != nil {
		t.Fatal(err)
	}
}

// TestStrayNotify: a NOTIFY that belongs to no referral of ours changes nothing.
func TestStrayNotify(t *testing.T) {
	w := newWorld(t)
	c := w.call(w.outgoing(keying.MIKEYPSK))
	resp, err := c.callee.dlg.Send(within(t), "NOTIFY", []dialog.HeaderField{
		{Name: "Event", Value: "refer"}, {Name: "Subscription-State", Value: "terminated"},
	}, fragment, []byte("SIP/2.0 200 OK\r\n"))
	if err != nil || resp.Status != 481 {
		t.Errorf("answered %+v, %v", resp, err)
	}
	c.flows()
	if c.caller.State() != Confirmed || c.callee.State() != Confirmed {
		t.Error("the call did not survive it")
	}
}

// TestReadNotice: what a NOTIFY may tell of a referral.
func TestReadNotice(t *testing.T) {
	for body, want := range map[string]notice{
		"SIP/2.0 100 Trying\r\n": {100, "Trying"}, "SIP/2.0 603 Decline": {603, "Decline"}, "sip/2.0 200 \r\nContact: x\r\n": {200, ""},
		"SIP/2.0 99 x": {}, "SIP/2.0 700 x": {}, "SIP/2.0 0200 x": {}, "HTTP/1.1 200 OK": {}, "": {}, "SIP/2.0 2x0 OK": {},
	} {
		got, err := parseNotice(body)
		if got != want || (err != nil) != (want == notice{}) {
			t.Errorf("%q: %+v, %v", body, got, err)
		}
	}
}
