package loadtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/admin/client"
)

// way is how a move is made.
type way string

// The ways of the script move, by turns.
const (
	byReferral way = "refer"    // the device that is in the room asks by REFER that the other be called
	byReplaces way = "replaces" // the other device calls, with Replaces
	byOrder    way = "invite"   // the server's API has the other device called
	bySending  way = "send"     // the server's API has the other device call
)

var ways = []way{byReferral, byReplaces, byOrder, bySending}

// ErrMove says that a seat did not come to the other device.
var ErrMove = errors.New("loadtest: move")

// person is a caller of the script move: an account with two devices, one of which is in the room. During a move both are.
type person struct {
	*swarmCaller
	w        *swarm
	devices  [2]*Device
	at       int // which of them is in the room
	call     *Caller
	arrivals chan arrival
}

// arrival is what came of a call that the server began, or asked a device for.
type arrival struct {
	call *Caller
	err  error
}

// equipDevices gives a caller of the script move its devices, and registers them.
func (w *swarm) equipDevices(ctx context.Context, c *swarmCaller) error {
	p := &person{swarmCaller: c, w: w, arrivals: make(chan arrival, len(ways))}
	c.person = p
	for i := range p.devices {
		d, err := c.exchange.NewDevice(c.plan, p.arrived)
		if err != nil {
			return err
		}
		p.devices[i] = d
		if err = w.limiter.Wait(ctx); err != nil {
			return err
		}
		if err = d.Register(ctx); err != nil {
			return err
		}
	}
	c.plan = p.devices[p.at].plan
	return nil
}

// arrived takes note of a call that a device was brought to. When nobody waits for so many, it is one too many.
func (p *person) arrived(call *Caller, err error) {
	select {
	case p.arrivals <- arrival{call, err}:
	default:
		p.drop(call)
	}
}

// close takes the devices out of the account's.
func (p *person) close() (err error) {
	for _, d := range p.devices {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
	}
	p.clear()
	return err
}

// clear hangs up what came too late to be waited for.
func (p *person) clear() {
	for len(p.arrivals) > 0 {
		p.drop((<-p.arrivals).call)
	}
}

// drop ends a call that is not, or no longer, the one in the room.
func (p *person) drop(call *Caller) {
	if call == nil {
		return
	}
	call.Stop()
	p.w.tally.stream(call.channel)
	if err := call.HangUp(); err != nil {
		p.w.tally.lost("no farewell: " + err.Error())
	}
}

// mover is the act of the script move: from one device to the other again and again, by all ways in turn.
func (w *swarm) mover(ctx context.Context, c *swarmCaller, i int, call *Caller, measured <-chan struct{}) *Caller {
	p := c.person
	p.call = call
	if !w.allThere(ctx, call) {
		return call
	}
	// Dealt over the interval, so that the moves come one after the other and not in a burst.
	wait := w.MoveEvery * time.Duration(i) / time.Duration(len(w.callers))
	for turn := i; w.restUntilTurn(ctx, c, measured, p.call, wait); turn++ {
		begun := time.Now()
		how := ways[turn%len(ways)]
		w.tally.moved(how, p.moveWatched(ctx, how, turn%muteEvery == 0))
		wait = w.MoveEvery - time.Since(begun)
	}
	return p.call
}

// moveWatched makes one move while others listen. It is not broken off by the end of the measurement.
func (p *person) moveWatched(ctx context.Context, how way, muted bool) (err error) {
	if muted {
		if err := p.mute(ctx, true); err != nil {
			return err
		}
		rest(ctx, nil, fadeOut) // what he said before is on its way still
		defer func() { err = errors.Join(err, p.mute(ctx, false)) }()
	}
	begun := time.Now()
	seen := p.watch(muted)
	defer p.moving.Store(nil)
	rest(ctx, nil, watchPrelude)
	old := p.call
	if err = p.move(ctx, how); err == nil {
		p.drop(old)
		seen.over()
		if muted {
			err = p.stillMuted(ctx, seen)
		}
		p.w.tally.witnessed(seen)
	}
	rest(ctx, nil, watchLength+watchSlack-time.Since(begun))
	return err
}

