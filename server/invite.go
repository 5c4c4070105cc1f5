package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/gate"
)

// Invite takes an admitted call to its seat, or refuses it. It runs in a goroutine that the dialog made for it.
func (s *Server) Invite(in *dialog.Incoming, admitted any) {
	started := time.Now()
	a := admitted.(*admission)
	defer a.Verified.Abandon() // wipes what a refusal left unused
	err := s.join(in, a)
	if err == nil {
		s.metrics.joined(a.method(), time.Since(started))
		return
	}
	if in.Context().Err() != nil {
		s.metrics.refused("cancelled")
		s.log.Info("call given up by its caller", "account", a.Account, "room", a.Room, "cause", context.Cause(in.Context()))
		_ = in.Reject(dialog.Response{Status: 487}) // the dialog has answered already where it knew
		return
	}
	r := s.refusal(err)
	s.metrics.refused(r.Reason)
	s.log.Info("call refused", "account", a.Account, "room", a.Room, "status", r.Status, "reason", r.Reason, "err", r.Err)
	if err := in.Reject(r.Response()); err != nil {
		s.log.Debug("refusal not sent", "err", err)
	}
}

// errAccountClosed says that the account was disabled or deleted while its call was set up.
var errAccountClosed = errors.New("server: the account was closed")

// join reserves, negotiates and accepts; whatever fails is undone in reverse before it returns.
func (s *Server) join(in *dialog.Incoming, a *admission) error {
	if err := s.ledger.reserve(a.Account); err != nil {
		return err
	}
	st := newSeat(in.Request, a.Admitted, s.accounts.displayName(a.Account))
	r, err := s.rooms.seat(in.Context(), a.Room, st)
	if err != nil {
		s.ledger.release(a.Account)
		return err
	}
	o := &occupancy{server: s, room: r, seat: st, method: a.method()}
	leg, err := s.line.Prepare(in.Context(), s.admissionOf(a, r.policy), o)
	if err != nil {
		o.vacate(nil)
		return err
	}
	o.lobby = s.lobby.Join(mixer.SeatConfig{})
	o.lobby.Attach(leg.Stream())
	// A caller may hang up with the octets of our 200 just read, before Accept returns: the dialog must be known by then.
	s.calls.add(in.DialogID(), &call{leg: leg, identity: a.Identity, room: r.name, from: in.Request.Source})
	// Who closes an account, or stops the server, ends the calls that are known: one that was being set up meanwhile has to look
	// for itself.
	switch {
	case s.stopping.Load():
		err = errServerFull
	case s.accounts.enabled(a.Account) == nil:
		err = errAccountClosed
	default:
		err = leg.Accept(in)
	}
	if err != nil {
		s.calls.remove(in.DialogID())
		o.vacate(leg)
		return err
	}
	return nil
}

// admissionOf tells the leg what the gate found out.
func (s *Server) admissionOf(a *admission, p *keying.Policy) legs.Admission {
	adm := legs.Admission{Local: s.uri(a.Room), Peer: a.Identity, Policy: p, Offer: a.Offer, Verified: a.Verified}
	if a.Offer == nil {
		adm.Method = s.lateMethod(a.Account, p)
	}
	return adm
}

// lateMethod chooses how we offer to a caller that sent no offer: the policy's first method that both sides can do. An
// account always has a pre-shared key, and a certificate where one was issued; of that the server keeps the fingerprint only, so
// that it cannot encrypt to it (MIKEYPKE).
func (s *Server) lateMethod(account string, p *keying.Policy) keying.Method {
	for _, m := range p.Methods {
		if p.AllowsMethod(m) && m.Implemented() && m != keying.MIKEYPKE && (!m.Certified() || s.accounts.hasCertificate(account)) {
			return m
		}
	}
	return keying.MIKEYPSK
}

func newSeat(r *dialog.Request, a *gate.Admitted, display string) *seat {
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	return &seat{
		id: hex.EncodeToString(id[:]), account: a.Account, display: display,
		transport: r.Transport, signal: r.Source.String(), joined: time.Now(),
	}
}

// refusal gives an error of a join its SIP status, its words and its reason for the metrics.
func (s *Server) refusal(err error) *legs.Reject {
	var r *legs.Reject
	if errors.As(err, &r) {
		return r
	}
	warn := func(words string) string { return fmt.Sprintf("399 %s %q", s.cfg.SIP.Domain, words) }
	switch {
	case errors.Is(err, errNoRoom):
		return &legs.Reject{Status: 404, Reason: "no_room", Err: err}
	case errors.Is(err, errAccountClosed):
		return &legs.Reject{Status: 403, Reason: "account_closed", Err: err}
	case errors.Is(err, errRoomLocked):
		return &legs.Reject{Status: 403, Reason: "room_locked", Err: err, Warning: warn("the room is locked")}
	case errors.Is(err, errRoomFull):
		return &legs.Reject{Status: 486, Reason: "room_full", Err: err, Warning: warn("the room is full")}
	case errors.Is(err, errAccountFull):
		return &legs.Reject{Status: 486, Reason: "account_full", Err: err, Warning: warn("too many calls of this account")}
	case errors.Is(err, errServerFull), errors.Is(err, errTooManyRooms), errors.Is(err, errRoomClosed), errors.Is(err, context.DeadlineExceeded):
		return &legs.Reject{Status: 503, Reason: "server_full", Err: err, Retry: retryAfter}
	default:
		return &legs.Reject{Status: 500, Reason: "internal", Err: err}
	}
}
