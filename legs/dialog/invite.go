package dialog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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
		watch := c.watch(t)
		res, err := t.final(ctx, func(r *Response) {
			heard = true
			if inv.OnProvisional != nil {
				inv.OnProvisional(r)
			}
		})
		if err != nil {
			e.abandon(t, c.to, c.st, heard, func(res *sip.Response) { c.decline(t, watch, res) })
			return nil, nil, err
		}
		if res.IsSuccess() {
			return c.established(ctx, t, res, watch)
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

// watcher takes what comes after the first 2xx: it repeats the ACK for each of that again, and ends the dialogs of other callees that a
// forking proxy reached, as long as they are few.
type watcher struct {
	acks atomic.Pointer[sip.Request]
	tag  atomic.Pointer[string] // of the callee we took

	mu       sync.Mutex
	declined map[string]*atomic.Pointer[sip.Request] // the ACKs of the others, by their tags
}

func (c *call) watch(t *attempt) *watcher {
	w := &watcher{declined: make(map[string]*atomic.Pointer[sip.Request])}
	t.tx.OnRetransmission(func(res *sip.Response) {
		to, taken := received(res).tag(), w.tag.Load()
		switch {
		case taken != nil && *taken == to:
			c.e.repeat(&w.acks)
		case taken != nil || w.knows(to):
			c.decline(t, w, res)
		} // otherwise our ACK is still being made
	})
	return w
}

// repeat sends an ACK once more, if there is one yet.
func (e *Endpoint) repeat(ack *atomic.Pointer[sip.Request]) {
	if req := ack.Load(); req != nil {
		_ = e.tpl.WriteMsg(req.Clone())
	}
}

// knows tells a callee whom we declined.
func (w *watcher) knows(tag string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.declined[tag] != nil
}

// declines is the place of the ACK for a callee whom we decline, and whether it is his first; nil: there are too many.
func (w *watcher) declines(tag string) (acks *atomic.Pointer[sip.Request], first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if acks = w.declined[tag]; acks == nil && len(w.declined) < maxForks {
		acks, first = new(atomic.Pointer[sip.Request]), true
		w.declined[tag] = acks
	}
	return acks, first
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

// dialog makes the dialog of a 2xx, not yet in the table.
func (c *call) dialog(t *attempt, res *sip.Response) (*Dialog, error) {
	r := received(res)
	tos := r.Values("to")
	if len(tos) != 1 {
		return nil, ErrMalformed
	}
	remote, err := parseNameAddr(tos[0])
	if err != nil || remote.Tag == "" {
		return nil, fmt.Errorf("%w: To of a 2xx", ErrMalformed)
	}
	d := c.e.newDialog(c.callID, c.tag, remote.Address)
	from, err := parseNameAddr(c.from)
	if err != nil {
		return nil, err
	}
	d.outgoing, d.login, d.host, d.pinned, d.user = true, c.login, c.host, c.pinned, c.user
	d.from, d.to = c.from, tos[0]
	d.seq, d.target = t.req.CSeq().SeqNo, c.target.String()
	d.routes = routeSet(r.Values("record-route"), true)
	d.first = &Request{
		Method: "INVITE", URI: c.target, From: from.Address, To: Address{URI: c.target}, CallID: c.callID, CSeq: d.seq,
		Transport: c.transport, Source: c.to, ContentType: c.inv.ContentType, Body: c.inv.Body,
		Connection: c.transport + "|" + c.to.String(),
	}
	if c.st != nil {
		d.flow.Store(c.st)
		d.first.Connection, d.first.PeerCertificates = c.st.id, c.st.certificates()
	}
	d.retarget(r.Values("contact"), c.to)
	return d, nil
}

// established makes the dialog live and acknowledges.
func (c *call) established(ctx context.Context, t *attempt, res *sip.Response, w *watcher) (*Dialog, *Response, error) {
	d, err := c.dialog(t, res)
	if err != nil {
		return nil, nil, err
	}
	d.offer = ours
	if c.inv.OnDialog != nil {
		c.inv.OnDialog(d)
	}
	if err := c.e.live(d, &receiver{d: d}); err != nil {
		c.decline(t, w, res)
		return nil, nil, err
	}
	c.stands()
	w.tag.Store(&d.remote.Tag)
	r, err := d.accepted(t, &w.acks, res, c.inv.Ack, d.release)
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

// decline acknowledges and ends a call that nobody wants any more (RFC 3261 section 13.2.2.4 and 15); what it was answered with again is
// acknowledged again, and that is all.
func (c *call) decline(t *attempt, w *watcher, res *sip.Response) {
	d, err := c.dialog(t, res)
	if err != nil {
		return
	}
	acks, first := w.declines(d.remote.Tag)
	switch {
	case acks == nil: // each of them would have us send eleven BYEs
	case !first:
		c.e.repeat(acks)
	case d.acknowledge(t, acks, res, "", nil) == nil:
		d.hangUp()
	}
}
