package server

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
	"github.com/conclave/conclave/server/gate"
	"github.com/conclave/conclave/server/traces"
)

// admission is what the gate found out about a request; it travels through the dialog to the join or to the leg.
type admission struct {
	*gate.Admitted
	setup *traces.Setup // of a new call; nil: it is none, or nobody asked for traces
}

// who calls: an account, or somebody for whom a trunk speaks.
func (a *admission) who() gate.Who { return gate.Who{Account: a.Account, Trunk: a.Trunk} }

// Readmitted gives the leg the offer of a re-INVITE and its authenticated MIKEY message.
func (a *admission) Readmitted() (*offer.Description, *keying.Verified) { return a.Offer, a.Verified }

// method names the key agreement for metrics.
func (a *admission) method() string {
	if a.Verified == nil {
		return "late_offer"
	}
	return string(a.Verified.Method())
}

// Admit puts every request before the gate (dialog.Host).
func (s *Server) Admit(r *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	began := time.Now()
	req := gateRequest(r)
	var known *call
	if d != nil {
		w := s.watchers.find(d.ID())
		if known = s.calls.find(d.ID()); known == nil && w == nil {
			s.metrics.refused(gate.ReasonNoDialog)
			return nil, &dialog.Response{Status: 481}
		}
		if w != nil { // each SUBSCRIBE proves itself as the first one did
			req.InDialog, req.DialogRoom = false, w.room.name
		}
	}
	if known != nil {
		req.DialogIdentity, req.DialogTrunk, req.DialogRoom, req.DialogSource = known.identity, known.who.Trunk, known.room, known.source()
		req.DialogTransport = known.transport
		if t := known.leg.Terms(); t != nil {
			req.Running = t.Running
		}
	}
	adm, refuse := s.gate.Admit(req)
	if refuse != nil {
		s.tellRefusal(r, known, refuse)
		return nil, s.response(refuse)
	}
	if d == nil && r.Method == "OPTIONS" && s.drain.on.Load() { // as an INVITE would be answered (RFC 3261 section 11.2): a balancer goes by it
		return nil, &dialog.Response{Status: 503, Header: []dialog.HeaderField{{Name: "Retry-After", Value: strconv.Itoa(drainRetry)}}}
	}
	if known != nil {
		known.moved(r.Transport, r.Source) // proven: later requests of this dialog may come from there
	}
	a := &admission{Admitted: adm}
	if r.Method == "INVITE" && known == nil {
		a.setup = s.tracer.Begin("admit", began)
	}
	return a, nil
}

// gateRequest is what the gate looks at of a request.
func gateRequest(r *dialog.Request) gate.Request {
	return gate.Request{
		Method: r.Method, CallID: r.CallID, Source: r.Source, Transport: r.Transport, PeerCertificates: r.PeerCertificates,
		RequestURI:    gate.URI{Scheme: r.URI.Scheme, User: r.URI.User, Host: r.URI.Host},
		From:          gate.URI{Scheme: r.From.URI.Scheme, User: r.From.URI.User, Host: r.From.URI.Host},
		To:            gate.URI{Scheme: r.To.URI.Scheme, User: r.To.URI.User, Host: r.To.URI.Host},
		Authorization: r.Header("Authorization"), ContentType: r.ContentType, Body: r.Body, InDialog: r.InDialog,
	}
}

// tellRefusal counts, publishes, records and logs what the gate refused; known is nil outside of a call.
func (s *Server) tellRefusal(r *dialog.Request, known *call, refuse *gate.Reject) {
	s.metrics.refused(refuse.Reason)
	if known != nil && refuse.Status == 488 && errors.As(refuse, new(*keying.Error)) {
		s.metrics.rekeyed(rekeyRefused) // an update of the peer that the leg never sees
	}
	told := Refusal{Method: r.Method, Status: refuse.Status, Reason: refuse.Reason, Transport: r.Transport}
	switch { // a first challenge is no refusal, and one to a wrong proof is for the audit trail alone
	case refuse.Status != 401:
		s.refused(whose(known), told, r.Source)
	case refuse.Reason != gate.ReasonNoProof:
		s.recordRefusal(Event{}, told, r.Source)
	}
	level := slog.LevelDebug
	if refuse.Status == 403 { // somebody has proven who he is, and goes for what is not his
		level = slog.LevelInfo
	}
	s.log.Log(context.Background(), level, "request refused", "method", r.Method, "status", refuse.Status, "reason", refuse.Reason, "source", r.Source.String(), "err", refuse.Err)
}

// whose is the event of a request in a call that stands; outside of one nobody has proven who he is.
func whose(c *call) Event {
	if c == nil {
		return Event{}
	}
	return Event{Room: c.room, Seat: c.tenancy.seat.id, Account: c.who.Account}
}

func (s *Server) response(r *gate.Reject) *dialog.Response {
	resp := &dialog.Response{Status: r.Status, ContentType: r.ContentType, Body: r.Body}
	for _, h := range r.Header {
		resp.Header = append(resp.Header, dialog.HeaderField{Name: h.Name, Value: h.Value})
	}
	if r.Warning != "" {
		resp.Header = append(resp.Header, dialog.HeaderField{Name: "Warning", Value: r.Warning})
	}
	return resp
}

// call is what the server remembers of a dialog: whose it is and where its requests come from.
type call struct {
	leg      *legs.Leg
	tenancy  *tenancy
	identity string
	who      gate.Who
	room     string

	transport string // of its signalling, for good

	mu   sync.Mutex
	from netip.AddrPort
}

func (c *call) source() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from
}

// moved takes note of where a proven request came from. What came over another transport says nothing of this one's address.
func (c *call) moved(transport string, to netip.AddrPort) {
	if transport != c.transport {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from = to
}

// calls is the table of dialogs that stand.
type calls struct {
	mu sync.Mutex
	by map[string]*call
}

func (t *calls) find(id string) *call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[id]
}

func (t *calls) all() []*call {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*call, 0, len(t.by))
	for _, c := range t.by {
		list = append(list, c)
	}
	return list
}

func (t *calls) add(id string, c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[id] = c
}

func (t *calls) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, id)
}
