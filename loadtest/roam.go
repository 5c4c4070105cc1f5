package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/conclave/conclave/admin/client"
)

// How those roam who are not moved by anybody.
const (
	announced   way = "announced"   // signalling and media change address, and a re-INVITE that proves who it is says so
	unannounced way = "unannounced" // media does, and the server has to follow
)

// ErrRoam says that a call did not come along to another address.
var ErrRoam = errors.New("loadtest: roam")

// equipRoamer gives a caller a SIP endpoint of its own, which can change addresses without the others.
func (w *swarm) equipRoamer(c *swarmCaller) error {
	home := localAddress(c.plan.Server)
	if !home.IsLoopback() || !home.Is4() {
		return fmt.Errorf("%w: a host has addresses enough on loopback alone, and the server is not there", ErrRoam)
	}
	own, err := w.exchange.Beside(home)
	if err == nil {
		c.exchange = own
	}
	return err
}

// abroad is the other address of a caller: of 127/8, all of which is this host.
func abroad(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, byte(1 + i/250), byte(1 + i%250)}) //nolint:gosec // maxCallers fits
}

// roamer is the act of the script roam: from one address to the other again and again.
func (w *swarm) roamer(ctx context.Context, c *swarmCaller, i int, call *Caller, measured <-chan struct{}) *Caller {
	if !w.allThere(ctx, call) {
		return call
	}
	places := [2]netip.Addr{abroad(i), localAddress(c.plan.Server)}
	how := announced
	if w.Unannounced {
		how = unannounced
	}
	wait := w.MoveEvery * time.Duration(i) / time.Duration(len(w.callers))
	for turn := 0; w.restUntilTurn(ctx, c, measured, call, wait); turn++ {
		begun := time.Now()
		w.tally.moved(how, w.roamWatched(ctx, c, call, places[turn%2]))
		wait = w.MoveEvery - time.Since(begun)
	}
	return call
}

// restUntilTurn waits for so long, and then until a talker's turn has begun; false: the measurement, the run or the call ended meanwhile.
func (w *swarm) restUntilTurn(ctx context.Context, c *swarmCaller, measured <-chan struct{}, call *Caller, wait time.Duration) bool {
	due := w.stage.since(time.Now()) + max(wait, 0)
	due += c.room.nextTurn(c.member, due)
	c.due.Store(int64(due))
	if !restOr(ctx, measured, call.Gone(), due-w.stage.since(time.Now())) {
		return false
	}
	select {
	case <-call.Gone():
		return false
	default:
		return true
	}
}

// roamWatched changes addresses once while others listen. It is not broken off by the end of the measurement.
func (w *swarm) roamWatched(ctx context.Context, c *swarmCaller, call *Caller, to netip.Addr) error {
	begun := time.Now()
	seen := c.watch(false)
	defer c.moving.Store(nil)
	rest(ctx, nil, watchPrelude)
	err := w.roam(ctx, c, call, to)
	if err == nil {
		w.tally.witnessed(seen)
	}
	rest(ctx, nil, watchLength+watchSlack-time.Since(begun))
	return err
}

// roam changes addresses and sees that the server came along, in the same leg and with the same keys.
func (w *swarm) roam(ctx context.Context, c *swarmCaller, call *Caller, to netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, movePatience)
	defer cancel()
	if err := w.findSeat(ctx, c); err != nil {
		return fmt.Errorf("%w: %w", ErrRoam, err)
	}
	before, err := w.Target.admin.Seat(ctx, c.room.name, c.seat)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRoam, err)
	}
	ssrc := call.leg.Stream().SSRC()
	if !w.Unannounced {
		if err := c.exchange.endpoint.Rebind(netip.AddrPortFrom(to, 0).String()); err != nil {
			return fmt.Errorf("%w: %w", ErrRoam, err)
		}
	}
	if err := call.leg.Roam(ctx, to, !w.Unannounced); err != nil {
		return fmt.Errorf("%w: %w", ErrRoam, err)
	}
	after, err := w.follows(ctx, c, call)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRoam, err)
	case call.leg.Stream().SSRC() != ssrc:
		return fmt.Errorf("%w: another SSRC", ErrRoam)
	case before.Leg == nil || after.ID != before.Leg.ID:
		return fmt.Errorf("%w: another leg", ErrRoam)
	case after.Keying.CSBID != before.Leg.Keying.CSBID || after.Keying.Rekeys != before.Leg.Keying.Rekeys:
		return fmt.Errorf("%w: other keys", ErrRoam)
	}
	return nil
}

// follows waits until the server sends the media to where the caller is now.
func (w *swarm) follows(ctx context.Context, c *swarmCaller, call *Caller) (*client.Leg, error) {
	ctx, cancel := context.WithTimeout(ctx, roamPatience)
	defer cancel()
	here := call.leg.Stream().LocalAddr().String()
	for {
		seat, err := w.Target.admin.Seat(ctx, c.room.name, c.seat)
		if err != nil {
			return nil, err
		}
		if seat.Leg != nil && seat.Leg.MediaAddr == here {
			return seat.Leg, nil
		}
		if !restOr(ctx, nil, call.Gone(), lookEvery) {
			return nil, errors.New("the server did not follow")
		}
		select {
		case <-call.Gone():
			return nil, fmt.Errorf("the call ended: %s", call.ending.Reason)
		default:
		}
	}
}