// mute has the server mute the person's seat. While nobody is to hear him, he is not there to be heard.
func (p *person) mute(ctx context.Context, muted bool) error {
	if err := p.w.findSeat(ctx, p.swarmCaller); err != nil {
		return fmt.Errorf("%w: mute: %w", ErrMove, err)
	}
	if muted {
		p.gone()
	}
	if _, err := p.w.Target.admin.PatchSeat(ctx, p.room.name, p.seat, client.SeatPatch{Muted: &muted}); err != nil {
		return fmt.Errorf("%w: mute: %w", ErrMove, err)
	}
	if !muted {
		p.come()
	}
	return nil
}

// stillMuted tells the witness of a seat that lost its mute with its device.
func (p *person) stillMuted(ctx context.Context, seen *witness) error {
	seat, err := p.w.Target.admin.Seat(ctx, p.room.name, p.seat)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMove, err)
	}
	if !seat.Muted {
		seen.unmuted()
	}
	return nil
}

// move makes one move and sees that it was one: the new device's call stands, the server has ended that of the old, and the seat is where
// the new one is. After a failure the person is where a call still stands.
func (p *person) move(ctx context.Context, how way) error {
	ctx, cancel := context.WithTimeout(ctx, movePatience)
	defer cancel()
	p.clear()
	old := p.call
	next, id, err := p.bring(ctx, how)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMove, err)
	}
	select {
	case <-old.Gone():
	case <-next.Gone():
		return fmt.Errorf("%w: the new call ended: %s", ErrMove, next.ending.Reason)
	case <-ctx.Done():
		p.drop(next)
		return fmt.Errorf("%w: the old device was not hung up", ErrMove)
	}
	p.call, p.at = next, 1-p.at
	if old.ending.Reason != "bye" {
		return fmt.Errorf("%w: the old call ended: %s", ErrMove, old.ending.Reason)
	}
	if err := p.confirm(ctx, id); err != nil {
		return fmt.Errorf("%w: %w", ErrMove, err)
	}
	return nil
}

// bring has the other device called, or has it call, and gives its call once that stands; id is the server's name of the move where it
// said one.
func (p *person) bring(ctx context.Context, how way) (next *Caller, id string, err error) {
	other := p.devices[1-p.at]
	switch how {
	case byReplaces:
		next, err = other.Call(ctx, p.call.replaces())
		return next, "", err
	case byReferral:
		err = p.call.leg.Refer(ctx, other.contact)
	default:
		if err = p.w.findSeat(ctx, p.swarmCaller); err != nil {
			return nil, "", err
		}
		var m client.Move
		m, err = p.w.Target.admin.Move(ctx, p.room.name, p.seat, client.MoveRequest{Target: other.contact, Via: string(how)})
		id = m.ID
	}
	if err != nil {
		return nil, id, err
	}
	select { // the old call may have ended already: the server heard the new device before we were told of it
	case a := <-p.arrivals:
		return a.call, id, a.err
	case <-ctx.Done():
		return nil, id, fmt.Errorf("no call came: %w", ctx.Err())
	}
}

// confirm asks the server whether the seat is where this person is now.
func (p *person) confirm(ctx context.Context, id string) error {
	if err := p.w.findSeat(ctx, p.swarmCaller); err != nil {
		return err
	}
	seat, err := p.w.Target.admin.Seat(ctx, p.room.name, p.seat)
	if err != nil {
		return err
	}
	if here := p.call.leg.Stream().LocalAddr().String(); seat.Leg == nil || seat.Leg.MediaAddr != here {
		return fmt.Errorf("the seat is not where the new device is")
	}
	if id == "" {
		return nil
	}
	m, err := p.w.Target.admin.MoveState(ctx, id)
	if err == nil && m.State != "done" {
		err = fmt.Errorf("the server says %s %s", m.State, m.Reason)
	}
	return err
}
