package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/conclave/conclave/server/store"
)

// RoomPatch changes a room; a nil field stays as it is.
type RoomPatch struct {
	Policy   *string `json:"policy,omitempty" minLength:"1" maxLength:"64" doc:"Keying policy of calls from now on; those that stand keep theirs"`
	Locked   *bool   `json:"locked,omitempty" doc:"True: nobody else may enter but whom the API calls"`
	MaxSeats *int    `json:"max_seats,omitempty" minimum:"1" maximum:"100000" doc:"Most seats; nobody who is in has to go"`
	PIN      *string `json:"pin,omitempty" pattern:"^([0-9]{4,12})?$" patternDescription:"4 to 12 digits" doc:"Digits that callers must know to enter from now on; none when empty. A room that gets one is kept from then on where rooms.on_demand is true"`
	Muted    *bool   `json:"muted,omitempty" doc:"Mutes every seat that there is now, or has all of them heard"`

	Moderators *[]string `json:"moderators,omitempty" maxItems:"100" doc:"Accounts, in place of those there were: who waits goes in where one of them is in, or where there are none any more; who is in stays. A room that gets some is kept from then on where rooms.on_demand is true"`
	Keys       *bool     `json:"keys,omitempty" doc:"True: callers mute themselves, raise a hand, are louder by their keys, from the next key on"`
	Tones      *bool     `json:"tones,omitempty" doc:"True: it sounds when somebody comes or goes from now on"`
	Prompts    *bool     `json:"prompts,omitempty" doc:"True: it says to callers what happens from now on"`
}

// PatchRoom changes a room and gives it as it is then. A room of the configuration is as it says again after a restart.
func (s *Server) PatchRoom(ctx context.Context, name string, p RoomPatch, musts ...Must[RoomView]) (v RoomView, err error) {
	change, err := s.changeOf(p)
	if err != nil {
		return v, err
	}
	r := s.rooms.find(name)
	if r == nil {
		return v, ErrUnknownRoom
	}
	posted := r.do(ctx, func() {
		if err = all(musts, r.look()); err != nil {
			return
		}
		if err = r.change(change); err == nil {
			v = r.look()
		}
	})
	if posted != nil {
		return RoomView{}, ErrUnknownRoom
	}
	return v, err
}

// roomChange is a RoomPatch that can be: looked at, and with its PIN computed.
type roomChange struct {
	RoomPatch
	code       pin
	moderators []string
	presser    string // the account of the moderator whose key asks for it; none: the API does
}

func (s *Server) changeOf(p RoomPatch) (c roomChange, err error) {
	c.RoomPatch = p
	if p.Policy != nil && s.cfg.Policies[*p.Policy] == nil {
		return c, fmt.Errorf("%w as %q; there are %s", ErrUnknownPolicy, *p.Policy, s.cfg.policyNames())
	}
	if p.MaxSeats != nil && (*p.MaxSeats < 1 || *p.MaxSeats > maxSeats) {
		return c, fmt.Errorf("%w: a room has 1 to %d seats", ErrInvalid, maxSeats)
	}
	if p.PIN != nil {
		if c.code, err = newPIN(*p.PIN); err != nil {
			return c, err
		}
	}
	if p.Moderators != nil {
		c.moderators, err = moderatorsOf(*p.Moderators)
	}
	return c, err
}

// over gives what a room is opened with after the change of it.
func (c *roomChange) over(o opening) opening {
	override(&o.Policy, c.Policy)
	override(&o.Locked, c.Locked)
	override(&o.MaxSeats, c.MaxSeats)
	override(&o.Keys, c.Keys)
	override(&o.Tones, c.Tones)
	override(&o.Prompts, c.Prompts)
	if c.PIN != nil {
		o.PIN = c.code
	}
	if c.Moderators != nil {
		o.Moderators = c.moderators
	}
	return o
}

// change makes a room what is asked of it, and keeps that first where the room is kept: what cannot be kept is not done. It runs in the
// room's goroutine, whether the API asks or a moderator's key. Accounts that were deleted a moment ago, which the room has yet to hear of
// (demote), are out of what is kept already: it loses them first, and what the key of one of them asks for is errNoModerator.
func (r *room) change(c roomChange) error {
	if r.closing {
		return ErrUnknownRoom
	}
	next := c.over(r.opening())
	// A room that opens again to whoever calls its name, after it has closed, must not have had a bar to be relied upon.
	barred := r.onDemand && !next.permanent && next.barred()
	var err error
	switch {
	case barred:
		next.permanent, next.stored = true, true
		err = r.kept.keep(next.kept())
	case next.stored:
		var gone []string
		err = roomError(r.kept.store.UpdateRoom(r.name, func(kept *store.Room) error {
			gone = r.deleted(kept.Moderators)
			if slices.Contains(gone, c.presser) {
				return errNoModerator
			}
			next = c.over(openingOf(*kept, r.manners))
			*kept = next.kept()
			return nil
		}))
		r.lose(gone)
	}
	if err != nil {
		return err
	}
	r.turn(c, next)
	return nil
}

// turn makes the room what it is to be after a change, now that this is kept, has everybody go by that, and tells it.
func (r *room) turn(c roomChange, next opening) {
	r.become(next)
	r.dropLocks(c.Locked != nil)
	if c.PIN != nil || c.Moderators != nil {
		r.reconsider()
	}
	r.publish(Event{Type: EventRoomChanged, Room: r.name, Data: r.state()})
	if c.Muted != nil {
		r.hold(*c.Muted)
	}
}

// opening is what the room would be opened with as it is now. It runs in the room's goroutine.
func (r *room) opening() opening {
	return opening{
		RoomConfig: RoomConfig{
			Name: r.name, Policy: r.policy.Load().Name, MaxSeats: r.maxSeats, Locked: r.locked, Manners: r.manners, PIN: r.pin, Moderators: r.moderatorList(),
		},
		permanent: r.permanent, stored: r.stored, created: r.created,
	}
}

// become takes over what may change of a room.
func (r *room) become(o opening) {
	r.permanent, r.stored = o.permanent, o.stored
	r.locked, r.maxSeats, r.pin, r.manners = o.Locked, o.MaxSeats, o.PIN, o.Manners
	r.moderators = make(map[string]bool)
	for _, name := range o.Moderators {
		r.moderators[name] = true
	}
	if had := r.policy.Load(); had == nil || had.Name != o.Policy {
		r.policy.Store(r.policyNamed(o.Policy))
	}
}

// hold mutes every seat, or has all of them heard; who muted himself is held from now on.
func (r *room) hold(muted bool) {
	for _, st := range r.seats {
		if st.muted != muted || st.held != muted {
			st.patch(SeatPatch{Muted: &muted})
			r.publish(st.about(EventSeatChanged))
		}
	}
}
