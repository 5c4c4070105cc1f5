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
