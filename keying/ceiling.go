package keying

import "sync"

// ceilingKeeper keeps the stored ceiling ahead of every accepted timestamp.
type ceilingKeeper struct {
	store   Ceiling // set once; nil: nothing is kept
	lastRun ntp     // what the last run left; valid with restart; set once
	restart bool    // there was a last run; set once

	mu       sync.Mutex // held while storing: who needs a higher ceiling waits for it
	stored   ntp        // valid with restart or accepted; guarded by mu
	highest  ntp        // newest accepted timestamp; valid with accepted; guarded by mu
	accepted bool       // guarded by mu
}

func (k *ceilingKeeper) load(store Ceiling) error {
	k.store = store
	if store == nil {
		return nil
	}
	last, restart, err := store.LoadCeiling()
	if err != nil {
		return err
	}
	k.lastRun, k.stored, k.restart = ntp(last), ntp(last), restart
	return nil
}

// refuses says whether the last run may have accepted a message with that timestamp.
func (k *ceilingKeeper) refuses(t ntp) bool { return k.restart && !t.after(k.lastRun) }

// cover makes sure that the stored ceiling is at or above t before t is accepted, and some way ahead, so that it is written
// seldom.
func (k *ceilingKeeper) cover(t, now ntp) error {
	if k.store == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if (!k.restart && !k.accepted) || t.after(k.stored) {
		ahead := now
		if t.after(now) {
			ahead = t
		}
		ahead = ahead.add(ceilingAhead)
		if err := k.store.StoreCeiling(uint64(ahead)); err != nil {
			return err
		}
		k.stored = ahead
	}
	if !k.accepted || t.after(k.highest) {
		k.highest, k.accepted = t, true
	}
	return nil
}

// settle stores the newest accepted timestamp in place of the reserved one.
func (k *ceilingKeeper) settle() error {
	if k.store == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.accepted || k.stored == k.highest {
		return nil
	}
	if err := k.store.StoreCeiling(uint64(k.highest)); err != nil {
		return err
	}
	k.stored = k.highest
	return nil
}
