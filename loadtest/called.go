package loadtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// ring takes a call of the server's at once, or refuses it.
func (d *Device) ring(in *dialog.Incoming) {
	start := time.Now()
	c, err := d.take(in)
	if err != nil {
		r := &legs.Reject{Status: 488}
		_ = errors.As(err, &r)
		_ = in.Reject(r.Response()) // an error says that it was cancelled
		if r.Status != 488 {        // else another offer may follow
			d.arrived(nil, err)
		}
		return
	}
	d.work(func(ctx context.Context) {
		// Before its ACK the server may not have the keys of our answer, and what we would send it would be noise to it.
		select {
		case <-c.confirmed:
		case <-c.ended:
		case <-ctx.Done():
		}
		if err := c.open(ctx, d.plan, start); err != nil {
			d.arrived(nil, err)
			return
		}
		d.arrived(c, nil)
	})
}

// take answers the call. Whoever calls proves by the keys that he speaks for the room that he names.
func (d *Device) take(in *dialog.Incoming) (*Caller, error) {
	c, line, err := d.exchange.caller(d.plan)
	if err != nil {
		return nil, err
	}
	adm, err := d.admission(in.Request, line.Keyer)
	if err != nil {
		return nil, err
	}
	defer adm.Verified.Abandon() // wipes what a refusal left unused
	leg, err := line.Prepare(in.Context(), adm, c)
	if err != nil {
		return nil, err
	}
	digest := d.plan.Bundle.Digest
	in.Authenticate(digest.Username, string(digest.Password.Bytes()), digest.Realm)
	c.begin(leg)
	if err := leg.Accept(in); err != nil {
		c.Stop()
		leg.Release()
		return nil, err
	}
	return c, nil
}

// admission is the call as the leg has to know it: its offer read, and the key agreement in it verified.
func (d *Device) admission(r *dialog.Request, keyer *keying.Keyer) (a legs.Admission, err error) {
	if r.From.URI.Host != domainOf(d.plan.Bundle.URI) || len(r.Body) == 0 {
		return a, &legs.Reject{Status: 403, Reason: "stranger", Err: fmt.Errorf("%w: %s calls", ErrDestination, r.From.URI.Identity())}
	}
	a = legs.Admission{
		Local: d.plan.Bundle.URI, Peer: r.From.URI.Identity(), Policy: callerPolicy(d.plan), Codecs: d.plan.Codecs,
		Secured: d.plan.Clear || r.Transport == "tls",
	}
	if a.Offer, err = offer.Parse(r.Body); err != nil {
		return a, err
	}
	keys, err := a.Offer.Attributes()
	if err != nil {
		return a, err
	}
	a.Verified, err = keyer.Verify(keys, keying.Call{Local: a.Local, Peer: a.Peer, SDPIDs: a.Offer.SDPIDs(), Policy: a.Policy, Secured: a.Secured})
	return a, err
}

// sent obeys a REFER of the server: the device is to call its room in the place of a dialog that is named there, and of nothing else.
func (d *Device) sent(in *dialog.Standalone) {
	reply := func(r dialog.Response) { _ = in.Reply(r) } // the server asks again, or not
	r := legs.NewReferral(in.Request, reply, func() (legs.Notifier, error) { return in.Subscribe() })
	switch {
	case r.Err != nil:
		r.Refuse(dialog.Response{Status: 400})
		return
	case r.To.Replaces == nil, r.To.Headers > 0, r.To.Method != "INVITE", r.To.Text != d.plan.URI:
		r.Refuse(dialog.Response{Status: 403})
		return
	}
	if err := r.Accept(d.life); err != nil {
		d.exchange.log.Debug("a NOTIFY was not taken", "err", err)
	}
	d.work(func(ctx context.Context) {
		c, err := d.Call(ctx, r.To.Replaces)
		d.arrived(c, err)
		var refused *legs.Refused
		switch {
		case err == nil:
			err = r.Tell(ctx, 200, "OK")
		case errors.As(err, &refused):
			err = r.Tell(ctx, refused.Status, refused.Reason)
		default:
			err = r.Tell(ctx, 500, "Server Internal Error")
		}
		if err != nil {
			d.exchange.log.Debug("a NOTIFY was not taken", "err", err)
		}
	})
}
