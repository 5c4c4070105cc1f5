package dialog

import (
	"mime"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// allowed are the methods that dialogs and the legs on top of them serve: Allow is made from it, from Config.Registrar and
// from Config.Events.
var allowed = []string{"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "REFER", "NOTIFY"} //nolint:gochecknoglobals // constant table

// extensions are the option tags that a peer may require of us: Supported is made from them. outbound (RFC 5626) is one that a REGISTER
// may require beside them.
var extensions = []string{"replaces", "timer", "norefersub", "tdialog"} //nolint:gochecknoglobals // constant table

// known tells a method that we recognise, whether we take it (405) or not; others get 501 (RFC 3261 section 8.2.1, 21.5.2).
func known(method string) bool {
	switch method {
	case "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "REFER", "NOTIFY",
		"REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "PRACK":
		return true
	}
	return false
}

// refusal is a Response with the reason that is counted.
type refusal struct {
	Response
	why string
}

func refuse(status int, why string, fields ...HeaderField) *refusal {
	return &refusal{Response: Response{Status: status, Header: fields}, why: why}
}

// validate turns sipgo's request, once, into ours, which has no nil members and one meaning, or tells how to refuse it. It
// repeats the front's checks on what sipgo read, so that no disagreement of the two parsers gets through.
func validate(sr *sip.Request) (*Request, *refusal) {
	r := &Request{Method: string(sr.Method), Transport: sip.NetworkToLower(sr.Transport())}
	seen := make(map[string]int, 16)
	for _, h := range sr.Headers() {
		name := longForm(h.Name())
		seen[name]++
		r.fields = append(r.fields, HeaderField{Name: name, Value: plain(h.Value())})
	}
	for _, name := range []string{"from", "to", "call-id", "cseq"} {
		if seen[name] != 1 {
			return nil, refuse(400, "missing")
		}
	}
	cseq, callID := sr.CSeq(), sr.CallID()
	if cseq == nil || callID == nil || sr.Via() == nil || !strings.EqualFold(string(cseq.MethodName), r.Method) {
		return nil, refuse(400, "cseq_method")
	}
	if sr.SipVersion != "" && !strings.EqualFold(sr.SipVersion, "SIP/2.0") {
		return nil, refuse(505, "version")
	}
	r.CSeq, r.CallID = cseq.SeqNo, callID.Value()
	if ref := r.addresses(sr); ref != nil {
		return nil, ref
	}
	from, err := netip.ParseAddrPort(sr.Source())
	if err != nil {
		return nil, refuse(400, "source")
	}
	r.Source = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	r.Connection = r.Transport + "|" + sr.Source()
	if ref := r.content(sr); ref != nil {
		return nil, ref
	}
	return r, r.extensions()
}

func (r *Request) addresses(sr *sip.Request) *refusal {
	uri, headers, err := parseURI(sr.Recipient.String())
	if err != nil || headers {
		return refuse(400, "request_uri")
	}
	if uri.Scheme != "sip" && uri.Scheme != "sips" {
		return refuse(416, "scheme")
	}
	r.URI = uri
	from, err := parseNameAddr(r.Header("from")[0])
	if err != nil || from.Tag == "" {
		return refuse(400, "from")
	}
	to, err := parseNameAddr(r.Header("to")[0])
	if err != nil {
		return refuse(400, "to")
	}
	r.From, r.To, r.InDialog = from.Address, to.Address, to.Tag != ""
	contacts := r.Header("contact")
	if r.Method == "REGISTER" || len(contacts) == 0 {
		return nil
	}
	list, err := parseAddresses(strings.Join(contacts, ","))
	if err != nil || len(list) != 1 && (r.Method == "INVITE" || r.Method == "UPDATE" || r.Method == "REFER" || r.Method == "SUBSCRIBE") {
		return refuse(400, "contact")
	}
	r.Contact = &list[0].Address
	return nil
}

// content reads Content-Type and Content-Encoding. Offers and answers are SDP and nothing else (RFC 3261 section 8.2.3).
func (r *Request) content(sr *sip.Request) *refusal {
	r.Body = sr.Body()
	if len(r.Body) == 0 {
		r.Body = nil
		return nil
	}
	if types := r.Header("content-type"); len(types) == 1 {
		media, _, err := mime.ParseMediaType(types[0])
		if err != nil {
			return refuse(400, "content_type")
		}
		r.ContentType = media
	}
	if r.Method != "INVITE" && r.Method != "UPDATE" && r.Method != "ACK" {
		return nil
	}
	for _, encoding := range r.Header("content-encoding") {
		if !strings.EqualFold(encoding, "identity") {
			return refuse(415, "content_encoding", HeaderField{"Accept-Encoding", "identity"})
		}
	}
	if r.ContentType != sdpType {
		return refuse(415, "content_type", HeaderField{"Accept", sdpType})
	}
	return nil
}

const sdpType = "application/sdp"

// extensions checks what the peer requires of us: extensions (420), SDP as an answer (406), hops (483).
func (r *Request) extensions() *refusal {
	if r.Method == "ACK" || r.Method == "CANCEL" {
		return nil
	}
	if require := r.Header("require"); len(require) > 0 {
		var missing []string
		for tag := range strings.SplitSeq(strings.Join(require, ","), ",") {
			if tag = strings.Trim(tag, " \t"); isToken(tag) && !r.extended(strings.ToLower(tag)) {
				missing = append(missing, tag)
			}
		}
		if len(missing) > 0 {
			return refuse(420, "require", HeaderField{"Unsupported", strings.Join(missing, ", ")})
		}
	}
	if accept := r.Header("accept"); r.Method == "INVITE" && len(accept) > 0 && !acceptsSDP(strings.Join(accept, ",")) {
		return refuse(406, "accept", HeaderField{"Accept", sdpType})
	}
	for _, hops := range r.Header("max-forwards") {
		if n, err := strconv.ParseUint(hops, 10, 32); err != nil || n > 255 {
			return refuse(400, "max_forwards")
		}
	}
	return nil
}

// extended tells whether we have an extension, for a request of that method.
func (r *Request) extended(tag string) bool {
	return slices.Contains(extensions, tag) || tag == "outbound" && r.Method == "REGISTER"
}

func acceptsSDP(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.Trim(media, " \t")) {
		case sdpType, "application/*", "*/*":
			return true
		}
	}
	return false
}
