package legs

import (
	"context"
	"net/netip"
)

// Roam moves this side of the call to another local address, of either family, and goes on with the keys that run: its media at once, and
// with announce the peer is told by a refresh (Reinvite), which binds the new address. Without, he has to follow what he hears. Where the
// announcement fails the media has moved all the same.
func (l *Leg) Roam(ctx context.Context, local netip.Addr, announce bool) error {
	var err error
	posted := l.within(ctx, func() {
		if err = l.stream.Rebind(local); err == nil {
			l.local.Addr = l.stream.LocalAddr()
		}
	})
	switch {
	case posted != nil:
		return posted
	case err != nil || !announce:
		return err
	}
	return l.Reinvite(ctx)
}
