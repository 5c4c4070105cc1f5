package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
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
	a.setup.Step("seat")
	a.setup.Note("conclave.method", a.method())
	a.setup.Note("sip.transport", in.Request.Transport)
	err := s.join(in, a)
	if err == nil {
		s.metrics.joined(a.method(), time.Since(started))
		return
	}
	if in.Context().Err() != nil {
		a.setup.End(487, "cancelled")
		s.metrics.refused("cancelled")
		s.log.Info("call given up by its caller", "account", a.Account, "trunk", a.Trunk, "room", a.Room, "cause", context.Cause(in.Context()))
		_ = in.Reject(dialog.Response{Status: 487}) // the dialog has answered already where it knew
		return
	}
	r := s.refusal(err)
	a.setup.End(r.Status, r.Reason)
	s.metrics.refused(r.Reason)
	s.refused(Event{Account: a.Account, Room: a.Room}, Refusal{
		Method: "INVITE", Status: r.Status, Reason: r.Reason, Transport: in.Request.Transport, Trunk: a.Trunk,
	}, in.Request.Source)
	s.log.Info("call refused", "account", a.Account, "trunk", a.Trunk, "room", a.Room, "status", r.Status, "reason", r.Reason, "err", r.Err)
	if err := in.Reject(r.Response()); err != nil {
		s.log.Debug("refusal not sent", "err", err)
	}
}

// errAccountClosed says that the account was disabled or deleted while its call was set up.
var errAccountClosed = errors.New("server: the account was closed")

// join reserves, negotiates and accepts; whatever fails is undone in reverse before it returns.
func (s *Server) join(in *dialog.Incoming, a *admission) error {
	if err := legs.Bearable(in.Request); err != nil {
		return err
	}
	if value := in.Request.Header("Replaces"); len(value) > 0 {
		return s.replace(in, a, value)
	}
	if err := s.ledger.reserve(a.who()); err != nil {
		return err
	}
	o := newTenancy(s)
	o.method = a.method()
	if err := s.rooms.seat(in.Context(), a.Room, s.newSeat(in.Request, a), o); err != nil {
		s.ledger.release(a.who())
		return err
	}
	return s.answer(in, a, o)
}

// answer negotiates a call for a seat that is reserved, and accepts it.
func (s *Server) answer(in *dialog.Incoming, a *admission, o *tenancy) error {
	a.setup.Step("agree")
	leg, err := s.prepare(in, a, o)
	if err != nil {
		return o.refuse(err)
	}
	o.leg, o.setup = leg, a.setup
	a.setup.Note("conclave.leg", leg.ID())
	a.setup.Step("answer")
	o.lobby = s.lobby.Join(mixer.SeatConfig{})
	o.lobby.Attach(leg.Stream())
	// A caller may hang up with the octets of our 200 just read, before Accept returns: the dialog must be known by then.
	s.calls.add(in.DialogID(), &call{leg: leg, tenancy: o, identity: a.Identity, who: a.who(), room: o.room.name, from: in.Request.Source, transport: in.Request.Transport})
	// Who closes an account, or stops the server, ends the calls that are known: one that was being set up meanwhile has to look
	// for itself.
	switch {
	case s.stopping.Load():
		err = errServerFull
	case a.Trunk == "" && s.accounts.enabled(a.Account) == nil:
		err = errAccountClosed
	default:
		err = leg.Accept(in)
	}
	if err != nil {
		s.calls.remove(in.DialogID())
		return o.refuse(err)
	}
	return nil
}

// refuse unwinds a call that is not taken; a move that it was to bring a leg for is told why.
func (o *tenancy) refuse(err error) error {
	if o.move != nil {
		o.move.callOff(err)
	}
	o.vacate(false)
	return err
}

// prepare tells the leg what the gate found out, and has it negotiate.
func (s *Server) prepare(in *dialog.Incoming, a *admission, o *tenancy) (*legs.Leg, error) {
	adm := legs.Admission{
		Local: s.uri(a.Room), Peer: a.Identity, Policy: s.policies.of(o.room.policy.Load(), a.who()), Offer: a.Offer, Verified: a.Verified,
		Codecs: s.cfg.codecsOf(a.Trunk), Secured: secured(in.Request.Transport, a.Trunk),
	}
	if a.Offer == nil {
		if adm.Method = s.lateMethod(a, adm.Policy, adm.Secured); adm.Method == "" {
			return nil, errNoMethod
		}
	}
	return s.line.Prepare(in.Context(), adm, o)
}

// secured says whether keys may stand in the clear in a description: over TLS, or where the configuration lets a trunk's.
func secured(transport, trunk string) bool { return transport == "tls" || trunk != "" }

// codecsOf are the codecs of a trunk in its order; nil: those of all callers.
func (c *Config) codecsOf(trunk string) []string {
	for _, t := range c.Trunks {
		if t.Name == trunk {
			return t.Codecs
		}
	}
	return nil
}

