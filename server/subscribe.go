package server

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// A phone subscribes to who is in a room (RFC 6665, RFC 4575) as one of its account that sits there; the gate has seen its proof, also when
// it renews. subscribe answers, and a watcher tells what happens.

const (
	conferenceEvent = "conference"                      // the event package
	conferenceInfo  = "application/conference-info+xml" // what its NOTIFYs hold
)

// What ends a subscription.
var (
	errExpired   = errors.New("server: the subscription was not renewed")
	errNotSeated = errors.New("server: the account has no seat in the room any more")
	errNotTaken  = errors.New("server: a NOTIFY was not taken")
)

// ending is the reason of RFC 6665 section 4.1.3 for an end, "" where nobody is there to hear of it, and whether the room is gone too.
func ending(cause error) (reason string, gone bool) {
	switch {
	case errors.Is(cause, errExpired):
		return "timeout", false
	case errors.Is(cause, errNotSeated):
		return "rejected", false
	case errors.Is(cause, errRoomClosed):
		return "noresource", true
	case errors.Is(cause, context.Canceled): // the server stops; it may be there again soon
		return "probation;retry-after=" + strconv.Itoa(retryAfter), false
	}
	return "", false
}

// wanted is what a SUBSCRIBE asks for.
type wanted struct {
	event string // value of Event in its NOTIFYs
	life  time.Duration
}

// subscribe answers a SUBSCRIBE of a proven account.
func (s *Server) subscribe(in *dialog.Standalone, a *admission) {
	ask, refusal := readSubscription(in.Request)
	if refusal == nil {
		if d := in.Renews(); d != nil {
			refusal = s.renewSubscription(in, a, d, ask)
		} else {
			refusal = s.newSubscription(in, a, ask)
		}
	}
	if refusal == nil {
		return
	}
	s.metrics.refused("subscribe")
	s.refused(Event{Account: a.Account, Room: a.Room}, Refusal{
		Method: "SUBSCRIBE", Status: refusal.Status, Reason: "subscribe", Transport: in.Request.Transport,
	}, in.Request.Source)
	s.log.Info("subscription refused", "account", a.Account, "room", a.Room, "status", refusal.Status, "source", in.Request.Source.String())
	if err := in.Reply(*refusal); err != nil {
		s.log.Debug("answer to a subscription not sent", "account", a.Account, "err", err)
	}
}

// readSubscription reads what a SUBSCRIBE asks for.
func readSubscription(r *dialog.Request) (w wanted, refusal *dialog.Response) {
	event := r.Header("Event")
	name, params, _ := strings.Cut(strings.Join(event, ","), ";")
	if len(event) != 1 || !strings.EqualFold(strings.TrimSpace(name), conferenceEvent) {
		return w, &dialog.Response{Status: 489, Header: []dialog.HeaderField{{Name: "Allow-Events", Value: conferenceEvent}}}
	}
	w.event = conferenceEvent
	for param := range strings.SplitSeq(params, ";") {
		if key, id, _ := strings.Cut(strings.TrimSpace(param), "="); strings.EqualFold(key, "id") {
			if !isName(strings.ToLower(id)) {
				return w, &dialog.Response{Status: 400}
			}
			w.event += ";id=" + id
		}
	}
	if accept := r.Header("Accept"); len(accept) > 0 && !acceptsConference(strings.Join(accept, ",")) {
		return w, &dialog.Response{Status: 406, Header: []dialog.HeaderField{{Name: "Accept", Value: conferenceInfo}}}
	}
	w.life = min(lifeOf(strings.Join(r.Header("Expires"), ","), maxSubscription), maxSubscription)
	if w.life > 0 && w.life < minSubscription {
		least := strconv.Itoa(int(minSubscription / time.Second))
		return w, &dialog.Response{Status: 423, Header: []dialog.HeaderField{{Name: "Min-Expires", Value: least}}}
	}
	return w, nil
}

// acceptsConference says whether an Accept field takes conference documents.
func acceptsConference(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		switch media, _, _ := mime.ParseMediaType(strings.TrimSpace(one)); media {
		case conferenceInfo, "application/*", "*/*":
			return true
		}
	}
	return false
}

