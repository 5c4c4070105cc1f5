package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/gate"
)

// waiting is what keeps a seat in the waiting place: it is a seat of the room already, muted and deaf, that hears prompts only.
type waiting string

const (
	waitsNot          waiting = ""
	waitsForPIN       waiting = "pin"
	waitsForModerator waiting = "moderator"
	waitsToLeave      waiting = "leaving" // it hears why, and its call is ended
)

// manner is the half of a seat that its room's manners are about. It belongs to the room's goroutine.
type manner struct {
	waits    waiting
	inside   bool        // it came in: it is heard and hears, or would if its owner were not away
	patience *time.Timer // until when it may wait; nil: it does not
	typed    []byte      // of a PIN
	tries    int         // PINs that were wrong
	checking bool        // a PIN is being computed
	starred  time.Time   // when * was pressed, which begins a command
	pace     *rate.Limiter
	changed  byKeys      // what its keys changed since that was told
	telling  *time.Timer // until when such changes are kept back; nil: they are not
	hand     bool        // raised
	held     bool        // muted by an operator, whom the caller's own keys do not overrule
}

// attendant is what the rooms of a server share to attend to their callers.
type attendant struct {
	chores *chores // PINs that are computed, prompts whose end is waited for
	tries  *tries
	log    *slog.Logger

	pinPatience, lobbyPatience time.Duration // how long a seat waits for its PIN, and for a moderator; tests have their own
}

func newAttendant(log *slog.Logger) *attendant {
	return &attendant{
		chores: newChores(maxAttended, attendedPatience), tries: newTries(time.Now), log: log, pinPatience: pinPatience, lobbyPatience: lobbyPatience,
	}
}

// moderates says whether somebody is a moderator of the room, by his account, which the gate has seen proof of.
func (r *room) moderates(who gate.Who) bool { return who.Account != "" && r.moderators[who.Account] }

// moderatorList lists the moderators by name; it is nobody else's.
func (r *room) moderatorList() []string { return slices.Sorted(maps.Keys(r.moderators)) }

// moderated says whether the room need not wait for a moderator.
func (r *room) moderated() bool {
	if len(r.moderators) == 0 {
		return true
	}
	for _, st := range r.seats {
		if st.inside && r.moderates(st.who) {
			return true
		}
	}
	return false
}

// waitsFor is what somebody who comes has to wait for.
func (r *room) waitsFor(who gate.Who) waiting {
	switch {
	case r.moderates(who):
		return waitsNot
	case r.pin != nil:
		return waitsForPIN
	case !r.moderated():
		return waitsForModerator
	}
	return waitsNot
}

// receive prepares a new seat: one that has to wait is muted and deaf from the start.
func (r *room) receive(st *seat) error {
	st.pace = rate.NewLimiter(keysASecond, keysAtOnce)
	if !st.invited {
		st.waits = r.waitsFor(st.who)
	}
	if st.waits == waitsForPIN && r.attendant.tries.spent(r.name, st.who) {
		return errTooManyTries
	}
	waits := st.waits != waitsNot
	st.mix = r.mix.Join(mixer.SeatConfig{Muted: waits, Deaf: waits, Apart: waits})
	return nil
}

// welcome greets whoever has got a leg, once it has the keys to hear it.
func (r *room) welcome(st *seat, leg *legs.Leg) {
	if st.waits == waitsToLeave { // since he was on his way (dismiss)
		r.sendAway(st, sayTooLate, "no_moderator")
		return
	}
	select {
	case <-leg.Keyed():
		r.greet(st)
		return
	default: // a handshake runs (DTLS-SRTP)
	}
	_ = r.attendant.chores.begin(func(ctx context.Context) { // where too many wait it sits there ungreeted, until its owner calls again
		select {
		case <-leg.Keyed():
			_ = r.post(func() { r.greet(st) }) // a room that has closed greets nobody
		case <-leg.Done():
		case <-ctx.Done():
		}
	})
}

// greet says to somebody what he waits for, or lets him in.
func (r *room) greet(st *seat) {
	switch {
	case r.seats[st.id] != st || st.waits == waitsToLeave:
	case st.inside: // he comes back, and may have missed that
		if r.recorder != nil {
			r.say(st, sayRecorded)
		}
	case st.waits == waitsForPIN:
		r.askPIN(st, sayPIN)
	case st.waits == waitsForModerator:
		r.pass(st)
	default:
		r.enter(st)
	}
}

