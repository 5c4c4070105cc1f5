package dialog

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"time"
)

// traces is what is left of requests: a few octets each, for as long as they may come again (64*T1, RFC 3261 section 17.2 and RFC 6026),
// where a transaction of sipgo holds on to request, response and the dialog. Two generations, so that forgetting costs nothing.
type traces struct {
	life   time.Duration
	now    func() time.Time
	seed   maphash.Seed
	turned time.Time
	young  map[uint64]trace
	old    map[uint64]trace
}

// trace of one request.
type trace struct {
	state traceState
	again []byte // settled: the answer to send again; nil: none
}

type traceState uint8

const (
	inside    traceState = iota // a new call that is not answered yet
	answering                   // a new call that was answered 200 and waits for its ACK; its transaction lives
	settled                     // over: sipgo has forgotten it
)

func newTraces(life time.Duration, now func() time.Time) traces {
	return traces{life: life, now: now, seed: maphash.MakeSeed(), turned: now(), young: make(map[uint64]trace), old: make(map[uint64]trace)}
}

// key of a request: what all its repeats have in common, and no other request of that source has.
func (t *traces) key(method, callID string, cseq uint32, from netip.AddrPort) uint64 {
	return maphash.Comparable(t.seed, struct {
		method, callID string
		cseq           uint32
		from           netip.AddrPort
	}{strings.ToUpper(method), callID, cseq, from})
}

func (t *traces) find(key uint64) (trace, bool) {
	if tr, ok := t.young[key]; ok {
		return tr, true
	}
	tr, ok := t.old[key]
	return tr, ok
}

// turn begins a new generation when it is time. It returns how many calls were forgotten that stood inside.
func (t *traces) turn() (lost int) {
	now := t.now()
	age := now.Sub(t.turned)
	if age < t.life {
		return 0
	}
	lost = standing(t.old)
	if age >= 2*t.life { // both are too old
		lost += standing(t.young)
		t.young = nil
	}
	t.old, t.young, t.turned = t.young, make(map[uint64]trace, len(t.young)/2), now
	return lost
}

// put makes or replaces a trace.
func (t *traces) put(key uint64, tr trace) {
	delete(t.old, key)
	t.young[key] = tr
}

func standing(generation map[uint64]trace) (n int) {
	for _, tr := range generation {
		if tr.state == inside {
			n++
		}
	}
	return n
}

// set changes a trace that is there, and leaves it in its generation.
func (t *traces) set(key uint64, tr trace) {
	if _, ok := t.young[key]; ok {
		t.young[key] = tr
	} else if _, ok := t.old[key]; ok {
		t.old[key] = tr
	}
}

func (t *traces) drop(key uint64) {
	delete(t.young, key)
	delete(t.old, key)
}

// crowded says that no further request is remembered.
func (t *traces) crowded() bool { return len(t.young)+len(t.old) >= maxTraces }
