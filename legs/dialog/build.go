package dialog

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// newTag makes a tag, Call-ID or branch of at least 128 random bits.
func newTag() string { return rand.Text() }

// sentBy is where the peer reaches us over that transport and flow: for Via and Contact.
func (e *Endpoint) sentBy(transport string, to netip.AddrPort, st *stream) (string, int) {
	var local netip.AddrPort
	if a := e.Addr(transport); a != nil {
		local = addrPort(a)
	}
	if st != nil {
		own := addrPort(st.LocalAddr())
		if !local.IsValid() {
			return own.Addr().String(), int(own.Port())
		}
		return own.Addr().String(), int(local.Port())
	}
	host := local.Addr()
	if host.IsUnspecified() || !host.IsValid() {
		host = routed(to)
	}
	return host.Unmap().String(), int(local.Port())
}

// routed asks the kernel which of our addresses it would use towards that peer; nothing is sent.
func routed(to netip.AddrPort) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr()).Addr()
}

// contact is our Contact field value, with that user part.
func (e *Endpoint) contact(user, transport string, to netip.AddrPort, st *stream) string {
	host, port := e.sentBy(transport, to, st)
	u := URI{Scheme: "sip", User: user, Host: host, Port: port}
	s := "<" + u.String()
	if transport != "udp" {
		s += ";transport=" + transport
	}
	s += ">"
	if e.cfg.Focus {
		s += ";isfocus"
	}
	return s
}

// user is the user part of our Contact in a call that we answer. That of a focus names the conference (RFC 4579 section 5.1), so that
// whoever is in the call can subscribe to it.
func (e *Endpoint) user(r *Request) string {
	if e.cfg.Focus {
		return r.URI.User
	}
	return e.cfg.Contact
}

// via makes the top Via of a request with a fresh branch.
func (e *Endpoint) via(transport string, to netip.AddrPort, st *stream) *sip.ViaHeader {
	host, port := e.sentBy(transport, to, st)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	v := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: sip.NetworkToUpper(transport), Host: host, Port: port,
	}
	v.Params.Add("branch", sip.RFC3261BranchMagicCookie+newTag())
	if transport == "udp" {
		v.Params.Add("rport", "")
	}
	return v
}

// content sets body and Content-Type of a message that has neither.
func content(m sip.Message, contentType string, body []byte) {
	if len(body) > 0 && contentType != "" {
		m.AppendHeader(sip.NewHeader("Content-Type", contentType))
	}
	m.SetBody(body)
}

// response makes the answer to a request of the wire: tag goes into To when it has none.
func (e *Endpoint) response(sr *sip.Request, tag string, r Response) (*sip.Response, error) {
	if r.Reason == "" {
		r.Reason = phrase(r.Status)
	}
	if err := cleanFields(r.Header, r.Reason, r.ContentType); err != nil {
		return nil, err
	}
	res := sip.NewResponseFromRequest(sr, r.Status, r.Reason, nil)
	if to := res.To(); to != nil && sr.To() != nil && !sr.To().Params.Has("tag") && r.Status > 100 {
		to.Params.Add("tag", tag)
	}
	for _, h := range r.Header {
		res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if e.cfg.UserAgent != "" {
		res.AppendHeader(sip.NewHeader("Server", e.cfg.UserAgent))
	}
	content(res, r.ContentType, r.Body)
	return res, nil
}

func cleanFields(fields []HeaderField, texts ...string) error {
	for _, f := range fields {
		if !isToken(f.Name) || !clean(f.Value) {
			return fmt.Errorf("%w: %s", ErrBadHeader, quote(f.Name))
		}
	}
	if !clean(texts...) {
		return ErrBadHeader
	}
	return nil
}

// fits holds datagrams to Config.MaxUDP; what is larger would be cut by the network, so it is not sent at all.
func (e *Endpoint) fits(m sip.Message) error {
	if sip.IsReliable(m.Transport()) {
		return nil
	}
	if n := len(m.String()); n > e.cfg.MaxUDP {
		return fmt.Errorf("%w: %d octets", ErrTooLarge, n)
	}
	return nil
}

// received turns a response of the wire into ours.
func received(res *sip.Response) *Response {
	out := &Response{Status: res.StatusCode, Reason: res.Reason}
	for _, h := range res.Headers() {
		out.Header = append(out.Header, HeaderField{Name: longForm(h.Name()), Value: h.Value()})
	}
	if b := res.Body(); len(b) > 0 {
		out.Body = b
		if t := out.Values("content-type"); len(t) > 0 {
			media, _, _ := strings.Cut(t[0], ";")
			out.ContentType = strings.ToLower(strings.Trim(media, " \t"))
		}
	}
	return out
}

// capabilities are the fields that tell what our handlers can do (RFC 3261 section 11.2).
func (e *Endpoint) capabilities() []HeaderField {
	allow := strings.Join(allowed, ", ")
	if e.cfg.Registrar {
		allow += ", REGISTER"
	}
	if len(e.cfg.Events) > 0 {
		allow += ", SUBSCRIBE"
	}
	fields := []HeaderField{
		{"Allow", allow}, {"Accept", sdpType}, {"Accept-Encoding", "identity"}, {"Supported", strings.Join(extensions, ", ")},
	}
	if len(e.cfg.Events) > 0 {
		fields = append(fields, HeaderField{"Allow-Events", strings.Join(e.cfg.Events, ", ")})
	}
	return fields
}

// sendable says whether a response could be sent as it is.
func (e *Endpoint) sendable(sr *sip.Request, r Response, tag string) error {
	res, err := e.response(sr, tag, r)
	if err != nil {
		return err
	}
	return e.fits(res)
}
