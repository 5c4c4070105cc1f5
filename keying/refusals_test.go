package keying

import (
	"slices"
	"time"

	"github.com/conclave/conclave/keying/mikey"
)

// refusalCase is an offer that the server must refuse. make returns the offer and how the server looks at it.
type refusalCase struct {
	name   string
	make   func(*world) ([]byte, Call)
	reason Reason
	number mikey.ErrorNumber
}

// refusals are refused by Verify: nothing may be computed and nothing remembered for them.
func refusals() []refusalCase {
	return slices.Concat(refusedIdentities(), refusedCredentials(), refusedPolicies(), refusedTimes(), refusedForms(),
		refusedModes())
}

func plainOffer(uri string, m Method) func(*world) ([]byte, Call) {
	return func(w *world) ([]byte, Call) {
		return w.offer(w.caller(uri, CertECDSA), m, dialled(uri)).Attributes().MIKEY, answered()
	}
}

// altered is an offer looked at by a server whose call differs.
func altered(m Method, change func(*Call)) func(*world) ([]byte, Call) {
	return func(w *world) ([]byte, Call) {
		message, c := plainOffer(alice, m)(w)
		change(&c)
		return message, c
	}
}

func refusedIdentities() []refusalCase {
	both := func(name string, change func(*Call), reason Reason, number mikey.ErrorNumber) []refusalCase {
		return []refusalCase{
			{"psk " + name, altered(MIKEYPSK, change), reason, number},
			{"dh " + name, altered(MIKEYDH, change), reason, number},
		}
	}
	return slices.Concat(
		both("for another room", func(c *Call) { c.Local = "sip:red@" + testDomain }, ReasonWrongIdentity, mikey.InvalidID),
		both("from another than the digest says", func(c *Call) { c.Peer = bob }, ReasonWrongIdentity, mikey.InvalidID),
		both("reflected", func(c *Call) { c.Local, c.Peer = alice, room }, ReasonWrongIdentity, mikey.InvalidID),
		both("stripped method list", func(c *Call) { c.SDPIDs = "" }, ReasonBidDown, mikey.Unspecified),
		both("lengthened method list", func(c *Call) { c.SDPIDs = "mikey;keyp1" }, ReasonBidDown, mikey.Unspecified),
		[]refusalCase{
			{"no identities", func(w *world) ([]byte, Call) {
				return w.strangerPSK(func(p *mikey.Params) { p.IDi, p.IDr = "", "" }), answered()
			}, ReasonWrongIdentity, mikey.InvalidID},
			{"no method list", func(w *world) ([]byte, Call) {
				return w.strangerPSK(func(p *mikey.Params) { p.SDPIDs = "" }), answered()
			}, ReasonBidDown, mikey.Unspecified},
			{"offered two methods, one was taken out", func(w *world) ([]byte, Call) {
				return w.strangerPSK(func(p *mikey.Params) { p.SDPIDs = "mikey;keyp1" }), answered()
			}, ReasonBidDown, mikey.Unspecified},
			{"own offer reflected", func(w *world) ([]byte, Call) {
				c := answered()
				c.Peer = alice
				return w.offer(w.server, MIKEYPSK, c).Attributes().MIKEY, answered()
			}, ReasonWrongIdentity, mikey.InvalidID},
			{"own offer reflected, both called as the sender", func(w *world) ([]byte, Call) {
				c := answered()
				c.Local, c.Peer = alice, alice
				return w.offer(w.server, MIKEYPSK, c).Attributes().MIKEY, c
			}, ReasonWrongIdentity, mikey.InvalidID},
		},
	)
}

// signed is a DH offer in alice's name made with a certificate of the test's choice.
func signed(pick func(*world) *Certificate) func(*world) ([]byte, Call) {
	return func(w *world) ([]byte, Call) {
		c := pick(w)
		i, err := mikey.InitiateDH(w.stranger(nil), mikey.GroupMODP1536, mikey.Signer{Key: c.Signer, Chain: c.Chain})
		if err != nil {
			w.tb.Fatal(err)
		}
		return i.Message(), answered()
	}
}

