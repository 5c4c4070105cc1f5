package dialog

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// traces is what is left of requests that were answered for good: a few octets each, for as long as they may come again (64*T1, RFC 3261
// section 17.2 and RFC 6026), where a transaction of sipgo holds on to request, response and the dialog. Two generations, so that
// forgetting costs nothing. Bounded in number and octets: what finds no room is left to sipgo. Any goroutine.
type traces struct {
	life time.Duration
	now  func() time.Time
	seed maphash.Seed

	mu         sync.Mutex
	turned     time.Time
	young, old generation
}

// generation maps keys to the answers to give again; "" is none.
type generation struct {
	answers map[uint64]string
	octets  int
}

func newTraces(life time.Duration, now func() time.Time) *traces {
	t := &traces{life: life, now: now, seed: maphash.MakeSeed(), turned: now()}
	t.young.answers, t.old.answers = make(map[uint64]string), make(map[uint64]string)
	return t
}

// key of a request over UDP: what all its repeats have in common, and nothing else has. The front and the handler both read it from
// what the same parser made of the same octets. 0: there is anything unusual about it, and it leaves no trace.
func (t *traces) key(r *sip.Request, from netip.AddrPort) uint64 {
	return t.keyOf(r, string(r.Method), from)
}

// keyOf is the key of the request of that method to which r belongs: a CANCEL has the branch, and all else, of its INVITE.
func (t *traces) keyOf(r *sip.Request, method string, from netip.AddrPort) uint64 {
	via, id, cseq, f, to := r.Via(), r.CallID(), r.CSeq(), r.From(), r.To()
	if via == nil || id == nil || cseq == nil || f == nil || to == nil || !from.IsValid() {
		return 0
	}
	branch, _ := via.Params.Get("branch")
	tag, _ := f.Params.Get("tag")
	ours, _ := to.Params.Get("tag")
	if !strings.HasPrefix(branch, sip.RFC3261BranchMagicCookie) || !printing(branch, via.Host, id.Value(), tag, ours) {
		return 0
	}
	return maphash.Comparable(t.seed, struct {
		from                             netip.AddrPort
		method, branch, host, id, f, our string
		port                             int
		number                           uint32
	}{from, method, branch, via.Host, id.Value(), tag, ours, via.Port, cseq.SeqNo})
}

// forks is the key of all the INVITEs that forking on the way made of one; with a last hop, of that which came by it and of its repeats.
func (t *traces) forks(merge, hop string) uint64 {
	return maphash.Comparable(t.seed, [2]string{merge, hop})
}

// full tells that there may be no room for the traces of further calls: they are turned away, since a repeat would be another call.
func (t *traces) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	return len(t.young.answers)+len(t.old.answers) > maxTraces-traceReserve
}

// printing tells whether values hold nothing but printing octets of ASCII, of which no two parsers think differently.
func printing(values ...string) bool {
	for _, v := range values {
		for i := range len(v) {
			if v[i] <= ' ' || v[i] > '~' {
				return false
			}
		}
	}
	return true
}

// find tells whether a request was answered for good, and with what to answer it again.
func (t *traces) find(key uint64) (again string, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	if again, known = t.young.answers[key]; !known {
		again, known = t.old.answers[key]
	}
	return again, known
}

// keep notes that a request is answered for good, with what to send when it comes again ("": nothing), and tells whether that is
// remembered; where it is not, sipgo's transaction has to live on.
func (t *traces) keep(key uint64, again string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	if _, known := t.young.answers[key]; key == 0 || known || len(again) > maxTrace ||
		len(t.young.answers)+len(t.old.answers) >= maxTraces || t.young.octets+t.old.octets+len(again) > maxTraceOctets {
		return false
	}
	t.young.answers[key] = again
	t.young.octets += len(again)
	return true
}

// turn begins a new generation when it is time. It is called with mu held.
func (t *traces) turn() {
	now := t.now()
	age := now.Sub(t.turned)
	if age < t.life {
		return
	}
	t.old = t.young
	if age >= 2*t.life { // both are too old
		t.old = generation{}
	}
	t.young, t.turned = generation{answers: make(map[uint64]string, len(t.old.answers))}, now
}
