package keying

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/keying/mikey"
)

// offerBy is an offer of alice's by any method, with the certificate it needs.
func (w *world) offerBy(m Method) *Initiation {
	w.tb.Helper()
	kind := kindsOf(m)[0]
	c := dialled(alice)
	c.Cert = kind
	if m.agreesGroup() {
		c.Group = P256
	}
	return w.offer(w.caller(alice, kind), m, c)
}

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

// TestModesReplayed: every method's offer is good once, and its answer is asked of the Pool once.
func TestModesReplayed(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			i := w.offerBy(m)
			v, twin := w.verified(i.Attributes().MIKEY, answered()), w.verified(i.Attributes().MIKEY, answered())
			if _, _, err := w.server.Respond(t.Context(), v, answered()); err != nil {
				t.Fatal(err)
			}
			want := uint64(1)
			if m == MIKEYPSK {
				want = 0
			}
			if w.pool.Done() != want {
				t.Errorf("%d operations in the pool, want %d", w.pool.Done(), want)
			}
			_, _, err := w.server.Respond(t.Context(), twin, answered())
			wantRefusal(t, err, ReasonReplayed)
			_, err = w.server.Verify(Attributes{MIKEY: i.Attributes().MIKEY}, answered())
			wantRefusal(t, err, ReasonReplayed)
			if w.pool.Done() != want {
				t.Error("a replay cost an operation")
			}
		})
	}
}

// TestModesAnswerForged: an answer that does not authenticate costs the initiator nothing and ends nothing.
func TestModesAnswerForged(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			i := w.offerBy(m)
			_, response := w.response(i)
			done := i.keyer.pool.Done()
			forged := slices.Clone(response.MIKEY)
			forged[len(forged)-1] ^= 1
			_, err := i.Complete(t.Context(), Attributes{MIKEY: forged})
			want := ReasonBadSignature
			if m.preShared() || m == MIKEYPKE {
				want = ReasonBadMAC
			}
			wantRefusal(t, err, want)
			if i.keyer.pool.Done() != done {
				t.Error("it cost an operation")
			}
			if _, err := i.Complete(t.Context(), response); err != nil {
				t.Errorf("the true answer afterwards: %v", err)
			}
		})
	}
}

// TestModesPasted: the answer to another exchange, of the same or another method, is no answer; an offer to one room opens
// no other, and one user's is not another's.
func TestModesPasted(t *testing.T) {
	w := newWorld(t)
	responses := map[Method][]byte{}
	for _, m := range ofMIKEY() {
		_, response, err := w.server.Respond(t.Context(), w.verified(w.offerBy(m).Attributes().MIKEY, answered()), answered())
		if err != nil {
			t.Fatal(err)
		}
		responses[m] = response.MIKEY
	}
	for _, m := range ofMIKEY() {
		i := w.offerBy(m)
		for from, response := range responses {
			if _, err := i.Complete(t.Context(), Attributes{MIKEY: response}); err == nil {
				t.Errorf("%s takes the answer to a %s", m, from)
			}
		}
		if _, err := i.Complete(t.Context(), Attributes{MIKEY: i.Attributes().MIKEY}); err == nil {
			t.Errorf("%s takes its own offer as the answer", m)
		}
		message := bytes.ReplaceAll(i.Attributes().MIKEY, []byte("sip:blue@"), []byte("sip:gray@"))
		c := answered()
		c.Local = "sip:gray@" + testDomain
		if _, err := w.server.Verify(Attributes{MIKEY: message}, c); err == nil {
			t.Errorf("%s: an offer to one room opens another", m)
		}
	}
}

// TestEnvelopeThatDoesNotOpen: an account whose envelope is not padded, or in another's name, learns one thing: no. The
// offer stays spent.
func TestEnvelopeThatDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	i := w.offerBy(MIKEYPKE)
	v := w.verified(i.Attributes().MIKEY, answered())
	// The same message to a server whose key is another: padding, or MAC, cannot hold.
	other, _ := (&Keyer{own: Identity{RSA: w.papers.accounts[bob+CertRSA]}}).decrypter()
	m, err := mikey.Parse(i.Attributes().MIKEY)
	if err != nil {
		t.Fatal(err)
	}
	other.Leaf = nil
	key, _, err := w.server.vouch(m.Certificates(), alice)
	if err != nil {
		t.Fatal(err)
	}
	if v.response, err = mikey.AuthenticatePKE(m, key, other); err != nil {
		t.Fatal(err)
	}
	_, response, err := w.server.Respond(t.Context(), v, answered())
	e := wantRefusal(t, err, ReasonBadMAC)
	if e.BeforeAuth || e.Number != uint8(mikey.AuthFailure) || !response.Empty() {
		t.Errorf("number %d, before authentication %v", e.Number, e.BeforeAuth)
	}
	if w.guard.Len() != 0 {
		t.Error("keys were made")
	}
	_, err = w.server.Verify(Attributes{MIKEY: i.Attributes().MIKEY}, answered())
	wantRefusal(t, err, ReasonReplayed)
}

