package dialog

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// acks is what is left of an INVITE of ours that has its 2xx, for 64*T1 (RFC 3261 section 13.2.2.4), whatever becomes of the call: the ACKs, to be sent
// again when a 2xx comes again, and what it takes to end the calls of others whom a forking proxy reached, as long as they are few. sipgo's transaction
// would hold on to request, answer and owner for that. There are as many as INVITEs of ours were accepted in that time. Any goroutine.
type acks struct {
	e           *Endpoint
	seq         uint32       // CSeq number of the INVITE
	credentials []sip.Header // which the INVITE had, and an ACK has, too (RFC 3261 section 22.1)
	others      *errand      // ends the calls of others; nil for a re-INVITE, which reaches nobody else

	mu sync.Mutex
	by map[string]*ack // by the To tag of the 2xx; nil: it is being made, or could not be
}

// ack is an ACK to a 2xx as it goes out, over that stream, or over UDP ("").
type ack struct {
	text  []byte
	place string
	to    netip.AddrPort
}

// keepAcks notes that an INVITE of ours has its first 2xx: what comes again from then on, or late, finds the ACKs.
func (e *Endpoint) keepAcks(t *attempt, res *sip.Response, others *errand) *acks {
	a := &acks{e: e, seq: t.req.CSeq().SeqNo, others: others, by: map[string]*ack{received(res).tag(): nil}}
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		a.credentials = append(a.credentials, t.req.GetHeaders(name)...)
	}
	key := t.tx.Key()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.acks[key] = a
	time.AfterFunc(t64(), func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.acks, key)
	})
	return a
}

// again takes a response to an INVITE of ours that comes after its 2xx, whether sipgo has the transaction still or not, and others that match nothing.
func (e *Endpoint) again(res *sip.Response) {
	key, err := sip.ClientTxKeyMake(res)
	e.mu.Lock()
	a := e.acks[key]
	e.mu.Unlock()
	switch {
	case err != nil || a == nil:
		e.stats.strays.Add(1)
	case res.IsSuccess():
		a.again(res)
	}
}

// again sends the ACK of a 2xx once more, or ends the call of somebody else.
func (a *acks) again(res *sip.Response) {
	tag := received(res).tag()
	a.mu.Lock()
	k, known := a.by[tag]
	other := !known && a.others != nil && len(a.by) <= maxForks // each of them would have us send eleven BYEs
	if other {
		a.by[tag] = nil
	}
	a.mu.Unlock()
	switch {
	case other:
		a.others.decline(a, res)
	case k != nil:
		_ = a.e.sendAck(k) // what is lost is asked for again
	}
}

// send sends the ACK to a 2xx for the first time, and keeps it.
func (a *acks) send(res *sip.Response, k *ack) error {
	a.mu.Lock()
	a.by[received(res).tag()] = k
	a.mu.Unlock()
	return a.e.sendAck(k)
}

// sendAck sends an ACK that belongs to no transaction (RFC 3261 section 17.1.1).
func (e *Endpoint) sendAck(k *ack) error {
	var err error
	if k.place == "" {
		_, err = e.udp.write(k.text, net.UDPAddrFromAddrPort(k.to))
	} else if st := e.streams.at(k.place); st != nil {
		_, err = st.Write(k.text)
	} else {
		err = ErrConnectionLost
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}
