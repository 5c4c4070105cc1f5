package server

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// Why the registrar refuses what an account may ask for otherwise.
var (
	errOldRegister   = errors.New("server: a registration out of order")
	errManyDevices   = errors.New("server: too many devices of this account")
	errRegistrarFull = errors.New("server: too many devices")
)

// binding is one device of an account, as it registered (RFC 3261 section 10): where it wants to be called, and the flow over which it
// can be. It never changes: a registration puts another in its place.
type binding struct {
	account  string
	uri      dialog.URI // of its Contact
	text     string     // the same as it was written, which its answers repeat
	instance string     // +sip.instance without its brackets (RFC 5626 section 4.1); "": none
	regID    int        // of that instance's flows which this is; 0: it said none
	name     string     // what the device calls itself

	flow      string // Request.Connection
	transport string
	source    netip.AddrPort

	callID  string
	cseq    uint32
	since   time.Time
	expires time.Time
}

// replaces says whether a binding takes the place of another of the same account: the same flow of one instance (RFC 5626 section 6), or
// the same URI.
func (b *binding) replaces(old *binding) bool {
	if b.regID != 0 && old.regID != 0 {
		return b.regID == old.regID && strings.EqualFold(b.instance, old.instance)
	}
	return sameURI(b.uri, old.uri)
}

// registration is what one REGISTER asks for: bindings of it that have expired already are to go.
type registration struct {
	account  string
	callID   string
	cseq     uint32
	all      bool // every binding is to go
	bindings []*binding
}

// registrar knows which devices of which account can be reached, in memory: after a restart they register again, as they do every
// so often anyway. It is bounded by account and as a whole. Any goroutine may use it.
type registrar struct {
	now     func() time.Time       // set once
	most    int                    // set once: bindings of all accounts
	reaches func(flow string) bool // set once: whether a flow stands
	publish func(Event)            // set once: tells which devices come and go; nil: nobody

	mu    sync.Mutex
	by    map[string][]*binding // by account, newest first; guarded by mu
	size  int                   // bindings in by; guarded by mu
	swept time.Time             // when all that had expired was thrown out; guarded by mu
}

func newRegistrar(most int, now func() time.Time) *registrar {
	return &registrar{now: now, most: most, reaches: func(string) bool { return true }, by: make(map[string][]*binding)}
}

// register does all that is asked for, or nothing. It returns what the account has then.
func (r *registrar) register(o registration) ([]*binding, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.sweep(now)
	before := r.by[o.account]
	after, err := o.apply(alive(before, now), now)
	switch {
	case err != nil:
		return nil, err
	case len(after) > maxDevices:
		return nil, errManyDevices
	case r.size+len(after)-len(before) > r.most && len(after) > len(before):
		return nil, errRegistrarFull
	}
	r.put(o.account, after)
	return after, nil
}

// apply is RFC 3261 section 10.3, steps 6 and 7: within one Call-ID a later request wins, whatever way datagrams took.
func (o *registration) apply(list []*binding, now time.Time) ([]*binding, error) {
	old := func(b *binding) bool { return b.callID == o.callID && b.cseq >= o.cseq }
	if o.all {
		if slices.ContainsFunc(list, old) {
			return nil, errOldRegister
		}
		return nil, nil
	}
	after := slices.Clone(list)
	for _, b := range o.bindings {
		for _, other := range list {
			if b.replaces(other) && old(other) {
				return nil, errOldRegister
			}
		}
		after = slices.DeleteFunc(after, b.replaces)
		if b.expires.After(now) {
			after = slices.Insert(after, 0, b)
		}
	}
	return after, nil
}

// of are the bindings of an account that have not expired, newest first.
func (r *registrar) of(account string) []*binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return alive(r.by[account], r.now())
}

// at lists the accounts that have a device at a URI.
func (r *registrar) at(uri dialog.URI) (accounts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for account, list := range r.by {
		if slices.ContainsFunc(list, func(b *binding) bool { return now.Before(b.expires) && sameURI(b.uri, uri) }) {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// reachable are those whose flows stand: a phone that came back on another connection may have left one behind.
func (r *registrar) reachable(account string) []*binding {
	return slices.DeleteFunc(r.of(account), func(b *binding) bool { return !r.reaches(b.flow) })
}

// forget drops the bindings of an account.
func (r *registrar) forget(account string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(account, nil)
}

// total is how many bindings there are.
func (r *registrar) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(r.now())
	return r.size
}

// put keeps the bindings of an account; mu is held.
func (r *registrar) put(account string, list []*binding) {
	r.tell(r.by[account], list)
	r.size += len(list) - len(r.by[account])
	if len(list) == 0 {
		delete(r.by, account)
		return
	}
	r.by[account] = list
}

// tell tells what is new in a list, and what is gone from it; what repeats or renews another is neither. mu is held.
func (r *registrar) tell(before, after []*binding) {
	if r.publish == nil {
		return
	}
	for _, b := range after {
		if !slices.ContainsFunc(before, b.replaces) {
			r.publish(b.event(EventDeviceRegistered))
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, b.replaces) {
			r.publish(b.event(EventDeviceGone))
		}
	}
}

// sweep throws out what has expired of all accounts, now and then; mu is held.
func (r *registrar) sweep(now time.Time) {
	if now.Sub(r.swept) < sweepInterval {
		return
	}
	r.swept = now
	for account, list := range r.by {
		r.put(account, alive(list, now))
	}
}

// alive are the bindings that have not expired, in a list of their own.
func alive(list []*binding, now time.Time) []*binding {
	return slices.DeleteFunc(slices.Clone(list), func(b *binding) bool { return !b.expires.After(now) })
}

// sameURI compares what makes two URIs those of one device (RFC 3261 section 19.1.4, without what parameters say).
func sameURI(a, b dialog.URI) bool {
	return a.Scheme == b.Scheme && a.User == b.User && a.Host == b.Host && a.Port == b.Port
}
