package dialog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// Invitation is a call that we make.
type Invitation struct {
	// URI is whom we call ("sip:room@domain"): the Request-URI and To. From is who calls, Display its name.
	URI, From, Display string
	// Transport is "udp", "tcp" or "tls" ("" is udp). Destination is host:port where the INVITE goes ("": the URI's host).
	Transport, Destination string
	// ContentType and Body are the offer; no body asks for a late offer.
	ContentType string
	Body        []byte
	// Username and Password answer digest challenges of Realm, and of no other.
	Username, Password, Realm string
	Header                    []HeaderField
	// Ack is called once with the 2xx before it is acknowledged and returns the ACK's body, the answer to a late offer
	// (nil body: none). On its error the ACK goes out without a body, then a BYE. nil is good for early offers.
	Ack func(*Response) (contentType string, body []byte, err error)
	// OnProvisional sees 18x responses, in the goroutine of Invite.
	OnProvisional func(*Response)
}

// Invite calls and waits for the final answer. A 2xx gives the dialog, acknowledged, and the response; any other status the
// response alone; ctx's end sends CANCEL and gives its cause. There is no other limit to how long a peer may ring.
func (e *Endpoint) Invite(ctx context.Context, inv Invitation) (*Dialog, *Response, error) {
	c, err := e.outgoing(ctx, inv)
	if err != nil {
		return nil, nil, err
	}
	if c.st != nil {
		c.st.users.Add(1)
		defer c.st.users.Add(-1)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.ctx, func() { cancel(ErrClosed) })()
	seq := rand.Uint32N(1<<20) + 1 //nolint:gosec // any start will do
	var prior *sip.Response
	for range challengeMax + 1 {
		t, err := c.send(ctx, seq, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			return nil, received(prior), nil
		}
		if err != nil {
			return nil, nil, err
		}
		seq++
		heard := false
		watch := c.watch(t)
		res, err := t.final(ctx, func(r *Response) {
			heard = true
			if inv.OnProvisional != nil {
				inv.OnProvisional(r)
			}
		})
		if err != nil {
			e.abandon(t, c.to, c.st, heard, func(res *sip.Response) { c.decline(t, res) })
			return nil, nil, err
		}
		if res.IsSuccess() {
			return c.established(ctx, t, res, watch)
		}
		t.drop()
		prior = res
		if !challenged(res) {
			break
		}
	}
	return nil, received(prior), nil
}

// call is an Invitation made ready.
type call struct {
	e         *Endpoint
	inv       Invitation
	transport string
	to        netip.AddrPort
	host      string
	st        *stream
	callID    string
	tag       string
	target    URI
	from      string // with tag
	login     *login
}

func (e *Endpoint) outgoing(ctx context.Context, inv Invitation) (*call, error) {
	c := &call{e: e, inv: inv, transport: strings.ToLower(inv.Transport), callID: newTag(), tag: newTag()}
	if c.transport == "" {
		c.transport = "udp"
	}
	var err error
	if c.target, err = ParseURI(inv.URI); err != nil {
		return nil, err
	}
	from, err := ParseURI(inv.From)
	if err != nil {
		return nil, err
	}
	if err := cleanFields(inv.Header, inv.Display, inv.ContentType); err != nil {
		return nil, err
	}
	c.from = "<" + from.String() + ">;tag=" + c.tag
	if inv.Display != "" {
		c.from = quote(inv.Display) + " " + c.from
	}
	c.login = &login{username: inv.Username, password: inv.Password, realm: inv.Realm}
	where := inv.Destination
	if where == "" {
		if where = c.target.Host; c.target.Port != 0 {
			where = netJoin(c.target.Host, c.target.Port)
		}
	}
	if c.to, c.host, err = resolve(ctx, c.transport, where); err != nil {
		return nil, err
	}
	switch c.transport {
	case "udp":
		if e.udp == nil {
			return nil, fmt.Errorf("%w: UDP is off", ErrConfig)
		}
	case "tcp", "tls":
		if c.st, err = e.streams.connect(ctx, c.transport, c.to, c.host); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: transport", ErrConfig)
	}
	return c, nil
}

func netJoin(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func (c *call) send(ctx context.Context, seq uint32, prior *sip.Response) (*attempt, error) {
	d := &Dialog{e: c.e, callID: c.callID, from: c.from, to: "<" + c.target.String() + ">"}
	fields := append(capabilities(), HeaderField{"Contact", c.e.contact(c.transport, c.to, c.st)})
	fields = append(fields, c.inv.Header...)
	target := c.target.String()
	if c.target.Params != "" {
		target += ";" + c.target.Params
	}
	req, err := d.build(way{target: target}, "INVITE", seq, fields, c.inv.ContentType, c.inv.Body)
	if err != nil {
		return nil, err
	}
	if prior != nil {
		if err := c.login.authorize(req, prior); err != nil {
			return nil, err
		}
	}
	return c.e.transact(ctx, req, c.transport, c.to, c.st)
}

// watcher repeats the ACK for retransmitted 2xx and ends dialogs of other callees that a forking proxy reached.
type watcher struct {
	acks atomic.Pointer[sip.Request]
	tag  atomic.Pointer[string] // of the callee we took
}

func (c *call) watch(t *attempt) *watcher {
	w := new(watcher)
	t.tx.OnRetransmission(func(res *sip.Response) {
		tag := w.tag.Load()
		if tag == nil {
			return // our ACK is still being made
		}
		if to := received(res).tag(); to != *tag {
			c.decline(t, res)
			return
		}
		if req := w.acks.Load(); req != nil {
			_ = c.e.tpl.WriteMsg(req.Clone())
		}
	})
	return w
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
	d.outgoing, d.login, d.host = true, c.login, c.host
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
		d.first.PeerCertificates = c.st.certificates()
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
	if err := c.e.live(d, &receiver{d: d}); err != nil {
		c.decline(t, res)
		return nil, nil, err
	}
	w.tag.Store(&d.remote.Tag)
	r, err := d.accepted(t, &w.acks, res, c.inv.Ack)
	d.release()
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
func (c *call) decline(t *attempt, res *sip.Response) {
	d, err := c.dialog(t, res)
	if err != nil {
		return
	}
	if err := d.acknowledge(t, new(atomic.Pointer[sip.Request]), res, "", nil); err == nil {
		d.hangUp()
	}
}
