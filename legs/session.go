package legs

import (
	"fmt"
	"strconv"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// session is what was agreed on about the life of the call (RFC 4028): it ends where nobody refreshes it in time.
type session struct {
	interval time.Duration // 0: no timer runs
	ours     bool          // it is we who refresh
	since    time.Time     // of the last refresh
	asked    time.Time     // when we last began one
}

// Bearable says whether a call may ask for the session timer that it asks for; a *Reject otherwise. It is asked before anything is made of
// the call's offer: whoever hears 422 sends that again, and its keys must not count as used by then.
func Bearable(r *dialog.Request) error {
	_, err := new(session).heed(r, time.Now())
	return err
}

// heed answers a request of the peer's that may set the timer: the fields of our 2xx.
func (s *session) heed(r *dialog.Request, now time.Time) ([]dialog.HeaderField, error) {
	t, err := dialog.ParseSessionTimer(r)
	if err != nil {
		return nil, &Reject{Status: 400, Reason: "session_timer", Err: err}
	}
	return s.agree(t, now)
}

// agree settles a timer that the peer asks for. One that is shorter than we bear is refused.
func (s *session) agree(t dialog.SessionTimer, now time.Time) ([]dialog.HeaderField, error) {
	if t.Interval == 0 { // nobody asks for one, and what ends dead calls here needs none
		*s = session{}
		return nil, nil
	}
	if t.Interval < minSession {
		return nil, &Reject{
			Status: 422, Reason: "session_timer", Header: []dialog.HeaderField{{Name: "Min-SE", Value: seconds(minSession)}},
			Err: fmt.Errorf("legs: a session of %v", t.Interval),
		}
	}
	// The peer refreshes where it can; who cannot, asked for a timer on behalf of somebody on the way (section 7.2).
	*s = session{interval: t.Interval, ours: t.Refresher == "uas" || !t.Supported, since: now, asked: now}
	fields := []dialog.HeaderField{{Name: "Session-Expires", Value: seconds(t.Interval) + ";refresher=" + refresher(!s.ours)}}
	if t.Supported {
		fields = append(fields, dialog.HeaderField{Name: "Require", Value: "timer"})
	}
	return fields, nil
}

// offer are the fields of a request of ours that refreshes the session.
func (s *session) offer() []dialog.HeaderField {
	if s.interval == 0 {
		return nil
	}
	return []dialog.HeaderField{{Name: "Session-Expires", Value: seconds(s.interval) + ";refresher=" + refresher(s.ours)}}
}

// adopt takes what the answer to a request of ours says. The 2xx without the field ends the timer (section 7.2). One that is shorter than
// an answer may make it runs as if it were not: whoever has us refresh by the second would have us send re-INVITEs, and end the call.
func (s *session) adopt(r *dialog.Response, now time.Time) {
	t, err := dialog.ParseSessionTimer(r)
	if err != nil || t.Interval == 0 {
		*s = session{}
		return
	}
	*s = session{interval: max(t.Interval, minSession), ours: t.Refresher != "uas", since: now, asked: now}
}

// due says whether it is time for a refresh of ours: half-way, and where that failed a while later.
func (s *session) due(now time.Time) bool {
	if s.interval == 0 || !s.ours || now.Sub(s.since) < s.interval/2 || s.asked.After(s.since) && now.Sub(s.asked) < s.interval/8 {
		return false
	}
	s.asked = now
	return true
}

// over says whether the session has ended, a little before its time (section 10).
func (s *session) over(now time.Time) bool {
	return s.interval > 0 && now.Sub(s.since) >= s.interval-min(sessionMargin, s.interval/3)
}

// refresher names who refreshes: the side that sends the request, or the one that answers it.
func refresher(sender bool) string {
	if sender {
		return "uac"
	}
	return "uas"
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
