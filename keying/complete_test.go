package keying

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// response is the server's agreement and answer.
func (w *world) response(i *Initiation) (*Agreement, Attributes) {
	w.tb.Helper()
	theirs, response, err := w.server.Respond(w.tb.Context(), w.verified(i.Attributes().MIKEY, answered()), answered())
	if err != nil {
		w.tb.Fatal(err)
	}
	return theirs, response
}

// exchange is one run up to the answer.
type exchange struct {
	caller   *Keyer
	i        *Initiation
	response []byte
}

func (w *world) exchange(m Method) exchange {
	w.tb.Helper()
	k := w.caller(alice, CertECDSA)
	i := w.offer(k, m, dialled(alice))
	_, response := w.response(i)
	return exchange{k, i, response.MIKEY}
}

// otherServer answers alice's offer with a certificate of the test's choice.
func (w *world) otherServer(i *Initiation, c *Certificate) []byte {
	w.tb.Helper()
	w.server.own = Identity{ECDSA: c}
	_, response := w.response(i)
	return response.MIKEY
}

// TestRefusedByComplete holds what a caller refuses of an answer, and that an exchange survives answers that anybody could
// have sent.
func TestRefusedByComplete(t *testing.T) {
	cases := []struct {
		name   string
		method Method
		make   func(*world, exchange) []byte
		reason Reason
	}{
		{"nothing", MIKEYPSK, func(*world, exchange) []byte { return nil }, ReasonMalformed},
		{"own PSK offer reflected", MIKEYPSK, func(_ *world, e exchange) []byte { return e.i.Attributes().MIKEY }, ReasonNotAnAnswer},
		{"own DH offer reflected", MIKEYDH, func(_ *world, e exchange) []byte { return e.i.Attributes().MIKEY }, ReasonNotAnAnswer},
		{"an error", MIKEYPSK, func(_ *world, e exchange) []byte {
			m, _ := mikey.Parse(e.i.Attributes().MIKEY)
			return mikey.NewErrorMessage(m.CSBID(), m.Timestamp(), mikey.AuthFailure, nil)
		}, ReasonPeerRefused},
		{"PSK answer to a DH offer", MIKEYDH, func(w *world, _ exchange) []byte { return w.exchange(MIKEYPSK).response }, ReasonNotAnAnswer},
		{"DH answer to a PSK offer", MIKEYPSK, func(w *world, _ exchange) []byte { return w.exchange(MIKEYDH).response }, ReasonNotAnAnswer},
		{"PSK answer to another offer", MIKEYPSK, func(w *world, _ exchange) []byte { return w.exchange(MIKEYPSK).response }, ReasonNotAnAnswer},
		{"DH answer to another offer", MIKEYDH, func(w *world, _ exchange) []byte { return w.exchange(MIKEYDH).response }, ReasonNotAnAnswer},
		{"an account as the server", MIKEYDH, func(w *world, e exchange) []byte {
			w.restart(nil)
			return w.otherServer(e.i, w.papers.accounts[bob+CertECDSA])
		}, ReasonBadCertificate},
		{"the caller's own account as the server", MIKEYDH, func(w *world, e exchange) []byte {
			w.restart(nil)
			return w.otherServer(e.i, w.papers.accounts[alice+CertECDSA])
		}, ReasonBadCertificate},
		{"a foreign server", MIKEYDH, func(w *world, e exchange) []byte {
			w.restart(nil)
			c, err := w.papers.foreign.issueServer(CertECDSA)
			if err != nil {
				w.tb.Fatal(err)
			}
			return w.otherServer(e.i, c)
		}, ReasonBadCertificate},
		{"a server that lacks the PSK", MIKEYPSK, func(w *world, e exchange) []byte {
			m, _ := mikey.Parse(e.i.Attributes().MIKEY)
			r, err := mikey.AuthenticatePSK(m, testPSK(alice).Bytes(), nil)
			if err != nil {
				w.tb.Fatal(err)
			}
			_, response, err := r.Answer(mikey.Answer{IDr: room, SSRC: map[uint8]uint32{2: 5}})
			if err != nil {
				w.tb.Fatal(err)
			}
			response[len(response)-1] ^= 1
			return response
		}, ReasonBadMAC},
		{"a changed DH answer", MIKEYDH, func(_ *world, e exchange) []byte {
			response := slices.Clone(e.response)
			response[len(response)-1] ^= 1
			return response
		}, ReasonBadSignature},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.exchange(c.method)
			done := e.caller.pool.Done()
			_, err := e.i.Complete(t.Context(), Attributes{MIKEY: c.make(w, e)})
			refused := wantRefusal(t, err, c.reason)
			if refused.Message != nil || !refused.BeforeAuth {
				t.Error("an error message about an answer, or after authentication")
			}
			if e.caller.pool.Done() != done {
				t.Error("it cost Diffie-Hellman")
			}
			if _, err := e.i.Complete(t.Context(), Attributes{MIKEY: e.response}); err != nil {
				t.Errorf("the true answer afterwards: %v", err)
			}
		})
	}
}

