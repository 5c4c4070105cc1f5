package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
)

// bounded sheds requests beyond their bounds, instead of queueing them. It comes after identified: who has proven nothing has slots of his
// own, so that he takes nothing from those who have. Those who listen to events have others, and each of them a share.
func (a *Admin) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := principalOf(r.Context())
		if p != nil && r.URL.Path == eventsPath {
			a.listens(w, r, p, next)
			return
		}
		slots := a.inFlight
		if p == nil {
			slots = a.strangers
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			a.busy(w, "too many requests at a time; try again")
		}
	})
}

func (a *Admin) busy(w http.ResponseWriter, detail string) {
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	a.refuse(w, reasonBusy, http.StatusServiceUnavailable, detail)
}

// listens lets one listen to events if there is room, of his share, too.
func (a *Admin) listens(w http.ResponseWriter, r *http.Request, p *principal, next http.Handler) {
	source := sourceOf(peer(r))
	switch a.listening.enter(p.id, source) {
	case shareTaken:
		w.Header().Set("Retry-After", strconv.Itoa(int(stalledPatience.Seconds())))
		a.refuse(w, reasonListeners, http.StatusTooManyRequests,
			fmt.Sprintf("%d listen to events with this token; end some of them, or use a token of its own for each program", maxListeningBy))
	case sourceTaken:
		w.Header().Set("Retry-After", strconv.Itoa(int(stalledPatience.Seconds())))
		a.refuse(w, reasonListeners, http.StatusTooManyRequests,
			fmt.Sprintf("%d listen to events from this address; end some of them, or listen once and pass the events on", maxListeningFrom))
	case allTaken:
		a.busy(w, "too many listen to events; try again")
	default:
		defer a.listening.leave(p.id, source)
		next.ServeHTTP(w, r)
	}
}

// audience counts those who listen to events.
type audience struct {
	mu   sync.Mutex
	all  int                  // guarded by mu, as are the others
	by   map[string]int       // by principal
	from map[netip.Prefix]int // by source
}

// Why there is no room for a listener.
type taken int

const (
	notTaken    taken = iota
	shareTaken        // by the principal himself
	sourceTaken       // by his address
	allTaken
)

func newAudience() *audience {
	return &audience{by: make(map[string]int), from: make(map[netip.Prefix]int)}
}

// enter counts one more, if there is room.
func (u *audience) enter(by string, from netip.Prefix) taken {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.by[by] >= maxListeningBy:
		return shareTaken
	case u.from[from] >= maxListeningFrom:
		return sourceTaken
	case u.all >= maxListening:
		return allTaken
	}
	u.all++
	u.by[by]++
	u.from[from]++
	return notTaken
}

// leave counts one less.
func (u *audience) leave(by string, from netip.Prefix) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.by[by]--; u.by[by] == 0 {
		delete(u.by, by)
	}
	if u.from[from]--; u.from[from] == 0 {
		delete(u.from, from)
	}
}
