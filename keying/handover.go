package keying

import (
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// A seat may move to another device of its account with the TGK that runs (Policy.MoveTGK), so that the account's devices share one:
// it goes out under the pre-shared key of the account, whatever method had made it. Crypto session bundle and RAND are the new leg's
// own, so that its TEKs are, and the guard sees to that. Who gets the pre-shared key later reads the leg before the move as well,
// also where Diffie-Hellman had made its TGK.

// checkHandover: the leg whose TGK is to go on must be of the same two, and this one's first exchange.
func (c Call) checkHandover() error {
	if c.Handover == nil {
		return nil
	}
	if c.Running != nil {
		return fmt.Errorf("%w: a TGK is handed over in the first exchange of a leg", ErrCall)
	}
	if s := c.Handover.bundle(); s != nil && s.parties != (parties{c.Local, c.Peer}) {
		return fmt.Errorf("%w: the TGK to hand over is of other parties", ErrCall)
	}
	return nil
}

// handover is a copy of the TGK to hand over; nil where a fresh one is to be drawn: by another method than that of the pre-shared
// key, where the policy does not say MoveRunning, and where none was kept, is left, or ever was.
func (i *Initiation) handover() []byte {
	if i.method != MIKEYPSK || i.call.Policy.MoveTGK != MoveRunning {
		return nil
	}
	return i.call.Handover.tgk()
}

// tgk is a copy of the TGK that is kept, nil without one.
func (r *Running) tgk() []byte {
	if r == nil {
		return nil
	}
	r.mu.Lock() // held throughout, so that no TGK is copied while it is wiped
	defer r.mu.Unlock()
	s, _ := r.kept.(*csbState)
	if s == nil || s.tgk.Len() == 0 {
		return nil
	}
	return append([]byte(nil), s.tgk.Bytes()...)
}

// keepTGK is the TGK of the exchange, or that of the keys which a refresh leaves.
func (d *deed) keepTGK(crypto *mikey.Crypto) Secret {
	tgk := crypto.TGK()
	if crypto.Refresh() {
		tgk = d.call.Running.tgk()
	}
	defer clear(tgk)
	if len(tgk) > maxKeptTGK {
		return Secret{}
	}
	return NewSecret(tgk)
}
