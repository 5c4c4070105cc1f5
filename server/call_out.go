package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/server/gate"
	"github.com/conclave/conclave/server/store"
)

// Refusals of a call that the API asks for.
var (
	// ErrCallLimit says that the account has as many calls as it may, or the room as many seats (409).
	ErrCallLimit = errors.New("server: no more calls of this account, or seats in this room")
	// ErrNoMethod says that no method suits the policy, the device and what was asked for (422).
	ErrNoMethod = errors.New("server: no method suits")
)

// CallRequest asks for a call from a room to a device.
type CallRequest struct {
	URI     string `json:"uri" minLength:"5" maxLength:"512" pattern:"^sips?:" doc:"An account, where it has one device; or a device as it registered, or as it is listed with its account" example:"sip:alice@conf.example.com"`
	Account string `json:"account,omitempty" maxLength:"64" doc:"Account of the device, where several have one at this URI"`
	Keying  string `json:"keying,omitempty" enum:"mikey-psk,mikey-dh,mikey-dhhmac,mikey-rsar,dtls-srtp,sdes" doc:"The one method to offer; those of the policy, one after another, when empty"`
}

// CallOut has the server call a device into a room, to a seat of its own, whether the room is locked or not. It returns once that is
// under way. A call like this is a move of a seat that nobody fills yet: it stands when the device was heard, and Move tells how it goes.
func (s *Server) CallOut(ctx context.Context, room string, ask CallRequest) (MoveView, error) {
	r := s.rooms.find(room)
	if r == nil {
		return MoveView{}, ErrUnknownRoom
	}
	account, d, err := s.callee(ask)
	if err != nil {
		return MoveView{}, err
	}
	who, only := gate.Who{Account: account}, keying.Method(ask.Keying)
	if len(s.offered(who, s.policies.of(r.policy.Load(), who), d, only)) == 0 {
		return MoveView{}, ErrNoMethod
	}
	if s.mixerFull() {
		return MoveView{}, fmt.Errorf("%w: full", ErrUnavailable)
	}
	o, err := s.invite(ctx, room, who, d)
	if err != nil {
		return MoveView{}, err
	}
	if err := s.begin(o, func(ctx context.Context) error { return s.dial(ctx, o, d, only) }, nil); err != nil {
		return MoveView{}, err
	}
	return o.move.view(), nil
}

// invite reserves a seat for whom we call, and makes the move that brings him to it.
func (s *Server) invite(ctx context.Context, room string, who gate.Who, d device) (*tenancy, error) {
	switch err := s.ledger.reserve(who); {
	case errors.Is(err, errAccountFull):
		return nil, fmt.Errorf("%w: %w", ErrCallLimit, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	o := newTenancy(s)
	st := &seat{
		id: hex.EncodeToString(randomBytes(8)), who: who, joined: time.Now(), display: s.accounts.displayName(who.Account), invited: true,
	}
	if err := s.rooms.seat(ctx, room, st, o); err != nil {
		s.ledger.release(who)
		switch {
		case errors.Is(err, errRoomFull):
			return nil, fmt.Errorf("%w: %w", ErrCallLimit, err)
		case errors.Is(err, ErrDraining):
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	over := false
	err := o.room.do(ctx, func() {
		if over = o.room.closing; !over {
			o.move = newMove(o.seat, byCall, d.uri)
		}
	})
	if err != nil || over {
		o.vacate(false)
		return nil, ErrUnknownRoom
	}
	return o, nil
}

// callee finds whose device a URI means.
func (s *Server) callee(ask CallRequest) (account string, _ device, err error) {
	uri, err := dialog.ParseURI(ask.URI)
	if err != nil || uri.Host == "" {
		return "", device{}, fmt.Errorf("%w: no SIP URI", ErrNotADevice)
	}
	owners := []string{strings.ToLower(ask.Account)}
	switch {
	case ask.Account != "":
	case strings.EqualFold(uri.Host, s.cfg.SIP.Domain):
		owners[0] = strings.ToLower(uri.User)
	default:
		owners = s.owners(uri)
	}
	if len(owners) != 1 {
		return "", device{}, fmt.Errorf("%w: %d accounts have one there", ErrNotADevice, len(owners))
	}
	if s.accounts.enabled(owners[0]) == nil {
		return "", device{}, fmt.Errorf("%w: no account, or one that may not call", ErrNotADevice)
	}
	d, err := s.target(owners[0], ask.URI, "")
	return owners[0], d, err
}

// owners are the accounts that have a device at a URI, registered or listed.
func (s *Server) owners(uri dialog.URI) []string {
	all := s.registrar.at(uri)
	s.accounts.mu.RLock()
	defer s.accounts.mu.RUnlock()
	for name, acc := range s.accounts.byName {
		if slices.ContainsFunc(acc.Devices, func(d store.Device) bool { _, at := listed(d); return at.Host != "" && sameURI(at, uri) }) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
