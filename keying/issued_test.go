package keying

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
)

// An account that was deleted and made anew, or whose certificate was replaced, is closed to the old certificate, which our
// authority still vouches for.
func TestIssued(t *testing.T) {
	w := newWorld(t)
	issued := map[string]string{alice: w.papers.accounts[alice+CertECDSA].Fingerprint()}
	w.server.issued = func(identity, fingerprint string) bool { return issued[identity] == fingerprint }
	c := answered()
	w.verified(w.offer(w.caller(alice, CertECDSA), MIKEYDH, dialled(alice)).Attributes().MIKEY, c).Abandon()
	_, err := w.server.Verify(Attributes{MIKEY: w.offer(w.caller(alice, CertRSA), MIKEYDH, dialled(alice)).Attributes().MIKEY}, c)
	wantRefusal(t, err, ReasonBadCertificate)
	issued[alice] = w.papers.accounts[alice+CertRSA].Fingerprint()
	_, err = w.server.Verify(Attributes{MIKEY: w.offer(w.caller(alice, CertECDSA), MIKEYDH, dialled(alice)).Attributes().MIKEY}, c)
	wantRefusal(t, err, ReasonBadCertificate)

	// The same when the peer answers an offer of ours.
	c.Peer = alice
	i := w.offer(w.server, MIKEYDH, c)
	caller := w.caller(alice, CertECDSA)
	v, err := caller.Verify(Attributes{MIKEY: i.Attributes().MIKEY}, Call{Local: alice, Peer: room, SDPIDs: "mikey", Policy: everything()})
	if err != nil {
		t.Fatal(err)
	}
	_, response, err := caller.Respond(t.Context(), v, dialled(alice))
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Complete(t.Context(), response)
	wantRefusal(t, err, ReasonBadCertificate)
}

// A stranger may send any chain: one that would be dear to check is refused unchecked, also below a harmless leaf.
func TestHeavyIntermediate(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: w.papers.authority.cert.Subject, IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: w.papers.authority.cert.Subject}, rsaOf(2*maxRSABits), key)
	if err != nil {
		t.Fatal(err)
	}
	own := w.papers.accounts[alice+CertECDSA]
	message, c := signed(func(*world) *Certificate {
		return &Certificate{Chain: [][]byte{own.Chain[0], der}, Signer: own.Signer}
	})(w)
	_, err = w.server.Verify(Attributes{MIKEY: message}, c)
	wantRefusal(t, err, ReasonBadCertificate)
}