// TestModesGuarded: keys that were in use are refused whatever the method.
func TestModesGuarded(t *testing.T) {
	for _, m := range ofMIKEY() {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			i := w.offerBy(m)
			theirs, response := w.response(i)
			if err := i.keyer.guard.admit(&Keys{Send: theirs.Keys.Receive, Receive: theirs.Keys.Send}); err != nil {
				t.Fatal(err)
			}
			_, err := i.Complete(t.Context(), response)
			wantRefusal(t, err, ReasonKeyReuse)
		})
	}
}

// TestModesBusy: an offer that no worker had time for was not remembered, and may come again.
func TestModesBusy(t *testing.T) {
	for _, m := range ofMIKEY() {
		if m == MIKEYPSK {
			continue
		}
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			i := w.offerBy(m)
			w.server.pool = NewPool(PoolConfig{Workers: 1, Queue: 1, Deadline: time.Millisecond})
			w.server.pool.workers <- struct{}{}
			_, _, err := w.server.Respond(t.Context(), w.verified(i.Attributes().MIKEY, answered()), answered())
			wantRefusal(t, err, ReasonBusy)
			<-w.server.pool.workers
			if _, _, err = w.server.Respond(t.Context(), w.verified(i.Attributes().MIKEY, answered()), answered()); err != nil {
				t.Errorf("the same offer again: %v", err)
			}
		})
	}
}

// TestModesForwardSecret: where forward secrecy is required, Diffie-Hellman alone is admitted, signed or under a MAC.
func TestModesForwardSecret(t *testing.T) {
	p := everything()
	p.ForwardSecrecy = ForwardSecrecyRequired
	for _, m := range ofMIKEY() {
		if want := m == MIKEYDH || m == MIKEYDHHMAC; p.AllowsMethod(m) != want || m.ForwardSecret() != want {
			t.Errorf("%s: %v", m, p.AllowsMethod(m))
		}
	}
	if slices.Contains(StandardPolicy().Methods, MIKEYPKE) || slices.Contains(StandardPolicy().Methods, MIKEYRSAR) {
		t.Error("the standard policy admits more than it did")
	}
}

// TestRSARChooses: an RSA-R responder takes the first suite offered that its policy has (RFC 4738 section 3.5), and no other.
func TestRSARChooses(t *testing.T) {
	for _, tc := range []struct {
		name     string
		sessions []mikey.Session
		suites   []Suite
		want     Suite
		number   uint8
	}{
		{"the initiator's first", []mikey.Session{{SSRC: 1}, {}}, Suites(), AEADAES128GCM, 0},
		{"the second", []mikey.Session{{SSRC: 1}, {}}, []Suite{AEADAES256GCM}, AEADAES256GCM, 1},
		{"the third", []mikey.Session{{SSRC: 1}, {}}, []Suite{AESCM128SHA1x80}, AESCM128SHA1x80, 2},
		{"no map", nil, []Suite{AEADAES256GCM}, AEADAES256GCM, 1},
		{"none", []mikey.Session{{SSRC: 1}, {}}, []Suite{AESCM256SHA1x80}, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			i, err := mikey.InitiateRSAR(w.stranger(func(p *mikey.Params) {
				p.Sessions = tc.sessions
				p.Policies = append(p.Policies, AEADAES256GCM.spPolicy(1), AESCM128SHA1x80.spPolicy(2))
			}), w.signerOf(alice+CertRSA))
			if err != nil {
				t.Fatal(err)
			}
			c := answered()
			c.Policy.Suites = tc.suites
			v, err := w.server.Verify(Attributes{MIKEY: i.Message()}, c)
			if tc.want == "" {
				wantRefusal(t, err, ReasonNoCommonSuite)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, response, err := w.server.Respond(t.Context(), v, c)
			if err != nil {
				t.Fatal(err)
			}
			r, err := mikey.Parse(response.MIKEY)
			if err != nil {
				t.Fatal(err)
			}
			if ps := r.Policies(); len(ps) != 1 || ps[0].Number != tc.number || a.Keys.Suite != tc.want || v.Suite() != tc.want {
				t.Errorf("chose %v, %s", ps, a.Keys.Suite)
			}
			if err := i.Authenticate(r, mikey.PeerKey{Public: w.papers.server.RSA.Leaf.PublicKey}); err != nil {
				t.Errorf("the initiator does not take it: %v", err)
			}
		})
	}
}