// errNoMethod says that we have nothing to offer to a caller that sent no offer.
var errNoMethod = errors.New("server: no method for an offer of ours")

// lateMethod chooses how we offer to a caller that sent no offer: the policy's first method that both sides can do, "" without
// one. An account always has a pre-shared key, and a certificate where one was issued; of that the server keeps the fingerprint
// only, so that it cannot encrypt to it (MIKEYPKE). A trunk's callers have neither. The answer comes in an ACK, which proves
// nobody: SDES and DTLS, which do not either, are for callers whose signalling nobody else can write.
func (s *Server) lateMethod(a *admission, p *keying.Policy, secured bool) keying.Method {
	for _, m := range p.Methods {
		if s.canOffer(m, a.who(), p, secured) {
			return m
		}
	}
	return ""
}

// canOffer says whether both sides can do a method that we offer.
func (s *Server) canOffer(m keying.Method, who gate.Who, p *keying.Policy, secured bool) bool {
	switch {
	case !p.AllowsMethod(m), m == keying.MIKEYPKE, !m.Authenticates() && !secured:
		return false
	case m.Authenticates() && who.Trunk != "", m.Certified() && !s.accounts.hasCertificate(who.Account):
		return false
	}
	return true
}

// newSeat is the seat that a caller is to get.
func (s *Server) newSeat(r *dialog.Request, a *admission) *seat {
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	st := &seat{
		id: hex.EncodeToString(id[:]), who: a.who(), joined: time.Now(),
	}
	if a.Trunk == "" {
		st.display = s.accounts.displayName(a.Account)
	} else {
		st.display = callerName(r.From)
	}
	return st
}

// callerName is what a trunk says about its caller: the name to show, or else the user of the URI, without what does not print.
func callerName(from dialog.Address) string {
	name := cmp.Or(strings.TrimSpace(from.Display), from.URI.User)
	return printable(name)
}

// refusals give an error of a join its SIP status, its reason for the metrics, and words for the caller; the first that fits holds.
var refusals = []struct {
	of     error
	status int
	reason string
	words  string // "": the status says it
	retry  int    // seconds; 0: no Retry-After
}{
	{of: errNoRoom, status: 404, reason: "no_room"},
	{of: errAccountClosed, status: 403, reason: "account_closed"},
	{of: errRoomLocked, status: 403, reason: "room_locked", words: "the room is locked"},
	{of: errTooManyTries, status: 403, reason: "pin_tries", words: "too many wrong PINs; try again in ten minutes"},
	{of: errRoomFull, status: 486, reason: "room_full", words: "the room is full"},
	{of: errNoDialog, status: 481, reason: "no_target_dialog"},
	{of: errAnswered, status: 486, reason: "no_target_dialog", words: "the call was answered"},
	{of: errOthersDialog, status: 403, reason: "not_its_seat", words: "the seat is not this account's to move"},
	{of: errDialogRoom, status: 403, reason: "not_its_seat", words: "the seat is not this account's to move"},
	{of: errBadReference, status: 400, reason: "bad_reference"},
	{of: errReferScheme, status: 416, reason: "refer_scheme"},
	{of: errReferShape, status: 403, reason: "refer_shape", words: "a REFER names a device of the account, and no more"},
	{of: ErrNotADevice, status: 403, reason: "not_a_device", words: "the target is no device of this account"},
	{of: ErrMovePending, status: 486, reason: "move_pending", words: "a move of this seat is pending"},
	{of: ErrNotMovable, status: 403, reason: "not_movable", words: "this seat cannot move"},
	{of: ErrDraining, status: 503, reason: "draining", words: "the server takes no new calls", retry: drainRetry},
	{of: errNoMethod, status: 488, reason: "no_method", words: "send an offer: none of ours suits both sides"},
	{of: errTrunkFull, status: 486, reason: "trunk_full", words: "too many calls of this trunk"},
	{of: errAccountFull, status: 486, reason: "account_full", words: "too many calls of this account"},
	{of: errServerFull, status: 503, reason: "server_full", retry: retryAfter},
	{of: ErrUnavailable, status: 503, reason: "server_full", retry: retryAfter},
	{of: errTooManyRooms, status: 503, reason: "server_full", retry: retryAfter},
	{of: errRoomClosed, status: 503, reason: "server_full", retry: retryAfter},
	{of: context.DeadlineExceeded, status: 503, reason: "server_full", retry: retryAfter},
}

// refusal is what a caller hears of an error of a join.
func (s *Server) refusal(err error) *legs.Reject {
	var r *legs.Reject
	if errors.As(err, &r) {
		return r
	}
	for _, row := range refusals {
		if !errors.Is(err, row.of) {
			continue
		}
		r = &legs.Reject{Status: row.status, Reason: row.reason, Err: err, Retry: row.retry}
		if row.words != "" {
			r.Warning = fmt.Sprintf("399 %s %q", s.cfg.SIP.Domain, row.words)
		}
		return r
	}
	return &legs.Reject{Status: 500, Reason: "internal", Err: err}
}