// lobby has a seat wait for a moderator.
func (r *room) lobby(st *seat) {
	st.waits = waitsForModerator
	r.say(st, sayModerator)
	r.bear(st, r.attendant.lobbyPatience, func() { r.sendAway(st, sayTooLate, "no_moderator") })
}

// enter lets a seat in.
func (r *room) enter(st *seat) {
	waited := st.waits != waitsNot
	st.waits, st.inside = waitsNot, true
	st.calm()
	st.apply()
	var words []string
	if waited {
		words = append(words, sayWelcome)
		r.publish(st.about(EventSeatChanged))
	}
	if r.recorder != nil {
		words = append(words, sayRecorded)
	}
	others := r.insiders() - 1
	if others == 0 && r.manners.Prompts {
		words = append(words, sayAlone)
	}
	if len(words) > 0 {
		r.say(st, words...)
	}
	if others > 0 && r.manners.Tones {
		r.mix.Announce(entryTone())
	}
	if r.moderates(st.who) {
		for _, other := range r.seats {
			if other.waits == waitsForModerator && other.patience != nil { // the others have yet to be greeted
				r.enter(other)
			}
		}
	}
}

// depart tells those who stay that a seat is gone.
func (r *room) depart(st *seat) {
	st.calm()
	if len(r.seats) == 0 {
		r.unrecord(nil, "empty")
	}
	if !st.inside {
		return
	}
	st.inside = false
	left := r.insiders()
	if left > 0 && r.manners.Tones {
		r.mix.Announce(exitTone())
	}
	if left == 1 && r.manners.Prompts {
		for _, other := range r.seats {
			if other.inside {
				r.say(other, sayAlone)
			}
		}
	}
}

// insiders counts those who are not in the waiting place.
func (r *room) insiders() (n int) {
	for _, st := range r.seats {
		if st.inside {
			n++
		}
	}
	return n
}

// say speaks to one seat, in the place of what is said to it. The channel is closed once that is over.
func (r *room) say(st *seat, words ...string) <-chan struct{} {
	return st.mix.Play(r.attendant.clips(words)...)
}

// clips are the prompts of those names.
func (a *attendant) clips(words []string) (list []*mixer.Clip) {
	for _, w := range words {
		c, err := prompts[w]()
		if err != nil { // the files are in the binary, and tested: it cannot decode Opus
			a.log.Error("a prompt cannot be played", "prompt", w, "err", err)
			continue
		}
		list = append(list, c)
	}
	return list
}

// sendAway ends the call of a seat once it has been told why.
func (r *room) sendAway(st *seat, why, reason string) {
	st.calm()
	leg := st.leg()
	switch {
	case leg != nil:
	case st.coming != nil: // on his way back: he is asked again
		return
	default: // its owner is away, and need not come back
		r.leave(st)
		return
	}
	st.waits = waitsToLeave
	over := r.say(st, why)
	hangup := func() { _ = leg.Hangup(context.Background(), reason) } // ErrEnded: gone already
	if !r.attendant.chores.begin(func(ctx context.Context) {
		select {
		case <-over:
		case <-leg.Done():
		case <-ctx.Done():
		}
		hangup()
	}) {
		hangup()
	}
}

// bear gives a seat so long to wait, then does something else.
func (r *room) bear(st *seat, how time.Duration, then func()) {
	st.calm()
	var timer *time.Timer
	timer = time.AfterFunc(how, func() {
		_ = r.post(func() { // a room that has closed has no seats
			if r.seats[st.id] == st && st.patience == timer {
				then()
			}
		})
	})
	st.patience = timer
}

// calm ends the wait.
func (m *manner) calm() {
	if m.patience != nil {
		m.patience.Stop()
		m.patience = nil
	}
}

// apply has the mixer do what holds for the seat: who waits is muted, deaf and apart, whatever else was asked for.
func (st *seat) apply() {
	waits := st.waits != waitsNot
	st.mix.SetMuted(st.muted || waits)
	st.mix.SetDeaf(st.deaf || waits)
	st.mix.SetApart(waits)
}
