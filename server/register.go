package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// Serve answers requests outside any call that begin none (dialog.Host): REGISTER here, REFER where calls are moved, SUBSCRIBE where rooms
// are watched.
func (s *Server) Serve(in *dialog.Standalone, admitted any) {
	a := admitted.(*admission)
	switch in.Request.Method {
	case "REFER":
		s.referOutside(in, a)
		return
	case "SUBSCRIBE":
		s.subscribe(in, a)
		return
	}
	answer := s.register(in.Request, a)
	if answer.Status == 200 {
		in.Hold(s.registrar.holds(a.Account, in.Request.Connection))
	} else {
		s.metrics.refused("register")
		s.refused(Event{Account: a.Account}, Refusal{
			Method: "REGISTER", Status: answer.Status, Reason: "register", Transport: in.Request.Transport,
		}, in.Request.Source)
		s.log.Info("registration refused", "account", a.Account, "status", answer.Status, "source", in.Request.Source.String())
	}
	if err := in.Reply(answer); err != nil {
		s.log.Debug("answer to a registration not sent", "account", a.Account, "err", err)
	}
}

// register does what a REGISTER of a proven account asks for, and makes the answer.
func (s *Server) register(r *dialog.Request, a *admission) dialog.Response {
	o, refusal := readRegistration(r, a.Account, time.Now())
	if refusal != nil {
		return *refusal
	}
	list, err := s.registrar.register(o)
	switch {
	case errors.Is(err, errOldRegister):
		return s.explained(500, "a newer registration came before")
	case errors.Is(err, errManyDevices):
		return s.explained(403, fmt.Sprintf("an account has %d devices at most", maxDevices))
	case err != nil:
		return dialog.Response{Status: 503, Header: []dialog.HeaderField{{Name: "Retry-After", Value: strconv.Itoa(retryAfter)}}}
	}
	if s.accounts.enabled(a.Account) == nil { // closed meanwhile: whoever closed it may have looked before this stood
		s.registrar.forget(a.Account)
		return dialog.Response{Status: 403}
	}
	if o.all || len(o.bindings) > 0 {
		s.log.Debug("account registered", "account", a.Account, "devices", len(list), "source", r.Source.String(), "proof", a.Proof)
	}
	return registered(list, o.outbound(), time.Now())
}

// explained is a refusal with a Warning in words.
func (s *Server) explained(status int, words string) dialog.Response {
	return dialog.Response{Status: status, Header: []dialog.HeaderField{
		{Name: "Warning", Value: fmt.Sprintf("399 %s %q", s.cfg.SIP.Domain, words)},
	}}
}

// registered is the 200: what is bound, with the time that is left (RFC 3261 section 10.3, step 8).
func registered(list []*binding, outbound bool, now time.Time) dialog.Response {
	answer := dialog.Response{Status: 200, Header: []dialog.HeaderField{{Name: "Date", Value: now.UTC().Format(http.TimeFormat)}}}
	if outbound { // RFC 5626 section 6
		answer.Header = append(answer.Header, dialog.HeaderField{Name: "Require", Value: "outbound"})
	}
	for _, b := range list {
		left := int((b.expires.Sub(now) + time.Second - 1) / time.Second)
		c := dialog.Contact{Text: b.text, Params: []dialog.HeaderField{{Name: "expires", Value: strconv.Itoa(left)}}}
		if b.instance != "" {
			c.Params = append(c.Params, dialog.HeaderField{Name: "+sip.instance", Value: "<" + b.instance + ">"})
		}
		if b.regID != 0 {
			c.Params = append(c.Params, dialog.HeaderField{Name: "reg-id", Value: strconv.Itoa(b.regID)})
		}
		answer.Header = append(answer.Header, dialog.HeaderField{Name: "Contact", Value: c.String()})
	}
	return answer
}

// readRegistration reads what a REGISTER asks for.
func readRegistration(r *dialog.Request, account string, now time.Time) (registration, *dialog.Response) {
	o := registration{account: account, callID: r.CallID, cseq: r.CSeq}
	contacts, all, err := dialog.ParseContacts(r.Header("Contact"))
	general := lifeOf(strings.Join(r.Header("Expires"), ","), defaultRegistration)
	switch {
	case err != nil, all && (len(r.Header("Expires")) == 0 || general != 0):
		return o, &dialog.Response{Status: 400}
	case len(contacts) > maxDevices:
		return o, &dialog.Response{Status: 403}
	}
	o.all = all
	for i := range contacts {
		b, refusal := readBinding(r, account, &contacts[i], general, now)
		if refusal != nil {
			return o, refusal
		}
		o.bindings = append(o.bindings, b)
	}
	if !o.outbound() {
		return o, nil
	}
	switch {
	case len(o.bindings) > 1: // RFC 5626 section 6
		return o, &dialog.Response{Status: 400}
	case len(r.Header("Via")) > 1: // the flow would be that of a proxy, which did not offer its own
		return o, &dialog.Response{Status: 439, Reason: "First Hop Lacks Outbound Support"}
	}
	return o, nil
}

// outbound says whether flows are told apart as RFC 5626 has it.
func (o *registration) outbound() bool {
	for _, b := range o.bindings {
		if b.regID != 0 {
			return true
		}
	}
	return false
}

// readBinding reads one Contact. general is how long the request as a whole asks for.
func readBinding(r *dialog.Request, account string, c *dialog.Contact, general time.Duration, now time.Time) (*binding, *dialog.Response) {
	life := general
	if text, given := c.Param("expires"); given {
		life = lifeOf(text, defaultRegistration)
	}
	instance, _ := c.Param("+sip.instance")
	instance = strings.TrimSuffix(strings.TrimPrefix(instance, "<"), ">")
	switch {
	case c.Headers, len(c.Text) > maxContact, len(instance) > maxContact:
		return nil, &dialog.Response{Status: 400}
	case life > 0 && life < minRegistration:
		least := strconv.Itoa(int(minRegistration / time.Second))
		return nil, &dialog.Response{Status: 423, Header: []dialog.HeaderField{{Name: "Min-Expires", Value: least}}}
	}
	b := &binding{
		account: account, uri: c.URI, text: c.Text, instance: instance,
		name: printable(cmp.Or(c.Display, strings.Join(r.Header("User-Agent"), " "))),
		flow: r.Connection, transport: r.Transport, source: r.Source,
		callID: r.CallID, cseq: r.CSeq, since: now, expires: now.Add(min(life, maxRegistration)),
	}
	text, given := c.Param("reg-id")
	if !given || instance == "" || !r.Supports("outbound") {
		return b, nil
	}
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 1 {
		return nil, &dialog.Response{Status: 400}
	}
	b.regID = int(id)
	return b, nil
}

// lifeOf reads delta-seconds. What is malformed counts as absent (RFC 3261 section 20.19).
func lifeOf(text string, absent time.Duration) time.Duration {
	seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return absent
	}
	return time.Duration(seconds) * time.Second
}

// holds is for how long a connection is to be kept for the devices that registered over it (RFC 5626).
func (r *registrar) holds(account, flow string) time.Duration {
	var longest time.Duration
	now := r.now()
	for _, b := range r.of(account) {
		if b.flow == flow {
			longest = max(longest, b.expires.Sub(now))
		}
	}
	return longest
}