// TestAnswerBitFlips holds that no changed bit of an answer passes.
func TestAnswerBitFlips(t *testing.T) {
	for _, m := range []Method{MIKEYPSK, MIKEYDH, MIKEYDHHMAC, MIKEYPKE} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t)
			e := w.exchange(m)
			done := e.caller.pool.Done()
			for n := range len(e.response) * 8 {
				flipped := slices.Clone(e.response)
				flipped[n/8] ^= 1 << (n % 8)
				if _, err := e.i.Complete(t.Context(), Attributes{MIKEY: flipped}); err == nil {
					t.Fatalf("bit %d of octet %d may be flipped", n%8, n/8)
				}
			}
			if e.caller.pool.Done() != done {
				t.Error("it cost Diffie-Hellman")
			}
		})
	}
}

func TestCompleteOnce(t *testing.T) {
	w := newWorld(t)
	e := w.exchange(MIKEYDH)
	if _, err := e.i.Complete(t.Context(), Attributes{MIKEY: e.response}); err != nil {
		t.Fatal(err)
	}
	_, err := e.i.Complete(t.Context(), Attributes{MIKEY: e.response})
	if !errors.Is(err, ErrAbandoned) {
		t.Errorf("second answer: %v", err)
	}
	e = w.exchange(MIKEYPSK)
	e.i.Abandon()
	e.i.Abandon()
	if _, err := e.i.Complete(t.Context(), Attributes{MIKEY: e.response}); !errors.Is(err, ErrAbandoned) {
		t.Errorf("after Abandon: %v", err)
	}
}

// TestInitiateRefuses holds what an initiator's own policy and means do not allow.
func TestInitiateRefuses(t *testing.T) {
	cases := []struct {
		name   string
		method Method
		bundle func(*Bundle)
		call   func(*Call)
		reason Reason
	}{
		{"no such method", "mikey-sakke", nil, nil, ReasonMethodRefused},
		{"method not in policy", MIKEYPSK, nil, func(c *Call) { c.Policy.Methods = []Method{MIKEYDH} }, ReasonMethodRefused},
		{"forward secrecy required", MIKEYPSK, nil, func(c *Call) { c.Policy.ForwardSecrecy = ForwardSecrecyRequired }, ReasonForwardSecrecy},
		{"suite not in policy", MIKEYPSK, nil, func(c *Call) {
			c.Suite, c.Policy.Suites = AEADAES128GCM, []Suite{AEADAES256GCM}
		}, ReasonNoCommonSuite},
		{"unknown suite", MIKEYPSK, nil, func(c *Call) { c.Policy.Suites = []Suite{"ROT13"} }, ReasonNoCommonSuite},
		{"no suites", MIKEYPSK, nil, func(c *Call) { c.Policy.Suites = nil }, ReasonNoCommonSuite},
		{"group not in policy", MIKEYDH, nil, func(c *Call) {
			c.Group, c.Policy.Groups = MODP1536, []Group{MODP2048}
		}, ReasonNoCommonGroup},
		{"unknown group", MIKEYDH, nil, func(c *Call) { c.Policy.Groups = []Group{"modp1"} }, ReasonNoCommonGroup},
		{"no PSK", MIKEYPSK, func(b *Bundle) { b.PSK = Secret{} }, nil, ReasonNoCredential},
		{"PSK of another domain", MIKEYPSK, nil, func(c *Call) { c.Peer = "sip:blue@elsewhere.example" }, ReasonNoCredential},
		{"no certificate", MIKEYDH, func(b *Bundle) { b.CertPEM = "" }, nil, ReasonNoCredential},
		{"no PSK, DHHMAC", MIKEYDHHMAC, func(b *Bundle) { b.PSK = Secret{} }, nil, ReasonNoCredential},
		{"no certificate, PKE", MIKEYPKE, func(b *Bundle) { b.CertPEM = "" }, nil, ReasonNoCredential},
		{"no certificate, RSA-R", MIKEYRSAR, func(b *Bundle) { b.CertPEM = "" }, nil, ReasonNoCredential},
		{"ECDSA certificate, RSA-R", MIKEYRSAR, nil, nil, ReasonNoCredential},
		{"no certificate of the server, PKE", MIKEYPKE, func(b *Bundle) { b.ServerCertPEM = "" }, nil, ReasonNoCredential},
		{"foreign certificate of the server, PKE", MIKEYPKE, func(b *Bundle) { b.CAPEM = string(foreignCA()) }, nil, ReasonBadCertificate},
		{"an account's certificate as the server's, PKE", MIKEYPKE, func(b *Bundle) { b.ServerCertPEM = b.CertPEM }, nil,
			ReasonBadCertificate},
		{"another domain's room, PKE", MIKEYPKE, nil, func(c *Call) { c.Peer = "sip:blue@elsewhere.example" }, ReasonBadCertificate},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			b, call := w.bundle(alice, CertECDSA), dialled(alice)
			if c.bundle != nil {
				c.bundle(b)
			}
			if c.call != nil {
				c.call(&call)
			}
			_, err := w.callerWith(b).Initiate(t.Context(), c.method, call)
			wantRefusal(t, err, c.reason)
		})
	}
}

