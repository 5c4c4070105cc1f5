package media

import (
	"bytes"

	"github.com/conclave/conclave/keying"
)

// SetKeys gives the first keys, or fresh ones that the peer has already: from the next tick on they decrypt beside the old ones, and
// we send under them. The contexts are made here. The keys given last change nothing when given again, for a context made anew from
// them would start its counters again and with them the key stream; for the same reason a key given earlier, or one direction
// alone, is refused. One exception: the peer may keep the key that it sends under now, with its MKI, and only ours be fresh; its stream
// then goes on as it was. The caller keeps ownership of k and may wipe it. Any goroutine.
func (s *Stream) SetKeys(k keying.Keys) error { return s.giveKeys(&k, true) }

// ReadyKeys gives fresh keys that the peer may not have yet: the side that answers an update calls it before the answer leaves. They
// decrypt beside the old ones from the next tick on; we send under them as soon as a packet of the peer authenticates under them, or
// SwitchKeys is called. Without older keys to go on with it is SetKeys; otherwise the rules are the same. Any goroutine.
func (s *Stream) ReadyKeys(k keying.Keys) error { return s.giveKeys(&k, false) }

// SwitchKeys says that the peer has the keys given last, as the ACK of the answer does: from the next tick on we send under them.
// Any goroutine.
func (s *Stream) SwitchKeys() {
	s.post.Lock()
	defer s.post.Unlock()
	if s.post.newest != nil {
		s.post.newest.confirmed.Store(true)
	}
}

// ROC is the roll-over counter of the next packet that we send (RFC 3711 section 3.3.1), for the map of a MIKEY update. Any goroutine.
func (s *Stream) ROC() uint32 { return s.counters.roc.Load() }

// giveKeys posts a generation.
func (s *Stream) giveKeys(k *keying.Keys, confirmed bool) error {
	s.post.Lock()
	defer s.post.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	p := printsOf(k)
	again, kept, err := s.given(p)
	if err != nil {
		return err
	}
	if kept && (!confirmed || !bytes.Equal(k.Receive.MKI, s.post.newest.mki)) {
		return ErrKeyReuse
	}
	if again {
		if confirmed {
			s.post.newest.confirmed.Store(true)
		}
		return nil
	}
	g, err := newGeneration(k, s.ssrc)
	if err != nil {
		return err
	}
	g.span = s.ledger.span(k.Send.Key, s.ssrc)
	if kept {
		g.of = s.post.newest
	} else {
		s.post.newest = g
	}
	if len(s.post.given) == rememberedKeys {
		s.post.given = append(s.post.given[:0], s.post.given[1:]...)
	}
	s.post.given = append(s.post.given, p)
	if confirmed {
		s.post.newest.confirmed.Store(true)
	}
	s.deliver(g)
	return nil
}

// given looks for keys among those given before; again: they are the last ones; kept: the peer's is that of the last ones. Every
// comparison is made, whatever the others say.
func (s *Stream) given(p prints) (again, kept bool, err error) {
	last := len(s.post.given) - 1
	kept = last >= 0 && p.receive.equal(s.post.given[last].receive)
	for i, old := range s.post.given {
		send, receive := p.send.equal(old.send), p.receive.equal(old.receive)
		again = send && receive && i == last
		if !again && (send || receive && !kept) {
			err = ErrKeyReuse
		}
	}
	return again, kept && !again, err
}

// deliver adds to what the tick worker has not yet taken. More than can be alive need not wait.
func (s *Stream) deliver(g *generation) {
	for {
		old := s.newKeys.Load()
		var all []*generation
		if old != nil {
			all = append(all, (*old)[max(0, len(*old)-maxGenerations+1):]...)
		}
		all = append(all, g)
		if s.newKeys.CompareAndSwap(old, &all) {
			return
		}
	}
}
