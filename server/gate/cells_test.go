package gate

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
)

// Who calls, in TestCells.
const (
	anAccount       = "account"
	accountByTrunk  = "account from a trunk's address"
	unknownCaller   = "unknown"
	trunkSource     = "trunk source"
	trunkCert       = "trunk certificate"
	wrongTransport  = "wrong transport"
	noDigest        = "no proof"
	rightDigest     = "digest"
	wrongDigest     = "wrong digest"
	strangerByTrunk = "carol" // has no account here
)

// cell is one combination.
type cell struct{ caller, kind, transport, proof string }

// expected are the rules of the gate in words: what becomes of an INVITE to a room that takes every method from accounts, and SDES
// and DTLS from trunks. status 0 is admitted.
func (c cell) expected() (status int, proof string) {
	account := c.caller == anAccount || c.caller == accountByTrunk
	trunk := c.caller == trunkSource || c.caller == trunkCert && c.transport == "tls"
	mikey := c.kind == kindPSK || c.kind == kindDH || c.kind == kindBoth
	switch {
	// A trunk speaks for callers without an account. It needs no digest and looks at none.
	case trunk && c.kind == kindNone:
		return 488, "" // nothing to agree on
	case trunk && (c.kind == kindPSK || c.kind == kindDH):
		return 488, "" // its methods are others
	case trunk:
		return 0, ProofTrunk // SDES in the clear too: that is what trunks are for

	// Everybody else is known by digest first, if he brings one.
	case c.proof == wrongDigest:
		return 401, "" // whatever the offer says
	case c.proof == rightDigest && !account:
		return 403, "" // the digest is alice's, From is not
	case c.kind == kindNone:
		return 488, "" // no use to anybody, and said so to anybody

	// Without digest the MIKEY message may prove an account; nothing else does.
	case c.proof == noDigest && account && mikey:
		return 0, ProofMIKEY
	case c.proof == noDigest:
		return 401, ""

	// With digest, what does not prove who calls is good enough; keys in the clear want TLS.
	case c.kind == kindSDES && c.transport != "tls":
		return 488, ""
	default:
		return 0, ProofDigest
	}
}

// TestCells is every combination of who calls, with which key management, over what, and with which proof.
func TestCells(t *testing.T) {
	said := map[string]string{} // what 401s say, by an example
	for _, caller := range []string{anAccount, accountByTrunk, unknownCaller, trunkSource, trunkCert, wrongTransport} {
		for _, kind := range []string{kindPSK, kindDH, kindSDES, kindDTLS, kindBoth, kindNone, kindLate} {
			for _, transport := range []string{"udp", "tcp", "tls"} {
				for _, proof := range []string{noDigest, rightDigest, wrongDigest} {
					c := cell{caller, kind, transport, proof}
					t.Run(fmt.Sprint(caller, "/", kind, "/", transport, "/", proof), func(t *testing.T) { c.check(t, said) })
				}
			}
		}
	}
	if len(said) != 1 {
		t.Errorf("401s can be told apart: %q", said)
	}
}

// house is the gate of a cell, and its request.
func (c cell) house(t *testing.T) (*world, Request) {
	all := []string{"udp", "tcp", "tls"}
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	user, source, trunks := strangerByTrunk, phone, []Trunk{sbc(all...), shown(p, all...)}
	switch c.caller {
	case anAccount:
		user = "alice"
	case accountByTrunk:
		user, source = "alice", gateway
	case trunkSource:
		source = gateway
	case wrongTransport:
		source, trunks = gateway, []Trunk{sbc(slices.DeleteFunc(all, func(s string) bool { return s == c.transport })...)}
	}
	w := newHouse(t, trunks...)
	r := calling(user, source, c.transport, w.offering(c.kind, user))
	if c.caller == trunkCert && c.transport == "tls" {
		leaf, err := x509.ParseCertificate(w.papers.certificates["bob"].Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		r.PeerCertificates = []*x509.Certificate{leaf}
	}
	if c.proof != noDigest {
		password := map[string]string{rightDigest: password, wrongDigest: "wrong"}[c.proof]
		asked := calling("alice", netip.AddrPortFrom(source.Addr(), 9), "udp", nil)
		r.Authorization = []string{answerAs(t, challenged(t, w.gate, asked), r, "alice", password)}
	}
	return w, r
}

func (c cell) check(t *testing.T, said map[string]string) {
	status, proof := c.expected()
	w, r := c.house(t)
	a, refusal := w.gate.Admit(r)
	if w.pool.Done() != 0 {
		t.Error("Diffie-Hellman in the gate")
	}
	if status != 0 {
		if refusal == nil || refusal.Status != status {
			t.Fatalf("%+v %v; want %d", a, refusal, status)
		}
		if status == 401 {
			said[anonymous(refusal)] = t.Name()
		} else if refusal.Warning == "" {
			t.Error("no Warning")
		}
		if !slices.Contains(Reasons(), refusal.Reason) {
			t.Errorf("%s is not in the closed set", refusal.Reason)
		}
		return
	}
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer a.Verified.Abandon()
	want := Admitted{Identity: "sip:alice@" + domain, Account: "alice", Room: "standup", Proof: proof}
	if proof == ProofTrunk {
		want.Identity, want.Account, want.Trunk = "sip:carol@"+domain, "", map[string]string{trunkSource: "sbc", trunkCert: "shown"}[c.caller]
	}
	got := *a
	got.Offer, got.Verified = nil, nil
	if got != want {
		t.Errorf("%+v; want %+v", got, want)
	}
	method := map[string]keying.Method{
		kindPSK: keying.MIKEYPSK, kindDH: keying.MIKEYDH, kindSDES: keying.SDES, kindDTLS: keying.DTLSSRTP, kindBoth: keying.MIKEYPSK,
	}[c.kind]
	if proof == ProofTrunk && c.kind == kindBoth {
		method = keying.SDES
	}
	switch {
	case (a.Offer == nil) != (c.kind == kindLate), (a.Verified == nil) != (c.kind == kindLate):
		t.Errorf("offer %v, verified %v", a.Offer, a.Verified)
	case a.Verified != nil && a.Verified.Method() != method:
		t.Errorf("method %s; want %s", a.Verified.Method(), method)
	}
}

var nonceField = regexp.MustCompile(`nonce="[^"]*"`)

// anonymous is a refusal as its caller sees it, but for the nonce.
func anonymous(r *Reject) string {
	return nonceField.ReplaceAllString(strings.TrimSpace(fmt.Sprint(r.Status, r.Warning, r.Header, r.ContentType, string(r.Body))), "")
}
