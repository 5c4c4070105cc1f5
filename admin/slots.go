package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// probes tell whether the server lives and takes calls. Their answers are constant and tiny, so that they need no place, and whoever asks for
// them need not be known: were they refused while somebody else keeps the API busy, a watchdog would restart the server and end its calls.
var probes = []string{"/healthz", "/readyz"}

// bounded sheds requests beyond their bounds, instead of queueing them. It comes after identified: who has proven nothing has places of his
// own, so that he takes nothing from those who have, and less time to take an answer. Those who listen to events have others. Of both, some are left
// to those who run the server.
func (a *Admin) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(probes, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		p, by, of := principalOf(r.Context()), "", a.strangers
		switch {
		case p == nil:
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.stalled)) // where it cannot be set the answer goes nowhere
		case r.URL.Path == eventsPath:
			by, of = p.id, a.listening
		default:
			by, of = p.id, a.inFlight
		}
		source := sourceOf(peer(r))
		if why := of.enter(by, source, p.runs()); why != notTaken {
			a.shed(w, of, why)
			return
		}
		defer of.leave(by, source)
		if p != nil {
			over := connectionOf(r.Context())
			a.underway.begin(by, over)
			defer a.underway.end(by, over)
			if p.over() { // since it was looked at; who revokes it from here on finds what is under way
				a.refuse(w, reasonToken, http.StatusUnauthorized, "the token was revoked, or has expired")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// shed says why there is no place, and what to do.
func (a *Admin) shed(w http.ResponseWriter, of *places, why taken) {
	after, reason, status, detail := of.wait, of.reason, http.StatusTooManyRequests, ""
	switch why {
	case shareTaken:
		detail = fmt.Sprintf(of.byWords, of.mostBy)
	case sourceTaken:
		detail = fmt.Sprintf(of.fromWords, of.mostFrom)
	case restKept:
		detail = of.allWords
	default:
		after, reason, status, detail = retryAfter, reasonBusy, http.StatusServiceUnavailable, of.allWords
	}
	w.Header().Set("Retry-After", strconv.Itoa(after))
	a.refuse(w, reason, status, detail)
}

// places bounds how many are served at a time: all of them, those who do not run the server, those of one principal, and those from one address.
type places struct {
	most, mostBy, mostFrom       int    // set once, as are the others up to mu
	kept                         int    // of most, for those who run the server
	reason                       string // the metric's label where a share is taken
	wait                         int    // what is in Retry-After then, in seconds
	byWords, fromWords, allWords string // what the problem says; of a share with its number

	mu   sync.Mutex
	all  int                  // guarded by mu, as are the others
	by   map[string]int       // by principal
	from map[netip.Prefix]int // by source
}

// Why there is no place.
type taken int

const (
	notTaken    taken = iota
	shareTaken        // by the principal himself
	sourceTaken       // by his address
	restKept          // for those who run the server
	allTaken
)

// emptied makes the places ready for use.
func (u *places) emptied() *places {
	u.by, u.from = make(map[string]int), make(map[netip.Prefix]int)
	return u
}

// newInFlight bounds the requests of those who have proven who they are. Several of them come from one address, that of a proxy.
func newInFlight() *places {
	u := &places{
		most: maxInFlight, mostBy: maxInFlightBy, mostFrom: maxInFlight, kept: keptForAdmins, reason: reasonShare, wait: retryAfter,
		byWords:  "%d requests with this token are being answered; read their answers, ask for less at a time, or use a token of its own for each program",
		allWords: "too many requests at a time; try again",
	}
	return u.emptied()
}

// newStrangers bounds the requests of those who have proven nothing.
func newStrangers() *places {
	u := &places{
		most: maxStrangersServed, mostBy: maxStrangersServed, mostFrom: maxStrangersServedFrom, reason: reasonShare, wait: retryAfter,
		fromWords: "%d requests without a token from this address are being answered; read their answers, ask for less at a time, or give a token",
		allWords:  "too many requests at a time; try again, or give a token",
	}
	return u.emptied()
}

// newListening bounds those who listen to events.
func newListening() *places {
	u := &places{
		most: maxListening, mostBy: maxListeningBy, mostFrom: maxListeningFrom, kept: keptForAdmins, reason: reasonListeners, wait: int(stalledPatience.Seconds()),
		byWords:   "%d listen to events with this token; end some of them, or use a token of its own for each program",
		fromWords: "%d listen to events from this address; end some of them, or listen once and pass the events on",
		allWords:  "too many listen to events; try again",
	}
	return u.emptied()
}

// enter counts one more, if there is room; runs says that he runs the server.
func (u *places) enter(by string, from netip.Prefix, runs bool) taken {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.all >= u.most:
		return allTaken
	case u.by[by] >= u.mostBy:
		return shareTaken
	case u.from[from] >= u.mostFrom:
		return sourceTaken
	case !runs && u.all >= u.most-u.kept:
		return restKept
	}
	u.all++
	u.by[by]++
	u.from[from]++
	return notTaken
}

// leave counts one less.
func (u *places) leave(by string, from netip.Prefix) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	less(u.by, by)
	less(u.from, from)
}

// less counts one less of a key, and forgets one that has none.
func less[K comparable](m map[K]int, key K) {
	if m[key]--; m[key] == 0 {
		delete(m, key)
	}
}
