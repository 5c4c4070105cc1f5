package legs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

func TestCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		method keying.Method
		late   bool
	}{
		{"PSK", keying.MIKEYPSK, false},
		{"DH", keying.MIKEYDH, false},
		{"PSK, late offer", keying.MIKEYPSK, true},
		{"DH, late offer", keying.MIKEYDH, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(w *world) { w.late = c.method })
			o := w.outgoing(c.method)
			o.LateOffer = c.late
			call := w.call(o)
			a, b := call.caller.Terms(), call.callee.Terms()
			if a.Posture.Method != c.method || b.Posture.Method != c.method || a.Posture.CSBID != b.Posture.CSBID ||
				a.Posture.Suite != b.Posture.Suite || a.Codec != "pcmu" || b.Codec != "pcmu" {
				t.Errorf("terms differ: %+v and %+v", a.Posture, b.Posture)
			}
			if a.Posture.PeerIdentity != room || b.Posture.PeerIdentity != alice {
				t.Errorf("peers %q and %q", a.Posture.PeerIdentity, b.Posture.PeerIdentity)
			}
			if string(a.Running.Message()) != string(b.Running.Message()) {
				t.Error("the sides remember different offers")
			}
			if call.caller.State() != Confirmed || call.callee.State() != Confirmed {
				t.Errorf("states %v and %v", call.caller.State(), call.callee.State())
			}
			call.flows()
			if err := call.caller.Hangup(within(t), "hangup"); err != nil {
				t.Fatal(err)
			}
			if e := got(t, call.callerOwner.ended, "an ending"); e.Reason != "hangup" {
				t.Errorf("caller ended by %+v", e)
			}
			if e := got(t, call.calleeOwner.ended, "an ending"); e.Reason != "bye" {
				t.Errorf("callee ended by %+v", e)
			}
			if err := call.caller.Hangup(within(t), "again"); !errors.Is(err, ErrEnded) {
				t.Errorf("a leg that ended took a command: %v", err)
			}
			if err := call.caller.Hold(within(t), true); !errors.Is(err, ErrEnded) {
				t.Errorf("a leg that ended took a command: %v", err)
			}
		})
	}
}

func TestRefusedCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		method  keying.Method
		change  option
		status  int
		reason  string
		warning string
	}{
		{"no common codec", keying.MIKEYPSK, func(w *world) { w.answering.line.Codecs = []string{"l16"} }, 488, "bad_offer", "305"},
		{"key guard full", keying.MIKEYPSK, func(w *world) {
			guard, _ := keying.NewGuard(keying.GuardConfig{Entries: 1}) // too small for one leg
			p, _ := issued()
			w.answering.line.Keyer, _ = keying.New(keying.Config{
				Own: p.server, Directory: directory{p.authority.Roots()}, Pool: w.answering.dh, Guard: guard,
			})
		}, 503, keying.ReasonReplayCacheFull, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.change)
			o := w.outgoing(c.method)
			_, err := w.calling.line.Call(within(t), w.calling.endpoint, o, newOwner(t))
			var refused *Refused
			if !errors.As(err, &refused) || refused.Status != c.status {
				t.Fatalf("%v, want %d", err, c.status)
			}
			if !strings.HasPrefix(refused.Warning, c.warning) {
				t.Errorf("Warning %q, want %s", refused.Warning, c.warning)
			}
			r := got(t, w.refusals, "a refusal")
			if c.reason != "" && r.Reason != c.reason {
				t.Errorf("reason %q, want %q", r.Reason, c.reason)
			}
		})
	}
}