// newSubscription begins one.
func (s *Server) newSubscription(in *dialog.Standalone, a *admission, ask wanted) *dialog.Response {
	r := s.rooms.find(a.Room)
	if r == nil {
		return &dialog.Response{Status: 404}
	}
	now, err := s.rosterOf(context.Background(), r, s.events.Last())
	switch {
	case err != nil:
		return &dialog.Response{Status: 404}
	case !now.entitled[a.Account]:
		refusal := s.explained(403, "only who sits in the room may watch it")
		return &refusal
	}
	d, err := in.Subscribe()
	if err != nil {
		return &dialog.Response{Status: 400}
	}
	w := &watcher{server: s, dialog: d, room: r, account: a.Account, event: ask.event, poked: make(chan struct{}, 1)}
	w.renew(ask.life)
	if err := s.watchers.add(w); err != nil {
		_ = d.Bye(context.Background()) // which sends nothing
		if errors.Is(err, errManyWatchers) {
			refusal := s.explained(403, fmt.Sprintf("an account has %d subscriptions at most", maxWatchersOf))
			return &refusal
		}
		return &dialog.Response{Status: 503, Header: []dialog.HeaderField{{Name: "Retry-After", Value: strconv.Itoa(retryAfter)}}}
	}
	if refusal := s.granted(in, ask); refusal != nil {
		s.watchers.remove(w)
		_ = d.Bye(context.Background())
		return refusal
	}
	s.watchers.begin(w)
	return nil
}

// renewSubscription puts the end of one off, or brings it about: its own account's alone.
func (s *Server) renewSubscription(in *dialog.Standalone, a *admission, d *dialog.Dialog, ask wanted) *dialog.Response {
	w := s.watchers.find(d.ID())
	switch {
	case w == nil || w.event != ask.event:
		return &dialog.Response{Status: 481}
	case w.account != a.Account:
		return &dialog.Response{Status: 403}
	}
	if refusal := s.granted(in, ask); refusal != nil {
		return refusal
	}
	w.renew(ask.life)
	return nil
}

// granted sends the 200, before the first NOTIFY.
func (s *Server) granted(in *dialog.Standalone, ask wanted) *dialog.Response {
	if err := in.Reply(dialog.Response{Status: 200, Header: []dialog.HeaderField{
		{Name: "Expires", Value: strconv.Itoa(int(ask.life / time.Second))},
	}}); err != nil {
		return &dialog.Response{Status: 400}
	}
	in.Hold(max(ask.life, notifyPatience))
	return nil
}

// watchers is the table of the subscriptions to rooms, bounded by account and as a whole.
type watchers struct {
	pace atomic.Int64    // in nanoseconds: the least between two notifications of one; tests have their own
	ctx  context.Context //nolint:containedctx // of all of them: ends with the server
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	by     map[string]*watcher // by the ID of the dialog
	of     map[string]int      // by account
	closed bool
}

// Why a subscription is refused.
var (
	errManyWatchers = errors.New("server: too many subscriptions of this account")
	errWatchersFull = errors.New("server: too many subscriptions")
)

func newWatchers(pace time.Duration) *watchers {
	ctx, stop := context.WithCancel(context.Background())
	t := &watchers{ctx: ctx, stop: stop, by: make(map[string]*watcher), of: make(map[string]int)}
	t.pace.Store(int64(pace))
	return t
}

func (t *watchers) find(id string) *watcher {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[id]
}

func (t *watchers) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.by)
}

// add takes one in, which does not run yet.
func (t *watchers) add(w *watcher) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed, len(t.by) >= maxWatchers:
		return errWatchersFull
	case t.of[w.account] >= maxWatchersOf:
		return errManyWatchers
	}
	t.by[w.dialog.ID()] = w
	t.of[w.account]++
	t.wg.Add(1)
	return nil
}

// remove takes one out that runs no longer.
func (t *watchers) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, w.dialog.ID())
	if t.of[w.account]--; t.of[w.account] == 0 {
		delete(t.of, w.account)
	}
	t.wg.Done()
}

// begin lets one tell what happens.
func (t *watchers) begin(w *watcher) {
	go func() {
		defer t.remove(w)
		w.run(t.ctx)
	}()
}

// close takes no more, tells those that there are that it is over, and waits for them.
func (t *watchers) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.wg.Wait()
}
