package keying

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
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
	return slices.Concat(refusedIdentities(), refusedCredentials(), refusedPolicies(), refusedTimes(), refusedForms())
}

func plainOffer(uri string, m Method) func(*world) ([]byte, Call) {
	return func(w *world) ([]byte, Call) {
		return w.offer(w.caller(uri, CertECDSA), m, dialled(uri)).Message(), answered()
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
				return w.offer(w.server, MIKEYPSK, c).Message(), answered()
			}, ReasonWrongIdentity, mikey.InvalidID},
			{"own offer reflected, both called as the sender", func(w *world) ([]byte, Call) {
				c := answered()
				c.Local, c.Peer = alice, alice
				return w.offer(w.server, MIKEYPSK, c).Message(), c
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
			return w.offer(w.callerWith(b), MIKEYPSK, dialled(alice)).Message(), answered()
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
			ReasonMethodRefused, mikey.UnsupportedType},
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
			ReasonMalformed, mikey.Unspecified},
		{"trailing", octets(func(b []byte) []byte { return append(b, 0) }), ReasonMalformed, mikey.Unspecified},
		{"an answer in place of an offer", func(w *world) ([]byte, Call) {
			c := answered()
			message, _ := plainOffer(alice, MIKEYPSK)(w)
			_, response, err := w.server.Respond(w.tb.Context(), w.verified(message, c), c)
			if err != nil {
				w.tb.Fatal(err)
			}
			return response, c
		}, ReasonNotAnOffer, mikey.InvalidDT},
		{"an error in place of an offer", func(*world) ([]byte, Call) {
			return mikey.NewErrorMessage(1, mikey.NewTimestamp(began), mikey.AuthFailure, nil), answered()
		}, ReasonNotAnOffer, mikey.InvalidDT},
	}
}

// withoutRAND takes RAND out of an offer of two sessions, where it follows HDR and T (RFC 3830 sections 6.1, 6.6 and 6.11).
func withoutRAND(offer []byte) []byte {
	const t = 10 + 2*9
	const random = t + 2 + 8
	b := slices.Clone(offer)
	b[t] = b[random]
	return slices.Delete(b, random, random+2+int(b[random+1]))
}

// TestRefusedByVerify holds reason, MIKEY error number and error message of every refusal, and that none cost Diffie-Hellman or
// changed state.
func TestRefusedByVerify(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			message, call := c.make(w)
			done, remembered, guarded := w.pool.Done(), w.replay.Len(), w.guard.Len()
			_, err := w.server.Verify(message, call)
			e := wantRefusal(t, err, c.reason)
			if e.Number != uint8(c.number) || !e.BeforeAuth {
				t.Errorf("number %d, want %d; before authentication %v", e.Number, c.number, e.BeforeAuth)
			}
			if w.pool.Done() != done || w.replay.Len() != remembered || w.guard.Len() != guarded || done != 0 {
				t.Errorf("it cost Diffie-Hellman (%d) or changed state", w.pool.Done())
			}
			if c.reason != ReasonMalformed && c.reason != ReasonNotAnOffer {
				wantErrorMessage(t, e, message)
			}
			if !slices.Contains(Reasons(), e.Reason) {
				t.Errorf("%s is not in the closed set", e.Reason)
			}
		})
	}
}

func wantErrorMessage(t *testing.T, e *Error, offer []byte) {
	t.Helper()
	m, err := mikey.Parse(e.Message)
	if err != nil {
		t.Fatal(err)
	}
	i, err := mikey.Parse(offer)
	if err != nil {
		t.Fatal(err)
	}
	if m.Type() != mikey.TypeError || m.CSBID() != i.CSBID() || m.Timestamp() != i.Timestamp() {
		t.Error("the error message is not about the offer")
	}
	if n := m.ErrorNumbers(); len(n) != 1 || uint8(n[0]) != e.Number {
		t.Errorf("numbers %v", n)
	}
	if (len(m.Policies()) > 0) != (e.Number == uint8(mikey.InvalidSPpar)) {
		t.Errorf("%d policies with error %d", len(m.Policies()), e.Number)
	}
}

// TestVerifyAcceptsRepeatedList holds the two readings of a list for an SDP with several key-mgmt lines.
func TestVerifyAcceptsRepeatedList(t *testing.T) {
	w := newWorld(t)
	for _, list := range []string{"mikey", "mikey;mikey"} {
		message := w.strangerPSK(func(p *mikey.Params) { p.SDPIDs = list })
		c := answered()
		c.SDPIDs = "mikey;mikey"
		w.verified(message, c)
	}
}