// foreignCA is an authority that did not issue the server's certificates.
func foreignCA() []byte {
	p, err := issued()
	if err != nil {
		return nil
	}
	return p.foreign.CertPEM()
}

func TestIncompleteCalls(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	for _, change := range []func(*Call){
		func(c *Call) { c.Policy = nil }, func(c *Call) { c.Local = "" }, func(c *Call) { c.Peer = "" },
	} {
		c := dialled(alice)
		change(&c)
		if _, err := k.Initiate(t.Context(), MIKEYPSK, c); !errors.Is(err, ErrCall) {
			t.Errorf("Initiate: %v", err)
		}
	}
	if _, err := w.server.Verify(Attributes{MIKEY: nil}, Call{Local: room}); !errors.Is(err, ErrCall) {
		t.Errorf("Verify: %v", err)
	}
	if _, err := New(Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("New: %v", err)
	}
}

// TestCancelled holds that a call that ended does not wait for the pool.
func TestCancelled(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	k.pool = NewPool(PoolConfig{Workers: 1})
	k.pool.workers <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Initiate(ctx, MIKEYDH, dialled(alice))
	wantRefusal(t, err, ReasonCancelled)
	if k.pool.Waiting() != 0 {
		t.Error("the place was not given back")
	}
}

// TestNoRandomness holds that we refuse rather than go on without it.
func TestNoRandomness(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	k.rand = failing{}
	for _, m := range ofMIKEY() {
		if _, err := k.Initiate(t.Context(), m, dialled(alice)); err == nil {
			t.Errorf("%s went on", m)
		}
	}
	if _, err := NewGuard(GuardConfig{Rand: failing{}}); err == nil {
		t.Error("guard without a key")
	}
	message, c := plainOffer(alice, MIKEYDH)(w)
	w.server.rand = failing{}
	if _, _, err := w.server.Respond(t.Context(), w.verified(message, c), c); err == nil {
		t.Error("answered")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

// TestCompleteGuards holds that an initiator refuses keys that were in use before, and accounts that are gone.
func TestCompleteGuards(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	i := w.offer(k, MIKEYPSK, dialled(alice))
	theirs, response := w.response(i)
	if err := k.guard.admit(&Keys{Send: theirs.Keys.Receive, Receive: theirs.Keys.Send}); err != nil {
		t.Fatal(err)
	}
	_, err := i.Complete(t.Context(), response)
	wantRefusal(t, err, ReasonKeyReuse)
}

func TestCompleteOfAccountThatIsGone(t *testing.T) {
	w := newWorld(t)
	k := w.caller(alice, CertECDSA)
	i := w.offer(w.server, MIKEYDH, Call{Local: room, Peer: alice, SDPIDs: "mikey", Policy: everything(), Cert: CertECDSA})
	to := Call{Local: alice, Peer: room, SDPIDs: "mikey", Policy: everything()}
	v, err := k.Verify(Attributes{MIKEY: i.Attributes().MIKEY}, to)
	if err != nil {
		t.Fatal(err)
	}
	_, response, err := k.Respond(t.Context(), v, to)
	if err != nil {
		t.Fatal(err)
	}
	done := w.pool.Done()
	delete(w.dir.known, alice)
	_, err = i.Complete(t.Context(), response)
	wantRefusal(t, err, ReasonUnknownIdentity)
	if w.pool.Done() != done {
		t.Error("it cost Diffie-Hellman")
	}
}
