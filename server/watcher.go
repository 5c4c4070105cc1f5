package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// watcher is a subscription to who is in a room (RFC 4575). Its goroutine sends the NOTIFYs: the whole when it begins and whenever it is
// renewed, later what has changed, no more often than its pace, and the end.
type watcher struct {
	server  *Server
	dialog  *dialog.Dialog
	room    *room
	account string
	event   string // value of Event

	poked chan struct{} // it was renewed

	mu      sync.Mutex
	expires time.Time
	renewed bool // the whole is owed

	// Owned by its goroutine.
	last    *roster // what it was told; nil: nothing
	version uint32
	dirty   uint64    // the last event that changed the room
	told    time.Time // when it was told something
}

// renew puts the end off, or brings it about now.
func (w *watcher) renew(life time.Duration) {
	w.mu.Lock()
	w.expires, w.renewed = time.Now().Add(life), true
	w.mu.Unlock()
	select {
	case w.poked <- struct{}{}:
	default:
	}
}

// left is the time that is left, and whether the whole is owed, which it is no longer.
func (w *watcher) left() (life time.Duration, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	whole, w.renewed = w.renewed, false
	return time.Until(w.expires), whole
}

// run tells until the subscription is over.
func (w *watcher) run(ctx context.Context) {
	defer func() { _ = w.dialog.Bye(ctx) }()
	heard := w.server.Subscribe(LatestEvent)
	defer func() { heard.Close() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		life, whole := w.left()
		if whole {
			w.last = nil
		}
		pace := time.Duration(w.server.watchers.pace.Load())
		due := time.Until(w.told.Add(pace))
		if w.last == nil || w.dirty > w.last.at && due <= 0 {
			if err := w.tell(ctx, life); err != nil {
				w.end(ctx, err)
				return
			}
			due = pace
			if life <= 0 && whole {
				return // as was said with it
			}
		}
		if life <= 0 {
			w.end(ctx, errExpired)
			return
		}
		wait := life
		if w.dirty > w.last.at {
			wait = min(life, due)
		}
		timer.Reset(max(0, wait))
		select {
		case <-heard.Ready():
			heard = w.listen(heard)
		case <-w.poked:
		case <-timer.C:
		case <-w.dialog.Done():
			return
		case <-w.room.finished:
			w.end(ctx, errRoomClosed)
			return
		case <-ctx.Done():
			w.end(ctx, ctx.Err())
			return
		}
	}
}

// listen takes the events that came, and notes whether the room has changed. A subscription to events that was cut off is begun anew, and the
// room then looked at.
func (w *watcher) listen(heard *Subscription) *Subscription {
	for {
		some, err := heard.Take()
		if err != nil {
			heard.Close()
			w.dirty = w.server.events.Last()
			return w.server.Subscribe(LatestEvent)
		}
		if len(some) == 0 {
			return heard
		}
		for i := range some {
			if e := &some[i]; e.Room == w.room.name && slices.Contains(rosterEvents, e.Type) {
				w.dirty = e.ID
			}
		}
	}
}

// rosterEvents are those after which a roster may be another.
var rosterEvents = []string{EventRoomChanged, EventSeatJoined, EventSeatChanged, EventSeatLeft, EventSeatAway, EventLegState, EventMoveDone}

// tell sends what has changed since the last time: in several NOTIFYs, one after the other, where one would be too long.
func (w *watcher) tell(ctx context.Context, life time.Duration) error {
	now, err := w.server.rosterOf(ctx, w.room, w.dirty)
	switch {
	case err != nil:
		return err
	case !now.entitled[w.account]:
		return errNotSeated
	}
	state, about := "partial", now.state
	if w.last == nil {
		state = "full"
	} else if about == w.last.state {
		about = ""
	}
	users := now.changes(w.last)
	if state == "full" || len(users) > 0 || about != "" {
		all := portions(users, w.most())
		for i, some := range all {
			w.version++
			if err := w.notify(ctx, standing(life, i == len(all)-1), document(w.server.uri(w.room.name), state, w.version, about, some)); err != nil {
				return err
			}
			state, about = "partial", ""
		}
		w.told = time.Now()
	}
	w.last = now
	return nil
}

// most is how many octets of users one NOTIFY may hold.
func (w *watcher) most() int {
	if w.dialog.Transport() == "udp" {
		return rosterDatagram
	}
	return rosterStream
}

// standing is the Subscription-State with what is told. Who asked for the state alone, or for the end, gets both with the last of it.
func standing(life time.Duration, last bool) string {
	if life <= 0 && last {
		return "terminated;reason=timeout"
	}
	return fmt.Sprintf("active;expires=%d", max(0, int((life+time.Second-1)/time.Second)))
}

// notify sends one NOTIFY and waits for its answer. Whoever does not take it watches no longer (RFC 6665 section 4.2.2).
func (w *watcher) notify(ctx context.Context, state string, body []byte) error {
	fields := []dialog.HeaderField{{Name: "Event", Value: w.event}, {Name: "Subscription-State", Value: state}}
	kind := conferenceInfo
	if body == nil {
		kind = ""
	}
	resp, err := w.dialog.Send(ctx, "NOTIFY", fields, kind, body)
	if err == nil && resp.Status >= 300 {
		err = fmt.Errorf("%w: %s", errNotTaken, strconv.Itoa(resp.Status))
	}
	return err
}

// end tells why there is no more, where there is anybody left to be told.
func (w *watcher) end(ctx context.Context, cause error) {
	reason, body := ending(cause)
	w.server.log.Debug("a subscription has ended", "room", w.room.name, "account", w.account, "reason", reason, "err", cause)
	if reason == "" {
		return
	}
	if body {
		w.version++
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyPatience)
	defer cancel()
	var text []byte
	if body {
		text = document(w.server.uri(w.room.name), "deleted", w.version, "", nil)
	}
	if err := w.notify(ctx, "terminated;reason="+reason, text); err != nil {
		w.server.log.Debug("a NOTIFY was not taken", "room", w.room.name, "err", err)
	}
}
