package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/server/store"
)

// Refusals of what the API asks of a room.
var (
	// ErrTooManyRooms says that no more rooms may be open beside those that are kept (409).
	ErrTooManyRooms = errors.New("server: as many rooms are open as may be")
	// ErrTooManyKept says that no more rooms may be kept (409).
	ErrTooManyKept = errors.New("server: as many rooms are kept as may be")
	// ErrConfiguredRoom says that a room stands in the configuration, which the API does not change (409).
	ErrConfiguredRoom = errors.New("server: the room stands in the configuration")
	// ErrModerators says that moderators are no names of accounts, or too many (422).
	ErrModerators = errors.New("server: these cannot be moderators")
	// ErrMustKeep says that a room was not to be kept that only some may enter, where whoever calls its name would open it anew (422).
	ErrMustKeep = errors.New("server: a room with a PIN or moderators is kept where rooms are made on demand")
)

// NewRoom asks for a room.
type NewRoom struct {
	Name      string `json:"name" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"Name, unique among rooms and accounts, not dots alone; kept in lower case" example:"standup"`
	Policy    string `json:"policy,omitempty" maxLength:"64" doc:"Keying policy of the configuration; rooms.policy when empty"`
	Locked    bool   `json:"locked,omitempty" doc:"True: nobody may enter but whom the API calls"`
	MaxSeats  int    `json:"max_seats,omitempty" minimum:"0" maximum:"100000" doc:"Most seats; limits.seats_per_room when absent or 0"`
	PIN       string `json:"pin,omitempty" pattern:"^([0-9]{4,12})?$" patternDescription:"4 to 12 digits" doc:"Digits that callers must know to enter; none when empty"`
	Permanent *bool  `json:"permanent,omitempty" doc:"True: it is kept, over restarts too, until it is deleted; false: it closes when it has been empty for a while. Where rooms.on_demand is true a room with a PIN or moderators is always kept: otherwise whoever calls its name once it has closed would be let in"`

	Moderators []string `json:"moderators,omitempty" maxItems:"100" doc:"Accounts: while none of them is in the room the others wait; they need no PIN, and lock it by their keys"`
	Keys       *bool    `json:"keys,omitempty" doc:"True: callers mute themselves, raise a hand, are louder by their keys; rooms.keys when absent"`
	Tones      *bool    `json:"tones,omitempty" doc:"True: it sounds when somebody comes or goes; rooms.tones when absent"`
	Prompts    *bool    `json:"prompts,omitempty" doc:"True: it says to callers what happens; rooms.prompts when absent"`
}

// Must is a condition on what is about to be changed, asked in the same step; its error leaves everything as it was.
type Must[V any] func(V) error

// all asks every condition.
func all[V any](musts []Must[V], v V) error {
	for _, must := range musts {
		if err := must(v); err != nil {
			return err
		}
	}
	return nil
}

// CreateRoom opens a room, and keeps one that is to be permanent.
func (s *Server) CreateRoom(ctx context.Context, n NewRoom) (RoomView, error) {
	o := opening{RoomConfig: RoomConfig{Name: n.Name, Policy: n.Policy, Locked: n.Locked, MaxSeats: n.MaxSeats, Manners: s.cfg.Rooms.Manners}}
	if o.Policy == "" {
		o.Policy = s.cfg.Rooms.Policy
	}
	if o.MaxSeats == 0 {
		o.MaxSeats = s.cfg.Limits.SeatsPerRoom
	}
	if !isName(n.Name) || o.MaxSeats < 0 || o.MaxSeats > maxSeats {
		return RoomView{}, fmt.Errorf("%w: a room has a name and 1 to %d seats", ErrInvalid, maxSeats)
	}
	if err := s.checkPolicy(o.Policy); err != nil {
		return RoomView{}, err
	}
	if err := n.bar(&o, s.cfg.Rooms.OnDemand); err != nil {
		return RoomView{}, err
	}
	if s.accounts.taken(n.Name) {
		return RoomView{}, ErrNameTaken
	}
	o.created = time.Now().UTC().Truncate(time.Second)
	if o.stored {
		if err := s.rooms.kept.keep(o.kept()); err != nil {
			return RoomView{}, err
		}
	}
	r, err := s.rooms.create(o)
	if err != nil {
		if o.stored { // a caller may have opened it meanwhile: then it is as the first caller made it
			err = errors.Join(err, s.rooms.kept.forget(n.Name))
		}
		return RoomView{}, err
	}
	s.log.Info("room created", "room", n.Name, "permanent", o.permanent)
	return r.view(ctx)
}

// bar takes over who may enter, and with that whether the room is kept.
func (n *NewRoom) bar(o *opening, onDemand bool) (err error) {
	if o.PIN, err = newPIN(n.PIN); err != nil {
		return err
	}
	if o.Moderators, err = moderatorsOf(n.Moderators); err != nil {
		return err
	}
	override(&o.Keys, n.Keys)
	override(&o.Tones, n.Tones)
	override(&o.Prompts, n.Prompts)
	barred := onDemand && o.barred()
	if barred && n.Permanent != nil && !*n.Permanent {
		return ErrMustKeep
	}
	o.permanent = barred || n.Permanent != nil && *n.Permanent
	o.stored = o.permanent
	return nil
}