// TestRejectOfErrors: what each kind of failure makes the peer hear, and what it does not.
func TestRejectOfErrors(t *testing.T) {
	t.Parallel()
	l := &Leg{line: &Line{Domain: domain}}
	for _, c := range []struct {
		err     error
		status  int
		reason  string
		warning string
		retry   string
	}{
		{fmt.Errorf("%w: queue full", keying.ErrBusy), 503, "busy", "", "2"},
		{&keying.Error{Reason: keying.ReasonBusy, Err: keying.ErrBusy}, 503, "busy", "", "2"},
		{&keying.Error{Reason: keying.ReasonReplayCacheFull, Err: keying.ErrFull}, 503, "replay_cache_full", "", "30"},
		{&keying.Error{Reason: keying.ReasonReplayed, Err: keying.ErrReplayed}, 488, "replayed", "306 conf.test \"key management: the message came before\"", ""},
		{fmt.Errorf("line 3: %w", offer.ErrNotSecure), 488, "bad_offer", "399 conf.test \"RTP/SAVP needed\"", ""},
		{&Reject{Status: 486, Reason: "room_full"}, 486, "room_full", "", ""},
		{errors.New("a secret cause"), 488, "bad_offer", "399 conf.test", ""},
	} {
		r := l.reject(c.err, nil)
		resp := r.Response()
		if resp.Status != c.status || r.Reason != c.reason {
			t.Errorf("%v: %d %s", c.err, resp.Status, r.Reason)
		}
		warning, retry := strings.Join(resp.Values("Warning"), "|"), strings.Join(resp.Values("Retry-After"), "|")
		if !strings.HasPrefix(warning, c.warning) || retry != c.retry || strings.Contains(warning, "secret cause") {
			t.Errorf("%v: Warning %q, Retry-After %q", c.err, warning, retry)
		}
	}
}

// TestLateOfferUnanswered: an ACK without the answer ends the call.
func TestLateOfferUnanswered(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"} {
		w := newWorld(t, func(w *world) { w.late = keying.MIKEYPSK })
		o := w.outgoing(keying.MIKEYPSK)
		gone := make(chan struct{})
		o.Invitation.Ack = func(*dialog.Response) (string, []byte, error) {
			if body == "" {
				return "", nil, nil
			}
			return offer.ContentType, []byte(body), nil
		}
		d, resp, err := w.calling.endpoint.Invite(within(t), o.Invitation)
		if err != nil || d == nil {
			t.Fatalf("%v %+v", err, resp)
		}
		go func() {
			defer close(gone)
			for range d.Inbox() { //nolint:revive // only the end matters
			}
		}()
		callee := got(t, w.callee, "call")
		if e := got(t, w.answeringOwner.ended, "an ending"); e.Reason != "bad_answer" {
			t.Errorf("ended by %+v, want bad_answer", e)
		}
		got(t, gone, "BYE")
		<-callee.Done()
		if d.Err() == nil || !errors.Is(d.Err(), dialog.ErrRemoteBye) {
			t.Errorf("dialog ended by %v", d.Err())
		}
	}
}

// TestWrongKey: the answering side refuses before it opens a leg.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.calling.line.Keyer = twin(t) })
	o := w.outgoing(keying.MIKEYPSK)
	_, err := w.calling.line.Call(within(t), w.calling.endpoint, o, newOwner(t))
	var refused *Refused
	if !errors.As(err, &refused) {
		t.Fatalf("a wrong key: %v", err)
	}
	got(t, w.refusals, "a refusal")
}

// twin is alice's keyer with another pre-shared key.
func twin(t *testing.T) *keying.Keyer {
	t.Helper()
	k, err := keying.NewBundleKeyer(&keying.Bundle{URI: alice, PSK: keying.NewSecret([]byte("another pre-shared key ..........."))}, keying.BundleConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestPassedOver: a phone that knows no MIKEY may take the call all the same and answer with keys of its own kind. It is called
// again as it can, not by another method of MIKEY, and somebody is told.
func TestPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.secured = true
		w.policy.Methods = append(w.policy.Methods, keying.SDES)
		w.tamper = func(offered []byte) []byte {
			if bytes.Contains(offered, []byte("a=crypto:")) {
				return offered
			}
			plain := regexp.MustCompile("a=key-mgmt:.*\r\n").ReplaceAll(offered, nil)
			return append(plain, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+strings.Repeat("kK", 20)+"\r\n"...)
		}
	})
	o := w.outgoing(keying.MIKEYPSK)
	o.Secured, o.Methods = true, []keying.Method{keying.MIKEYPSK, keying.MIKEYDHHMAC, keying.SDES}
	var steps []string
	o.OnFallback = func(from, to keying.Method, why *Refused) {
		steps = append(steps, fmt.Sprint(from, " ", to, " ", why.Status))
		got(t, w.callee, "the call that was taken")
		got(t, w.answeringOwner.ended, "its BYE")
		for len(w.answeringOwner.confirmed) > 0 { // unless the BYE came before the ACK
			<-w.answeringOwner.confirmed
		}
	}
	c := w.call(o)
	c.flows()
	if m := c.caller.Terms().Posture.Method; m != keying.SDES || len(steps) != 1 || steps[0] != "mikey-psk sdes 488" {
		t.Errorf("called by %s after %q", m, steps)
	}
}
