package keying

import (
	"slices"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// made is a message in alice's name, by the wire package and with keys of the test's choice.
func made(initiate func(*world) (mikey.Initiation, error)) func(*world) ([]byte, Call) {
	return func(w *world) ([]byte, Call) {
		i, err := initiate(w)
		if err != nil {
			w.tb.Fatal(err)
		}
		return i.Message(), answered()
	}
}

// signerOf is a certificate of the tests.
func (w *world) signerOf(uriKind string) mikey.Signer {
	c := w.papers.accounts[uriKind]
	return mikey.Signer{Key: c.Signer, Chain: c.Chain}
}

// refusedModes are what DHHMAC, PKE and RSA-R must refuse before Diffie-Hellman and RSA decryption.
func refusedModes() []refusalCase {
	by := func(m Method, change func(*world, *Call)) func(*world) ([]byte, Call) {
		return func(w *world) ([]byte, Call) {
			message, c := w.offerBy(m).Attributes().MIKEY, answered()
			change(w, &c)
			return message, c
		}
	}
	var cases []refusalCase
	for _, m := range []Method{MIKEYDHHMAC, MIKEYPKE, MIKEYRSAR} {
		name := string(m) + " "
		unknown := func(w *world, _ *Call) { delete(w.dir.known, alice); delete(w.dir.psks, alice) }
		cases = append(cases,
			refusalCase{name + "not in policy", by(m, func(_ *world, c *Call) { c.Policy.Methods = []Method{MIKEYDH, MIKEYPSK} }),
				ReasonMethodRefused, mikey.UnsupportedType},
			refusalCase{name + "for another room", by(m, func(_ *world, c *Call) { c.Local = "sip:red@" + testDomain }),
				ReasonWrongIdentity, mikey.InvalidID},
			refusalCase{name + "of another account", by(m, func(_ *world, c *Call) { c.Peer = bob }), ReasonWrongIdentity, mikey.InvalidID},
			refusalCase{name + "stripped method list", by(m, func(_ *world, c *Call) { c.SDPIDs = "" }), ReasonBidDown, mikey.Unspecified},
			refusalCase{name + "stale", by(m, func(w *world, _ *Call) { w.clock.move(2 * defaultSkew) }), ReasonStale, mikey.InvalidTS},
			refusalCase{name + "of an account that is gone", by(m, unknown), ReasonUnknownIdentity, mikey.AuthFailure},
		)
	}
	return slices.Concat(cases, refusedMACs(by), refusedEnvelopes(by))
}

type byMethod = func(Method, func(*world, *Call)) func(*world) ([]byte, Call)

func refusedMACs(by byMethod) []refusalCase {
	return []refusalCase{
		{"DHHMAC group not in policy", by(MIKEYDHHMAC, func(_ *world, c *Call) { c.Policy.Groups = []Group{MODP3072} }),
			ReasonNoCommonGroup, mikey.InvalidDH},
		{"DHHMAC wrong PSK", made(func(w *world) (mikey.Initiation, error) {
			return mikey.InitiateDHHMAC(w.stranger(nil), mikey.GroupP256, testPSK(bob).Bytes())
		}), ReasonBadMAC, mikey.AuthFailure},
		{"a value off the curve", func(w *world) ([]byte, Call) {
			message, c := made(func(w *world) (mikey.Initiation, error) {
				return mikey.InitiateDHHMAC(w.stranger(nil), mikey.GroupP256, testPSK(alice).Bytes())
			})(w)
			// The point ends 27 octets before the end: key validity, KEMAC of 5 and its MAC of 20 follow.
			message = slices.Clone(message)
			message[len(message)-27] ^= 1
			return message, c
		}, ReasonBadPublicValue, mikey.InvalidDH},
	}
}

func refusedEnvelopes(by byMethod) []refusalCase {
	return []refusalCase{
		{"PKE where forward secrecy is required", by(MIKEYPKE, func(_ *world, c *Call) {
			c.Policy.ForwardSecrecy = ForwardSecrecyRequired
		}), ReasonForwardSecrecy, mikey.UnsupportedType},
		{"RSA-R where forward secrecy is required", by(MIKEYRSAR, func(_ *world, c *Call) {
			c.Policy.ForwardSecrecy = ForwardSecrecyRequired
		}), ReasonForwardSecrecy, mikey.UnsupportedType},
		{"PKE signed by another", made(func(w *world) (mikey.Initiation, error) {
			return mikey.InitiatePKE(w.stranger(nil), w.signerOf(bob+CertRSA), w.papers.server.RSA.Leaf.Raw)
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"PKE for another certificate", made(func(w *world) (mikey.Initiation, error) {
			return mikey.InitiatePKE(w.stranger(nil), w.signerOf(alice+CertECDSA), w.papers.accounts[bob+CertRSA].Leaf.Raw)
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"PKE to a server without an RSA certificate", by(MIKEYPKE, func(w *world, _ *Call) { w.server.own.RSA = nil }),
			ReasonNoCredential, mikey.UnsupportedType},
		{"RSA-R signed by another", made(func(w *world) (mikey.Initiation, error) {
			return mikey.InitiateRSAR(w.stranger(nil), w.signerOf(bob+CertRSA))
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"RSA-R without a certificate of the server's own", by(MIKEYRSAR, func(w *world, _ *Call) { w.server.own = Identity{} }),
			ReasonNoCredential, mikey.UnsupportedType},
	}
}

// TestModesForged changes the signed octets of the certified methods: nothing is decrypted for them.
func TestModesForged(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			message := slices.Clone(w.offerBy(m).Attributes().MIKEY)
			message[len(message)-1] ^= 1
			_, err := w.server.Verify(Attributes{MIKEY: message}, answered())
			want := ReasonBadSignature
			if m.preShared() {
				want = ReasonBadMAC
			}
			if e := wantRefusal(t, err, want); !e.BeforeAuth || w.pool.Done() != 0 || w.replay.Len() != 0 {
				t.Errorf("before authentication %v; it cost %d operations", e.BeforeAuth, w.pool.Done())
			}
		})
	}
}