// barred says whether only some may enter.
func (o *opening) barred() bool { return o.PIN != nil || len(o.Moderators) > 0 }

// override takes a value over where there is one.
func override[V any](into, v *V) {
	if v != nil {
		*into = *v
	}
}

// moderatorsOf makes a list of moderators of one that was asked for: in order, in lower case, each once. Their accounts may be made later.
func moderatorsOf(names []string) ([]string, error) {
	if len(names) > maxModerators {
		return nil, fmt.Errorf("%w: %d are too many", ErrModerators, len(names))
	}
	var list []string
	for _, name := range names {
		if name = strings.ToLower(name); !isName(name) {
			return nil, ErrModerators
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// kept is what the store keeps of a room.
func (o *opening) kept() store.Room {
	manners := store.Manners(o.Manners)
	return store.Room{
		Name: o.Name, Policy: o.Policy, Locked: o.Locked, MaxSeats: o.MaxSeats, PIN: o.PIN, CreatedAt: o.created, Moderators: o.Moderators, Manners: &manners,
	}
}

// openingOf is what a room that was kept is opened with; manners are those of one that was kept without.
func openingOf(kept store.Room, manners Manners) opening {
	if kept.Manners != nil {
		manners = Manners(*kept.Manners)
	}
	return opening{
		RoomConfig: RoomConfig{
			Name: kept.Name, Policy: kept.Policy, Locked: kept.Locked, MaxSeats: kept.MaxSeats, PIN: kept.PIN, Moderators: kept.Moderators, Manners: manners,
		},
		permanent: true, stored: true, created: kept.CreatedAt,
	}
}

// create opens a room of a name that is free.
func (t *rooms) create(o opening) (*room, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.stopping:
		return nil, fmt.Errorf("%w: stopping", ErrUnavailable)
	case t.open[o.Name] != nil:
		return nil, ErrNameTaken
	case !o.stored && t.full():
		return nil, ErrTooManyRooms
	}
	if o.stored { // as it is kept: an account may have been deleted a moment ago that was to moderate it, and who deletes one from here on finds the room
		kept, err := t.kept.store.Room(o.Name)
		if err != nil {
			return nil, roomError(err)
		}
		o = openingOf(kept, o.Manners)
	}
	return t.start(o), nil
}

// roomError translates the store's errors into those of the API.
func roomError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrExists):
		return ErrNameTaken
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknownRoom
	}
	return fmt.Errorf("server: room store: %w", err)
}

// reopen opens the rooms that were kept, at the start. Where the configuration has one of the name by now, that is the one.
func (s *Server) reopen() error {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	for after := ""; ; {
		page, next, err := s.store.Rooms(after, accountsPage)
		if err != nil {
			return err
		}
		for _, kept := range page {
			if s.rooms.open[kept.Name] != nil {
				s.log.Warn("a kept room is left out: the configuration has one of its name", "room", kept.Name)
				continue
			}
			if s.cfg.Policies[kept.Policy] == nil {
				s.log.Warn("nobody can call a room: its policy is not in the configuration; add it, or give the room another by the admin API",
					"room", kept.Name, "policy", kept.Policy)
			}
			s.rooms.kept.n.Add(1) // also those beyond the limit, where that was lowered
			s.rooms.start(openingOf(kept, s.cfg.Rooms.Manners))
		}
		if after = next; next == "" {
			return nil
		}
	}
}

// DeleteRoom ends a room: everybody in it gets a BYE, and a kept one is forgotten. Its name is free at once.
func (s *Server) DeleteRoom(ctx context.Context, name string, musts ...Must[RoomView]) (err error) {
	r := s.rooms.find(name)
	if r == nil {
		return ErrUnknownRoom
	}
	posted := r.do(ctx, func() {
		switch err = all(musts, r.look()); {
		case err != nil:
			return
		case r.closing:
			err = ErrUnknownRoom
			return
		case r.permanent && !r.stored:
			err = ErrConfiguredRoom
			return
		}
		if r.stored {
			if err = r.kept.forget(name); err != nil {
				return
			}
		}
		r.end("ended")
		s.rooms.retire(r)
	})
	if posted != nil {
		return ErrUnknownRoom
	}
	if err == nil {
		s.log.Info("room ended by the API", "room", name)
	}
	return err
}

// end sends everybody away. The room's goroutine goes on until they are gone. It runs in that goroutine.
func (r *room) end(reason string) {
	r.over(reason)
	r.permanent = false
	for _, st := range r.seats {
		st.stay()
		st.coming.callOff()
		switch leg := st.leg(); {
		case leg != nil:
			_ = leg.Hangup(context.Background(), "room_ended") // ErrEnded: gone already
		case st.coming == nil:
			r.leave(st)
		}
	}
}
