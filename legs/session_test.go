package legs

import (
	"errors"
	"testing"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// TestSessionRoles is table 2 of RFC 4028 section 9: who refreshes, and what our 2xx says of it.
func TestSessionRoles(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name          string
		asks          dialog.SessionTimer
		want          string // Session-Expires of the 2xx
		require, ours bool
	}{
		{"no timer", dialog.SessionTimer{Supported: true}, "", false, false},
		{"the peer can, and leaves it open", dialog.SessionTimer{Interval: 120 * time.Second, Supported: true}, "120;refresher=uac", true, false},
		{"the peer will", dialog.SessionTimer{Interval: 120 * time.Second, Refresher: "uac", Supported: true}, "120;refresher=uac", true, false},
		{"the peer has us do it", dialog.SessionTimer{Interval: 1800 * time.Second, Refresher: "uas", Supported: true}, "1800;refresher=uas", true, true},
		{"a proxy asks for one", dialog.SessionTimer{Interval: 90 * time.Second}, "90;refresher=uas", false, true},
	} {
		var s session
		fields, err := s.agree(test.asks, now)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got, require := "", false
		for _, f := range fields {
			switch f.Name {
			case "Session-Expires":
				got = f.Value
			case "Require":
				require = f.Value == "timer"
			}
		}
		if got != test.want || require != test.require || s.ours != test.ours {
			t.Errorf("%s: %q, required %v, ours %v", test.name, got, require, s.ours)
		}
	}
}

// TestSessionTooShort: what is below the least that the RFC lets a peer ask for is refused with what we would take.
func TestSessionTooShort(t *testing.T) {
	var s session
	_, err := s.agree(dialog.SessionTimer{Interval: 89 * time.Second, Supported: true}, time.Now())
	var r *Reject
	if !errors.As(err, &r) || r.Status != 422 || len(r.Response().Header) != 1 || r.Response().Header[0] != (dialog.HeaderField{Name: "Min-SE", Value: "90"}) {
		t.Errorf("%v", err)
	}
}

// TestSessionRunsOut: the refresher refreshes half-way, and again where that came to nothing; whoever waits gives up a little early.
func TestSessionRunsOut(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	ours := session{interval: 120 * time.Second, ours: true, since: start, asked: start}
	if ours.due(at(59 * time.Second)) {
		t.Error("refreshed too early")
	}
	if !ours.due(at(60*time.Second)) || ours.due(at(61*time.Second)) {
		t.Error("not refreshed once, half-way")
	}
	if ours.due(at(74*time.Second)) || !ours.due(at(75*time.Second)) {
		t.Error("not tried again after a while")
	}
	if got := ours.offer(); len(got) != 1 || got[0].Value != "120;refresher=uac" {
		t.Errorf("our refresh says %v", got)
	}
	ours.adopt(responseWith("200;refresher=uas"), at(80*time.Second))
	if ours.ours || ours.interval != 200*time.Second || ours.due(at(200*time.Second)) {
		t.Errorf("the answer made it %+v", ours)
	}
	if got := ours.offer(); got[0].Value != "200;refresher=uas" {
		t.Errorf("a re-INVITE of ours says %v", got)
	}
	if ours.over(at(80*time.Second+167*time.Second)) || !ours.over(at(80*time.Second+168*time.Second)) {
		t.Error("not over 32 s before its time")
	}
	ours.adopt(responseWith("1;refresher=uac"), at(85*time.Second))
	if ours.due(at(86*time.Second)) || ours.over(at(86*time.Second)) {
		t.Errorf("the answer made it %+v", ours)
	}
	ours.adopt(responseWith(""), at(90*time.Second))
	if ours.interval != 0 || ours.over(at(time.Hour)) || ours.offer() != nil {
		t.Error("an answer without a timer leaves one")
	}
}

func responseWith(expires string) *dialog.Response {
	r := &dialog.Response{Status: 200}
	if expires != "" {
		r.Header = []dialog.HeaderField{{Name: "Session-Expires", Value: expires}}
	}
	return r
}
