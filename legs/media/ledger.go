package media

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/conclave/conclave/keying"
)

// Ledger is the proof that no packet of this process is protected with a key, SSRC and index that was used before, which would be one
// key stream for two packets (RFC 3711 section 9.1). What should make that impossible is elsewhere: fresh keys, counters that go
// on. The ledger knows nothing of that; it looks at what the SRTP library did to each packet, and keeps back what repeats. It outlives
// the streams, so that one which has the key and SSRC of another has to go on behind it. Any goroutine.
type Ledger struct {
	secret   [sha256.Size]byte // of this process: what is kept tells nothing of keys
	most     int               // spans
	repeated atomic.Uint64

	mu    sync.Mutex // never taken per packet
	spans map[print]*list.Element
	ages  list.List // of *span, the one installed first in front
}

// span is how far the indexes of one key and SSRC were used.
type span struct {
	of        print
	repeated  *atomic.Uint64
	rtp, rtcp atomic.Uint64 // highest index used plus one
}

// NewLedger makes a ledger, which all streams of a process should share.
func NewLedger() *Ledger {
	l := &Ledger{most: ledgerSpans, spans: make(map[print]*list.Element)}
	_, _ = rand.Read(l.secret[:]) // crypto/rand never fails since Go 1.24
	return l
}

// Repeated is how many packets were not sent since their index had been used before; any is a bug.
func (l *Ledger) Repeated() uint64 { return l.repeated.Load() }

// span is that of a key and SSRC, made when they are new; nil of no ledger. When there are too many the oldest is forgotten; a stream
// that uses it keeps it.
func (l *Ledger) span(key keying.Secret, ssrc uint32) *span {
	if l == nil {
		return nil
	}
	h := hmac.New(sha256.New, l.secret[:])
	h.Write(key.Bytes())
	_ = binary.Write(h, binary.BigEndian, ssrc) // the writer of a hash never fails
	of := print(h.Sum(nil))
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.spans[of]; ok {
		known, _ := e.Value.(*span)
		return known
	}
	if l.ages.Len() >= l.most {
		if oldest, ok := l.ages.Remove(l.ages.Front()).(*span); ok {
			delete(l.spans, oldest.of)
		}
	}
	s := &span{of: of, repeated: &l.repeated}
	l.spans[of] = l.ages.PushBack(s)
	return s
}

// use spends an index of one of the two counters; false: it was spent before, and the packet must not be sent.
func (s *span) use(spent *atomic.Uint64, index uint64) bool {
	for {
		next := spent.Load()
		if index < next {
			s.repeated.Add(1)
			return false
		}
		if spent.CompareAndSwap(next, index+1) {
			return true
		}
	}
}

// freshRTP says whether the packet that g protected last is the first with its index.
func (g *generation) freshRTP(ssrc uint32, sequence uint16) bool {
	if g.span == nil {
		return true
	}
	roc, ok := g.send.ROC(ssrc)
	return ok && g.span.use(&g.span.rtp, uint64(roc)<<16|uint64(sequence))
}

// freshRTCP is its counterpart.
func (g *generation) freshRTCP(ssrc uint32) bool {
	if g.span == nil {
		return true
	}
	index, ok := g.send.Index(ssrc)
	return ok && g.span.use(&g.span.rtcp, uint64(index))
}
