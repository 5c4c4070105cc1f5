package server

import (
	"context"
	"errors"
	"net/netip"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// Referred implements legs.Owner: the device on the leg asks us to call another device of its owner, which is to have the seat. The gate has
// looked at its proof.
func (o *tenancy) Referred(_ *legs.Leg, r *legs.Referral) {
	if err := o.server.refer(o, r); err != nil {
		o.server.refuseReferral(o.seat.who.Account, r, err)
	}
}

// refer begins the move that a REFER asks for. It does not wait for it.
func (s *Server) refer(from *tenancy, r *legs.Referral) error {
	if r.Err != nil {
		return errors.Join(errBadReference, r.Err)
	}
	if err := referable(r.To); err != nil {
		return err
	}
	var near string
	if err := from.whileSeated(func() error { near = from.leg.Dialog().Connection(); return nil }); err != nil {
		return err
	}
	d, err := s.target(from.seat.who.Account, r.To.Text, near)
	if err != nil {
		return err
	}
	var o *tenancy
	if err := from.whileSeated(func() error { o, err = from.room.promise(s, from.seat, byReferral, d.uri); return err }); err != nil {
		return err
	}
	bring := func(ctx context.Context) error {
		told, cancel := context.WithTimeout(ctx, notifyPatience) // a device that takes no NOTIFY holds up no move
		defer cancel()
		if err := r.Accept(told); err != nil {
			s.log.Debug("a NOTIFY was not taken", "move", o.move.id, "err", err)
		}
		return s.dial(ctx, o, d, "")
	}
	tell := func(ctx context.Context, failed error) {
		status, reason := 200, "OK"
		if failed != nil {
			status, reason = o.move.fragment(failed)
		}
		ctx, cancel := context.WithTimeout(ctx, notifyPatience)
		defer cancel()
		if err := r.Tell(ctx, status, reason); err != nil {
			s.log.Debug("a NOTIFY was not taken", "move", o.move.id, "err", err)
		}
	}
	return s.begin(o, bring, tell)
}

// whileSeated runs f in the room's goroutine while the leg fills its seat. One that has given the seat up is about to end, and a call of ours
// whose dialog is known already may not stand yet: it has no seat to speak of.
func (o *tenancy) whileSeated(f func() error) error {
	err := errNoDialog
	if posted := o.room.do(context.Background(), func() {
		if o.seat.tenant == o {
			err = f()
		}
	}); posted != nil {
		return posted
	}
	return err
}

// Refusals of a REFER for what its Refer-To is, beside those of moves.
var (
	errReferScheme = errors.New("server: Refer-To is no SIP URI")
	errReferShape  = errors.New("server: Refer-To asks for more than a call")
)

// referable holds a Refer-To to what a move needs: an INVITE to a SIP URI. Header fields in it would go into a request of ours.
func referable(to dialog.ReferTo) error {
	switch {
	case to.URI.Scheme != "sip" && to.URI.Scheme != "sips":
		return errReferScheme
	case to.Headers > 0, to.Replaces != nil, to.Method != "" && to.Method != "INVITE":
		return errReferShape
	}
	return nil
}

// refuseReferral answers a REFER that comes to nothing.
func (s *Server) refuseReferral(account string, r *legs.Referral, err error) {
	refusal := s.refusal(err)
	s.metrics.refused(refusal.Reason)
	s.refused(Event{Account: account}, Refusal{Method: "REFER", Status: refusal.Status, Reason: refusal.Reason}, netip.AddrPort{})
	s.log.Info("referral refused", "account", account, "to", r.To.Text, "status", refusal.Status, "reason", refusal.Reason, "err", err)
	r.Refuse(refusal.Response())
}

// referOutside takes a REFER outside a dialog (RFC 4538): Target-Dialog names the leg whose seat is to move. Only the leg's own
// account may, which the gate has proven.
func (s *Server) referOutside(in *dialog.Standalone, a *admission) {
	answered := make(chan struct{}) // by the move's goroutine, where there is a move: the request lives no longer than its handler
	reply := func(resp dialog.Response) {
		defer close(answered)
		if err := in.Reply(resp); err != nil {
			s.log.Debug("a REFER was not answered", "err", err)
		}
	}
	r := legs.NewReferral(in.Request, reply, func() (legs.Notifier, error) { return in.Subscribe() })
	from, err := s.targetDialog(in.Request, a)
	if err == nil {
		err = s.refer(from, r)
	}
	if err != nil {
		s.refuseReferral(a.Account, r, err)
	}
	<-answered
}

// Refusals of a dialog that a request names.
var (
	errNoDialog     = errors.New("server: no such dialog")
	errOthersDialog = errors.New("server: the dialog is another account's")
	errDialogRoom   = errors.New("server: the dialog is in another room")
	errBadReference = errors.New("server: what names a dialog, or a device, cannot be read")
)

// targetDialog finds the leg that a REFER is about.
func (s *Server) targetDialog(r *dialog.Request, a *admission) (*tenancy, error) {
	values := r.Header("Target-Dialog")
	if len(values) != 1 {
		return nil, errBadReference
	}
	t, err := dialog.ParseTargetDialog(values[0])
	if err != nil {
		return nil, errors.Join(errBadReference, err)
	}
	return s.ownDialog(t.DialogID(), a)
}

// ownDialog finds a dialog that a proven request names by its tags; that of somebody else is not his to speak of.
func (s *Server) ownDialog(id string, a *admission) (*tenancy, error) {
	c := s.calls.find(id)
	switch {
	case c == nil:
		return nil, errNoDialog
	case a.Account == "" || c.who != a.who():
		return nil, errOthersDialog
	case c.room != a.Room:
		return nil, errDialogRoom
	}
	return c.tenancy, nil
}