func refusedCredentials() []refusalCase {
	return []refusalCase{
		{"wrong PSK", func(w *world) ([]byte, Call) {
			b := w.bundle(alice, CertECDSA)
			b.PSK = testPSK(bob)
			return w.offer(w.callerWith(b), MIKEYPSK, dialled(alice)).Attributes().MIKEY, answered()
		}, ReasonBadMAC, mikey.AuthFailure},
		{"unknown account, PSK", func(w *world) ([]byte, Call) {
			delete(w.dir.psks, alice)
			return plainOffer(alice, MIKEYPSK)(w)
		}, ReasonUnknownIdentity, mikey.AuthFailure},
		{"unknown account, DH", func(w *world) ([]byte, Call) {
			delete(w.dir.known, alice)
			return plainOffer(alice, MIKEYDH)(w)
		}, ReasonUnknownIdentity, mikey.AuthFailure},
		{"expired certificate", func(w *world) ([]byte, Call) {
			w.clock.move(accountLife)
			return plainOffer(alice, MIKEYDH)(w)
		}, ReasonBadCertificate, mikey.InvalidCert},
		{"certificate not yet valid", func(w *world) ([]byte, Call) {
			w.clock.move(-2 * backdate)
			return plainOffer(alice, MIKEYDH)(w)
		}, ReasonBadCertificate, mikey.InvalidCert},
		{"foreign authority", signed(func(w *world) *Certificate { return w.papers.foreignAlice }), ReasonBadCertificate, mikey.InvalidCert},
		{"another account's certificate", signed(func(w *world) *Certificate { return w.papers.accounts[bob+CertECDSA] }),
			ReasonBadCertificate, mikey.InvalidCert},
		{"the server's certificate in an account's name", signed(func(w *world) *Certificate { return w.papers.server.ECDSA }),
			ReasonBadCertificate, mikey.InvalidCert},
		{"the authority's own certificate", signed(func(w *world) *Certificate {
			return &Certificate{Chain: [][]byte{w.papers.authority.cert.Raw}, Signer: w.papers.authority.key}
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"right certificate, another's signature", signed(func(w *world) *Certificate {
			return &Certificate{Chain: w.papers.accounts[alice+CertECDSA].Chain, Signer: w.papers.accounts[bob+CertECDSA].Signer}
		}), ReasonBadSignature, mikey.AuthFailure},
		{"chain too long", signed(func(w *world) *Certificate {
			c := w.papers.accounts[alice+CertECDSA]
			return &Certificate{Chain: slices.Repeat(c.Chain, maxChain+1), Signer: c.Signer}
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"certificate is no certificate", signed(func(w *world) *Certificate {
			return &Certificate{Chain: [][]byte{[]byte("certificate")}, Signer: w.papers.accounts[alice+CertECDSA].Signer}
		}), ReasonBadCertificate, mikey.InvalidCert},
		{"no roots", func(w *world) ([]byte, Call) {
			w.dir.roots = nil
			return plainOffer(alice, MIKEYDH)(w)
		}, ReasonBadCertificate, mikey.InvalidCert},
		{"no certificate of the server's own", func(w *world) ([]byte, Call) {
			w.server.own = Identity{}
			return plainOffer(alice, MIKEYDH)(w)
		}, ReasonNoCredential, mikey.UnsupportedType},
	}
}

func refusedPolicies() []refusalCase {
	policy := func(change func(*Policy)) func(*Call) { return func(c *Call) { change(c.Policy) } }
	sp := func(change func(*mikey.Policy)) func(*world) ([]byte, Call) {
		return func(w *world) ([]byte, Call) {
			return w.strangerPSK(func(p *mikey.Params) { change(&p.Policies[0]) }), answered()
		}
	}
	return []refusalCase{
		{"PSK not in policy", altered(MIKEYPSK, policy(func(p *Policy) { p.Methods = []Method{MIKEYDH} })),
			ReasonMethodRefused, mikey.UnsupportedType},
		{"DH not in policy", altered(MIKEYDH, policy(func(p *Policy) { p.Methods = []Method{MIKEYPSK} })),
			ReasonMethodRefused, mikey.UnsupportedType},
		{"forward secrecy required", altered(MIKEYPSK, policy(func(p *Policy) { p.ForwardSecrecy = ForwardSecrecyRequired })),
			ReasonForwardSecrecy, mikey.UnsupportedType},
		{"suite not in policy", altered(MIKEYDH, policy(func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} })),
			ReasonNoCommonSuite, mikey.InvalidSPpar},
		{"group not in policy", altered(MIKEYDH, policy(func(p *Policy) { p.Groups = []Group{MODP3072} })),
			ReasonNoCommonGroup, mikey.InvalidDH},
		{"NULL cipher", sp(func(p *mikey.Policy) { p.Params[0].Value = []byte{mikey.EncrNULL} }), ReasonNoCommonSuite, mikey.InvalidSPpar},
		{"unknown parameter", sp(func(p *mikey.Policy) {
			p.Params = append(p.Params, mikey.Param{Type: 99, Value: []byte{1}})
		}), ReasonNoCommonSuite, mikey.InvalidSPpar},
		{"short AEAD tag", sp(func(p *mikey.Policy) { p.Params[len(p.Params)-1].Value = []byte{8} }),
			ReasonNoCommonSuite, mikey.InvalidSPpar},
		{"sessions of two suites", func(w *world) ([]byte, Call) {
			return w.strangerPSK(func(p *mikey.Params) {
				p.Policies = append(p.Policies, AESCM128SHA1x80.spPolicy(1))
				p.Sessions[1].Policy = 1
			}), answered()
		}, ReasonNoCommonSuite, mikey.InvalidSPpar},
	}
}

func refusedTimes() []refusalCase {
	aged := func(d time.Duration) func(*world) ([]byte, Call) {
		return func(w *world) ([]byte, Call) {
			message, c := plainOffer(alice, MIKEYPSK)(w)
			w.clock.move(d)
			return message, c
		}
	}
	return []refusalCase{
		{"too old", aged(defaultSkew + time.Second), ReasonStale, mikey.InvalidTS},
		{"from the future", aged(-defaultSkew - time.Second), ReasonStale, mikey.InvalidTS},
		{"ten years old", aged(10 * 365 * 24 * time.Hour), ReasonStale, mikey.InvalidTS},
		{"replayed", func(w *world) ([]byte, Call) {
			message, c := plainOffer(alice, MIKEYPSK)(w)
			if _, _, err := w.server.Respond(w.tb.Context(), w.verified(message, c), c); err != nil {
				w.tb.Fatal(err)
			}
			return message, c
		}, ReasonReplayed, mikey.InvalidTS},
	}
}

func refusedForms() []refusalCase {
	octets := func(change func([]byte) []byte) func(*world) ([]byte, Call) {
		return func(w *world) ([]byte, Call) {
			message, c := plainOffer(alice, MIKEYPSK)(w)
			return change(slices.Clone(message)), c
		}
	}
	return []refusalCase{
		{"empty", octets(func([]byte) []byte { return nil }), ReasonMalformed, mikey.Unspecified},
		{"cut", octets(func(b []byte) []byte { return b[:len(b)-1] }), ReasonMalformed, mikey.Unspecified},
		{"an update, without RAND", func(w *world) ([]byte, Call) { return withoutRAND(w.strangerPSK(nil)), answered() },
			ReasonUnknownBundle, mikey.Unspecified},
		{"trailing", octets(func(b []byte) []byte { return append(b, 0) }), ReasonMalformed, mikey.Unspecified},
		{"an answer in place of an offer", func(w *world) ([]byte, Call) {
			c := answered()
			message, _ := plainOffer(alice, MIKEYPSK)(w)
			_, response, err := w.server.Respond(w.tb.Context(), w.verified(message, c), c)
			if err != nil {
				w.tb.Fatal(err)
			}
			return response.MIKEY, c
		}, ReasonNotAnOffer, mikey.InvalidDT},
		{"an error in place of an offer", func(*world) ([]byte, Call) {
			return mikey.NewErrorMessage(1, mikey.NewTimestamp(began), mikey.AuthFailure, nil), answered()
		}, ReasonNotAnOffer, mikey.InvalidDT},
	}
}
