package dialog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Outgoing is a request of ours outside any dialog that makes none in this endpoint: REGISTER, REFER, OPTIONS.
type Outgoing struct {
	Method string
	// URI is the Request-URI. From is who asks, Display its name; To is "" for the URI.
	URI, From, To, Display string
	// Transport is "udp", "tcp" or "tls" ("" is udp). Destination is host:port where it goes ("": the URI's host).
	Transport, Destination string
	// Flow, when set, is Request.Connection of a REGISTER, and takes the place of Transport and Destination: the request goes back
	// over the flow that the device holds open (RFC 5626), or fails with ErrNoFlow when that connection is gone.
	Flow string
	// ContactUser is the user part of our Contact ("": Config.Contact), ContactParams what follows it (";+sip.instance=..."). A Contact
	// in Header takes the place of ours.
	ContactUser, ContactParams string
	// Username and Password answer digest challenges of Realm, and of no other.
	Username, Password, Realm string
	Header                    []HeaderField
	ContentType               string
	Body                      []byte
}

// Request sends one request outside any dialog and returns its final response, whatever that is. A digest challenge is answered as
// in Invite.
func (e *Endpoint) Request(ctx context.Context, o Outgoing) (*Response, error) {
	if !isToken(o.Method) || o.Method == "INVITE" || o.Method == "ACK" || o.Method == "CANCEL" || o.Method == "BYE" {
		return nil, fmt.Errorf("%w: method", ErrBadHeader)
	}
	r, err := e.errand(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.release()
	ctx, cancel := e.context(ctx)
	defer cancel()
	var prior *sip.Response
	for range challengeMax + 1 {
		t, err := r.send(ctx, prior)
		if errors.Is(err, ErrChallenge) && prior != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		res, err := t.final(ctx, nil)
		t.tx.Terminate()
		if err != nil {
			return nil, err
		}
		if prior = res; !challenged(res) {
			break
		}
	}
	return received(prior), nil
}

// errand is a request of ours outside a dialog, made ready: an Outgoing, or an Invitation.
type errand struct {
	e         *Endpoint
	o         Outgoing
	transport string
	to        netip.AddrPort
	host      string // what a TLS peer that we dialled proved to be
	st        *stream
	pinned    bool // to a flow
	callID    string
	tag       string
	target    URI
	from      string // with tag
	peer      string // To
	user      string // of our Contact
	login     *login
	seq       uint32 // of the last request
}

// errand checks what is to be sent and finds its way. Whoever gets one releases it.
func (e *Endpoint) errand(ctx context.Context, o Outgoing) (*errand, error) {
	r := &errand{
		e: e, o: o, callID: newTag(), tag: newTag(), user: o.ContactUser, login: &login{username: o.Username, password: o.Password, realm: o.Realm},
		seq: rand.Uint32N(1 << 20), //nolint:gosec // any start will do
	}
	if r.user == "" {
		r.user = e.cfg.Contact
	}
	var err error
	if r.target, err = ParseURI(o.URI); err != nil {
		return nil, err
	}
	from, err := ParseURI(o.From)
	if err != nil {
		return nil, err
	}
	to := r.target
	if o.To != "" {
		if to, err = ParseURI(o.To); err != nil {
			return nil, err
		}
	}
	if err := cleanFields(o.Header, o.Display, o.ContentType, o.ContactUser, o.ContactParams); err != nil {
		return nil, err
	}
	r.from, r.peer = "<"+from.String()+">;tag="+r.tag, "<"+to.String()+">"
	if o.Display != "" {
		r.from = quote(o.Display) + " " + r.from
	}
	if o.Flow != "" {
		err = r.overFlow(o.Flow)
	} else {
		err = r.overRoute(ctx, o.Transport, o.Destination)
	}
	if err == nil && r.st != nil {
		r.st.users.Add(1)
	}
	return r, err
}

func (r *errand) release() {
	if r.st != nil {
		r.st.users.Add(-1)
	}
}

func netJoin(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// send sends it with the next CSeq; prior is the challenge to answer, nil at first.
func (r *errand) send(ctx context.Context, prior *sip.Response) (*attempt, error) {
	d := &Dialog{e: r.e, callID: r.callID, from: r.from, to: r.peer}
	var fields []HeaderField
	if r.o.Method == "INVITE" || r.o.Method == "REFER" { // they make dialogs
		fields = r.e.capabilities()
	}
	if len(values(r.o.Header, "contact")) == 0 {
		fields = append(fields, HeaderField{"Contact", r.e.contact(r.user, r.transport, r.to, r.st) + r.o.ContactParams})
	}
	fields = append(fields, r.o.Header...)
	target := r.target.String()
	if r.target.Params != "" {
		target += ";" + r.target.Params
	}
	r.seq++
	req, err := d.build(way{target: target}, r.o.Method, r.seq, fields, r.o.ContentType, r.o.Body)
	if err != nil {
		return nil, err
	}
	if prior != nil {
		if err := r.login.authorize(req, prior); err != nil {
			return nil, err
		}
	}
	return r.e.transact(ctx, req, r.transport, r.to, r.st)
}
