package server

import (
	"context"
	"errors"
	"slices"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/server/gate"
)

// Move has the server move a seat to another device of its owner. It returns once that is under way.
func (s *Server) MoveSeat(ctx context.Context, room, id string, ask MoveRequest) (MoveView, error) {
	var o *tenancy
	var d device
	way := byOrder
	if ask.Via == string(bySending) {
		way = bySending
	}
	var account string
	var from *tenancy
	if err := s.withSeat(ctx, room, id, func(st *seat) { account, from = st.who.Account, st.tenant }); err != nil {
		return MoveView{}, err
	}
	if from == nil || account == "" {
		return MoveView{}, ErrNotMovable
	}
	d, err := s.target(account, ask.Target, from.leg.Dialog().Connection())
	if err != nil {
		return MoveView{}, err
	}
	if posted := s.withSeat(ctx, room, id, func(st *seat) { o, err = st.room.promise(s, st, way, d.uri) }); posted != nil || err != nil {
		return MoveView{}, errors.Join(posted, err)
	}
	bring := func(ctx context.Context) error { return s.dial(ctx, o, d, "") }
	if way == bySending {
		bring = func(ctx context.Context) error { return s.send(ctx, o, from, d) }
	}
	if err := s.begin(o, bring, nil); err != nil {
		return MoveView{}, err
	}
	return o.move.view(), nil
}

// MoveRequest asks for a move.
type MoveRequest struct {
	Target string `json:"target" minLength:"5" maxLength:"512" doc:"URI of a device of the seat's account: as it registered, or as it is listed with the account" example:"sip:alice@192.0.2.7:5060"`
	Via    string `json:"via,omitempty" enum:"invite,send" doc:"invite: the server calls the device. send: the server has the device call, with Replaces, for a device that takes no calls; invite when empty"`
}

// dial calls the device that is to have the seat. It offers what the policy has, by methods that prove who answers; where the policy
// hands on the running TGK, that. only is the one method to offer; "" is any.
func (s *Server) dial(ctx context.Context, o *tenancy, d device, only keying.Method) error {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Load().ring)
	defer cancel()
	policy := s.policies.of(o.room.policy.Load(), o.seat.who)
	methods := s.offered(o.seat.who, policy, d, only)
	if len(methods) == 0 {
		return errNoMethod
	}
	peer := s.uri(o.seat.who.Account)
	var known string // the dialog of the call that was tried last
	out := legs.Outgoing{
		Invitation: dialog.Invitation{
			URI: d.uri, To: peer, From: s.uri(o.room.name), ContactUser: o.room.name, Flow: d.flow, Transport: d.transport, Destination: d.destination,
		},
		Local: s.uri(o.room.name), Peer: peer, Policy: policy, Methods: methods, Codecs: s.cfg.codecsOf(""),
		OnFallback: func(from, to keying.Method, why *legs.Refused) {
			s.log.Info("a device refused a method", "move", o.move.id, "method", string(from), "next", string(to), "status", why.Status)
			s.calls.remove(known) // it was taken without keys: it has ended, and the next may ring for long
		},
	}
	if running := o.running(); running != nil && policy.MoveTGK == keying.MoveRunning && slices.Contains(methods, keying.MIKEYPSK) {
		out.Handover = running
		out.Methods = append([]keying.Method{keying.MIKEYPSK}, slices.DeleteFunc(methods, func(m keying.Method) bool { return m == keying.MIKEYPSK })...)
	}
	o.called = true
	out.OnDialog = func(leg *legs.Leg, d *dialog.Dialog) {
		s.calls.remove(known) // of a call before that came to nothing
		o.leg, known = leg, d.ID()
		s.calls.add(known, &call{leg: leg, tenancy: o, identity: peer, who: o.seat.who, room: o.room.name, from: d.RemoteSource(), transport: d.Transport()})
	}
	_, err := s.line.Call(ctx, s.endpoint, out, o)
	if err != nil {
		s.calls.remove(known)
	}
	return err
}

// running is what the leg that fills the seat goes on with; nil where there is none.
func (o *tenancy) running() (r *keying.Running) {
	_ = o.room.do(context.Background(), func() { // a room that has closed has nothing to hand on
		if leg := o.seat.leg(); leg != nil && leg.Terms() != nil {
			r = leg.Terms().Running
		}
	})
	return r
}

// offered are the methods by which we call a device.
func (s *Server) offered(who gate.Who, p *keying.Policy, d device, only keying.Method) []keying.Method {
	return slices.DeleteFunc(s.methodsTo(who, p, d.transport == "tls" && d.registered), func(m keying.Method) bool { return only != "" && m != only })
}

// methodsTo are the methods of a policy by which we can call an account's device, in the policy's order.
func (s *Server) methodsTo(who gate.Who, p *keying.Policy, secured bool) (usable []keying.Method) {
	for _, m := range p.Methods {
		if s.canOffer(m, who, p, secured) {
			usable = append(usable, m)
		}
	}
	return usable
}

// send has the device call the room with Replaces, over the flow that it registered by, and takes its word that it will.
func (s *Server) send(ctx context.Context, o, from *tenancy, d device) error {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Load().ring)
	defer cancel()
	callID, local, remote := from.leg.Dialog().Tags()
	to := dialog.ReferTo{Text: s.uri(o.room.name), Replaces: &dialog.Replaces{CallID: callID, ToTag: local, FromTag: remote}}
	resp, err := s.endpoint.Request(ctx, dialog.Outgoing{
		Method: "REFER", URI: d.uri, From: s.uri(o.room.name), To: s.uri(o.seat.who.Account), Flow: d.flow, Transport: d.transport, Destination: d.destination,
		Header: []dialog.HeaderField{
			{Name: "Refer-To", Value: to.String()},
			{Name: "Refer-Sub", Value: "false"}, {Name: "Supported", Value: "norefersub"},
		},
	})
	switch {
	case err != nil:
		return err
	case resp.Status >= 300:
		return &legs.Refused{Status: resp.Status, Reason: resp.Reason}
	}
	return nil
}
