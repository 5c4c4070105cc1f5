package gate

import (
	"crypto/x509"
	"fmt"
	"net/netip"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// URI is what the gate looks at of a SIP URI.
type URI struct{ Scheme, User, Host string }

// Request is a validated request as call control would get it. It is only read.
type Request struct {
	Method          string
	RequestURI      URI
	From, To        URI
	CallID          string
	Source          netip.AddrPort // where it came from, not what Via claims
	Transport       string
	Authorization   []string // values of all Authorization fields
	ContentType     string   // lower case, without parameters; "" without a body
	Body            []byte
	InDialog        bool            // a To tag is there
	DialogIdentity  string          // whose the dialog is, a URI; "" outside a dialog
	DialogTrunk     string          // of the trunk that the dialog belongs to; "" for an account's
	DialogRoom      string          // the dialog's room
	DialogSource    netip.AddrPort  // where its proven requests came from
	DialogTransport string          // over which they came
	Running         *keying.Running // what runs in the dialog; nil where there is no agreement yet

	// PeerCertificates is the chain of a TLS client, which the handshake has shown to hold the key of the first. Trunks are told by it,
	// and accounts where they register and where they move.
	PeerCertificates []*x509.Certificate
}

// Proofs of an identity, as Admitted.Proof tells them.
const (
	ProofNone        = ""            // ACK, CANCEL, and OPTIONS outside a dialog need none
	ProofDigest      = "digest"      // SIP digest
	ProofMIKEY       = "mikey"       // the MIKEY message's own MAC or signature, where digest is not asked for or not enough
	ProofTrunk       = "trunk"       // the address or the TLS certificate of a trunk
	ProofCertificate = "certificate" // the account's own certificate, shown by a TLS client
	ProofDialog      = "dialog"      // from where the dialog's proven requests came
)

// Admitted is what is known of a request that may go on.
type Admitted struct {
	Identity string             // "sip:alice@domain"; From's URI where a trunk speaks for it; "" with ProofNone
	Account  string             // "alice"; "" in a trunk's call
	Trunk    string             // whose call it is where it is no account's
	Room     string             // "standup"
	Offer    *offer.Description // nil: no body (a late offer, or a request without one)
	Verified *keying.Verified   // nil: no offer, or one that leaves the running keys
	Proof    string
}

// who is what a policy is asked for.
func (a *Admitted) who() Who { return Who{Account: a.Account, Trunk: a.Trunk} }

// Field is a header field of a refusal.
type Field struct{ Name, Value string }

// Reject is a refusal: what the peer is told, and what only we know.
type Reject struct {
	Status      int
	Warning     string // value of the Warning field; "" for none
	Header      []Field
	ContentType string
	Body        []byte
	Reason      string // one of Reasons
	Err         error  // the cause, for the log; never sent
}

// Error gives status, reason and cause.
func (r *Reject) Error() string {
	if r.Err == nil {
		return fmt.Sprintf("gate: %d %s", r.Status, r.Reason)
	}
	return fmt.Sprintf("gate: %d %s: %v", r.Status, r.Reason, r.Err)
}

// Unwrap gives the cause.
func (r *Reject) Unwrap() error { return r.Err }