// TestBitFlips holds that no changed bit of an offer passes, of either method, and that none costs Diffie-Hellman.
func TestBitFlips(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			message, c := plainOffer(alice, m)(w)
			for n := range len(message) * 8 {
				flipped := slices.Clone(message)
				flipped[n/8] ^= 1 << (n % 8)
				if _, err := w.server.Verify(flipped, c); err == nil {
					t.Errorf("bit %d of octet %d may be flipped", n%8, n/8)
				}
			}
			if w.pool.Done() != 0 || w.replay.Len() != 0 {
				t.Errorf("%d operations, %d remembered", w.pool.Done(), w.replay.Len())
			}
			w.verified(message, c)
		})
	}
}

// TestReplayRace holds that of many concurrent uses of one offer exactly one gets keys.
func TestReplayRace(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			message, c := plainOffer(alice, m)(w)
			const racers = 16
			errs := make([]error, racers)
			var wg sync.WaitGroup
			vs := make([]*Verified, racers)
			for n := range vs {
				vs[n] = w.verified(message, c)
			}
			for n, v := range vs {
				wg.Go(func() { _, _, errs[n] = w.server.Respond(t.Context(), v, c) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					wantRefusal(t, err, ReasonReplayed)
				}
			}
			if won != 1 || m == MIKEYDH && w.pool.Done() != 1 || w.pool.Waiting() != 0 {
				t.Errorf("%d won, %d operations, %d places not given back", won, w.pool.Done(), w.pool.Waiting())
			}
		})
	}
}

// TestRespondRefuses holds what can only be seen when the keys are made, or comes between Verify and Respond.
func TestRespondRefuses(t *testing.T) {
	respond := func(w *world, v *Verified, c Call) error {
		_, _, err := w.server.Respond(w.tb.Context(), v, c)
		return err
	}
	t.Run("twice", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		if err := respond(w, v, c); err != nil {
			t.Fatal(err)
		}
		e := wantRefusal(t, respond(w, v, c), ReasonReplayed)
		if e.BeforeAuth {
			t.Error("before authentication")
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		v.Abandon()
		wantRefusal(t, respond(w, v, c), ReasonReplayed)
	})
	t.Run("another room", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		v := w.verified(message, c)
		c.Local = "sip:red@" + testDomain
		wantRefusal(t, respond(w, v, c), ReasonWrongIdentity)
	})
	t.Run("policy changed", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYDH)(w)
		changes := map[Reason]func(*Policy){
			ReasonMethodRefused: func(p *Policy) { p.Methods = []Method{MIKEYPSK} },
			ReasonNoCommonSuite: func(p *Policy) { p.Suites = []Suite{AESCM128SHA1x80} },
			ReasonNoCommonGroup: func(p *Policy) { p.Groups = []Group{MODP3072} },
		}
		for reason, change := range changes {
			v := w.verified(message, c)
			later := answered()
			change(later.Policy)
			wantRefusal(t, respond(w, v, later), reason)
		}
		if w.pool.Done() != 0 || w.replay.Len() != 0 {
			t.Error("it cost something")
		}
	})
	t.Run("grown stale", func(t *testing.T) {
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYDH)(w)
		v := w.verified(message, c)
		w.clock.move(2 * defaultSkew)
		wantRefusal(t, respond(w, v, c), ReasonStale)
		if w.pool.Done() != 0 {
			t.Error("it cost Diffie-Hellman")
		}
	})
	t.Run("keys seen before", func(t *testing.T) {
		// A replay cache that was lost, and a clock that did not move: only the guard is left.
		w := newWorld(t)
		message, c := plainOffer(alice, MIKEYPSK)(w)
		if err := respond(w, w.verified(message, c), c); err != nil {
			t.Fatal(err)
		}
		w.restart(nil)
		wantRefusal(t, respond(w, w.verified(message, c), c), ReasonKeyReuse)
	})
}

// TestBusy holds that a full pool turns an offer away without remembering it.
func TestBusy(t *testing.T) {
	w := newWorld(t)
	message, c := plainOffer(alice, MIKEYDH)(w)
	w.pool = NewPool(PoolConfig{Workers: 1, Queue: 1})
	w.restart(nil)
	var held []place
	for range 2 {
		p, err := w.pool.reserve()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, p)
	}
	v := w.verified(message, c)
	_, _, err := w.server.Respond(t.Context(), v, c)
	wantRefusal(t, err, ReasonBusy)
	if w.replay.Len() != 0 || w.pool.Done() != 0 {
		t.Error("it was remembered or cost something")
	}
	for _, p := range held {
		p.release()
	}
	if _, _, err := w.server.Respond(t.Context(), w.verified(message, c), c); err != nil {
		t.Error(err)
	}
}

// TestErrorsAreQuiet holds that what peers can provoke never carries octets of theirs or of keys into errors.
func TestErrorsAreQuiet(t *testing.T) {
	for _, c := range refusals() {
		w := newWorld(t)
		message, call := c.make(w)
		_, err := w.server.Verify(message, call)
		for _, secret := range []string{string(testPSK(alice).Bytes()), fmt.Sprintf("%x", testPSK(alice).Bytes()), "alice", "blue"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}
