package dialog

import (
	"context"
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// Invitation is a call that we make.
type Invitation struct {
	// URI is whom we call ("sip:room@domain"): the Request-URI and To. From is who calls, Display its name.
	URI, From, Display string
	// Transport is "udp", "tcp" or "tls" ("" is udp). Destination is host:port where the INVITE goes ("": the URI's host).
	Transport, Destination string
	// Flow, when set, takes the place of both: the flow that the device holds open (see Outgoing). The dialog stays on it.
	Flow string
	// To is whom we call, by name, where the Request-URI is one of his devices ("": URI).
	To string
	// ContactUser is the user part of our Contact for this call ("": Config.Contact).
	ContactUser string
	// ContentType and Body are the offer; no body asks for a late offer.
	ContentType string
	Body        []byte
	// Username and Password answer digest challenges of Realm, and of no other.
	Username, Password, Realm string
	Header                    []HeaderField
	// OnDialog is called with the dialog that a 2xx makes, before the ACK goes out and before a request in it is looked at: whoever keeps a table of
	// dialogs enters it there. If Invite fails after that the dialog has ended. nil: nobody is told.
	OnDialog func(*Dialog)
	// Ack is called once with the 2xx before it is acknowledged and returns the ACK's body, the answer to a late offer
	// (nil body: none). On its error the ACK goes out without a body, then a BYE. nil is good for early offers.
	Ack func(*Response) (contentType string, body []byte, err error)
	// OnProvisional sees 18x responses, in the goroutine of Invite.
	OnProvisional func(*Response)
}

// Invite calls and waits for the final answer. A 2xx gives the dialog, acknowledged, and the response; any other status the
// response alone; ctx's end sends CANCEL and gives its cause. There is no other limit to how long a peer may ring.
func (e *Endpoint) Invite(ctx context.Context, inv Invitation) (*Dialog, *Response, error) {
	r, err := e.errand(ctx, inv.outgoing())
	if err != nil {
		return nil, nil, err
	}
	defer r.release()
	c := &call{errand: r, inv: inv, stands: e.placing(r.callID, r.tag)}
	defer c.stands()
	ctx, cancel := e.context(ctx)
	defer cancel()
	var prior *sip.Response
	for range challengeMax + 1 {
		t, err := c.send(ctx, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		heard := false
		res, err := t.final(ctx, func(r *Response) {
			heard = true
			if inv.OnProvisional != nil {
				inv.OnProvisional(r)
			}
		})
		if err != nil {
			e.abandon(t, c.to, c.st, heard, func(res *sip.Response) { r.decline(e.keepAcks(t, res, r.others()), res) })
			return nil, nil, err
		}
		if res.IsSuccess() {
			return c.established(ctx, e.keepAcks(t, res, r.others()), res)
		}
		t.drop()
		if prior = res; !challenged(res) {
			break
		}
	}
	return nil, received(prior), nil
}

// outgoing is the INVITE as a request.
func (inv *Invitation) outgoing() Outgoing {
	return Outgoing{
		Method: "INVITE", URI: inv.URI, To: inv.To, From: inv.From, Display: inv.Display, Transport: inv.Transport, Destination: inv.Destination,
		Flow: inv.Flow, ContactUser: inv.ContactUser, Username: inv.Username, Password: inv.Password, Realm: inv.Realm,
		Header: inv.Header, ContentType: inv.ContentType, Body: inv.Body,
	}
}

// call is an Invitation made ready.
type call struct {
	*errand
	inv    Invitation
	stands func() // lets go who waits for the dialog
}

// others is what it takes to end the calls of others who accept the INVITE, too.
func (r *errand) others() *errand {
	o := *r
	o.o = Outgoing{} // it is sent no more
	return &o
}

// tag is the To tag of a response.
func (r *Response) tag() string {
	for _, v := range r.Values("to") {
		if n, err := parseNameAddr(v); err == nil {
			return n.Tag
		}
	}
	return ""
}

// dialog makes the dialog of a 2xx to an INVITE with that CSeq number, not yet in the table.
func (r *errand) dialog(seq uint32, res *sip.Response) (*Dialog, error) {
	answer := received(res)
	tos := answer.Values("to")
	if len(tos) != 1 {
		return nil, ErrMalformed
	}
	remote, err := parseNameAddr(tos[0])
	if err != nil || remote.Tag == "" {
		return nil, fmt.Errorf("%w: To of a 2xx", ErrMalformed)
	}
	d := r.e.newDialog(r.callID, r.tag, remote.Address)
	from, err := parseNameAddr(r.from)
	if err != nil {
		return nil, err
	}
	d.outgoing, d.login, d.host, d.pinned, d.user = true, r.login, r.host, r.pinned, r.user
	d.from, d.to = r.from, tos[0]
	d.seq, d.target = seq, r.target.String()
	d.routes = routeSet(answer.Values("record-route"), true)
	d.first = &Request{
		Method: "INVITE", URI: r.target, From: from.Address, To: Address{URI: r.target}, CallID: r.callID, CSeq: d.seq,
		Transport: r.transport, Source: r.to, ContentType: r.o.ContentType, Body: r.o.Body,
		Connection: r.transport + "|" + r.to.String(),
	}
	if r.st != nil {
		d.flow.Store(r.st)
		d.first.Connection, d.first.PeerCertificates = r.st.id, r.st.certificates()
	}
	d.retarget(answer.Values("contact"), r.to)
	return d, nil
}

// established makes the dialog live and acknowledges.
func (c *call) established(ctx context.Context, a *acks, res *sip.Response) (*Dialog, *Response, error) {
	d, err := c.dialog(a.seq, res)
	if err != nil {
		return nil, nil, err
	}
	d.offer = ours
	if c.inv.OnDialog != nil {
		c.inv.OnDialog(d)
	}
	if err := c.e.live(d, &receiver{d: d}); err != nil {
		c.decline(a, res)
		return nil, nil, err
	}
	c.stands()
	r, err := d.accepted(a, res, c.inv.Ack, d.release)
	if err != nil {
		d.hangUp()
		d.end(err)
		return nil, r, err
	}
	if err := context.Cause(ctx); err != nil { // given up while the answer came
		d.hangUp()
		d.end(err)
		return nil, r, err
	}
	return d, r, nil
}

// decline acknowledges and ends a call that nobody wants any more (RFC 3261 section 13.2.2.4 and 15).
func (r *errand) decline(a *acks, res *sip.Response) {
	d, err := r.dialog(a.seq, res)
	if err == nil && d.acknowledge(a, res, "", nil) == nil {
		d.hangUp()
	}
}
