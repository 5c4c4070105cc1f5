package dialog

import (
	"crypto/x509"
	"net/netip"
	"strings"
)

// Request is a validated SIP request: mandatory header fields are present once, CSeq and method agree, nothing is nil.
// It never changes. Methods are upper case as on the wire.
type Request struct {
	Method   string
	URI      URI
	From, To Address
	CallID   string
	CSeq     uint32
	Contact  *Address // nil when the request has none
	// Transport is "udp", "tcp" or "tls"; Source is where the request came from (not what Via claims).
	Transport string
	Source    netip.AddrPort
	// PeerCertificates is the verified or presented chain of a TLS peer, leaf first; empty otherwise.
	PeerCertificates []*x509.Certificate
	ContentType      string // media type in lower case without parameters, "" without body
	Body             []byte
	// InDialog: a To tag is present. Whether that dialog exists is told by Admit's second argument.
	InDialog bool
	// Connection identifies the transport flow: equal for requests on the same TCP or TLS connection, which a later one from the same
	// address and port is not, and for UDP from the same source address and port.
	Connection string

	fields []HeaderField
}

// Header returns the values of every header field of that name (case-insensitive, long form), in order.
func (r *Request) Header(name string) []string { return values(r.fields, name) }

// URI is a SIP or SIPS URI as far as anybody here needs it. User is unescaped and verbatim in case; Host is lower case, an
// IPv6 address without brackets.
type URI struct {
	Scheme, User, Host string
	Port               int // 0 when not stated
	Params             string
}

// port is the port that it states, or that of SIP (RFC 3261 section 19.1.2).
func (u URI) port() uint16 {
	if u.Port == 0 {
		return 5060
	}
	return uint16(u.Port) //nolint:gosec // parsed as 16 bits
}

// Address is a name-addr of From, To or Contact.
type Address struct {
	Display string
	URI     URI
	Tag     string // "" in a Contact
}

// HeaderField is one header field, name in long form.
type HeaderField struct{ Name, Value string }

// Response is a SIP response: one that we want to send, or one that we received. Reason "" is the usual phrase. To, From,
// Via, CSeq, Call-ID, Contact and Content-Length are made by the package and are not in Header when sending.
type Response struct {
	Status      int
	Reason      string
	Header      []HeaderField
	ContentType string
	Body        []byte
}

// Values returns the values of every header field of that name (case-insensitive), in order.
func (r *Response) Values(name string) []string { return values(r.Header, name) }

func values(fields []HeaderField, name string) []string {
	var out []string
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}
