package keying

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// paths are two sockets on this host.
func paths(tb testing.TB) (a, b net.PacketConn) {
	tb.Helper()
	open := func() net.PacketConn {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = c.Close() })
		return c
	}
	return open(), open()
}

func addressOf(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// shakes runs both halves of a handshake.
func shakes(tb testing.TB, ours, theirs *Agreement, wait time.Duration) (a, b *Agreement, aErr, bErr error) {
	tb.Helper()
	here, there := paths(tb)
	ctx, cancel := context.WithTimeout(tb.Context(), wait)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, bErr = theirs.Handshake.Run(ctx, there, addressOf(here))
	}()
	a, aErr = ours.Handshake.Run(ctx, here, addressOf(there))
	if aErr != nil {
		cancel()
	}
	<-done
	tb.Cleanup(func() { _, _ = ours.Handshake.Close(), theirs.Handshake.Close() })
	return a, b, aErr, bErr
}

// TestDTLS: whoever offers, the offerer begins, keys are each other's, and the certificate of an account is known for one.
func TestDTLS(t *testing.T) {
	for _, kind := range []string{CertECDSA, CertRSA} { // with RSA alone a certificate is made that says nothing
		for _, fromServer := range []bool{false, true} {
			t.Run(kind, func(t *testing.T) {
				w := newWorld(t)
				caller, server := w.ends(kind)
				from, to := caller, server
				if fromServer {
					from, to = server, caller
				}
				ours, theirs := from.exchanges(DTLSSRTP, to)
				if ours.Keys.Suite != "" || ours.Posture.Suite != "" || ours.Refreshed() || ours.Posture.ForwardSecrecy {
					t.Errorf("before the handshake %+v", ours.Posture)
				}
				if ours.Running.state().(*dtlsState).own.Setup != setupActive || theirs.Running.state().(*dtlsState).own.Setup != setupPassive {
					t.Error("who begins")
				}
				a, b, err1, err2 := shakes(t, ours, theirs, 10*time.Second)
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				wantOpposite(t, &a.Keys, &b.Keys)
				if a.Keys.Suite != AEADAES256GCM || a.Posture.Suite != AEADAES256GCM || !a.Posture.ForwardSecrecy || a.Keys.Send.SSRC != from.call.SSRC || a.Handshake != nil {
					t.Errorf("%+v", a.Posture)
				}
				if fromServer {
					a, b = b, a
				}
				wantIdentity(t, a, b, kind)
			})
		}
	}
}

// wantIdentity looks at what each side knows of the other's certificate.
func wantIdentity(t *testing.T, caller, server *Agreement, kind string) {
	t.Helper()
	if len(caller.Posture.PeerFingerprint) != 64 || caller.Posture.PeerIdentity != room {
		t.Errorf("the caller knows %q, %q", caller.Posture.PeerIdentity, caller.Posture.PeerFingerprint)
	}
	want := alice
	if kind == CertRSA {
		want = ""
	}
	if server.Posture.PeerIdentity != want {
		t.Errorf("the server knows %q, want %q", server.Posture.PeerIdentity, want)
	}
}

// TestDTLSIdentity: a certificate that is another's, was replaced, or of an account that is gone proves nobody.
func TestDTLSIdentity(t *testing.T) {
	w := newWorld(t)
	der := w.papers.accounts[alice+CertECDSA].Leaf.Raw
	if got := w.server.holder(der, alice); got != alice {
		t.Errorf("%q", got)
	}
	for name, got := range map[string]string{
		"another's": w.server.holder(der, bob), "nobody's": w.server.holder(der, ""), "foreign": w.server.holder(w.papers.foreignAlice.Leaf.Raw, alice),
	} {
		if got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	w.server.issued = func(string, string) bool { return false }
	if got := w.server.holder(der, alice); got != "" {
		t.Errorf("replaced: %q", got)
	}
	w.server.issued = nil
	delete(w.dir.known, alice)
	if got := w.server.holder(der, alice); got != "" {
		t.Errorf("gone: %q", got)
	}
}

// TestDTLSFingerprint: a peer with another certificate than its description promised gets nowhere.
func TestDTLSFingerprint(t *testing.T) {
	for _, whose := range []string{"the answerer's", "the offerer's"} {
		t.Run(whose, func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(CertECDSA)
			ours, theirs := caller.exchanges(DTLSSRTP, server)
			wrong := ours
			if whose == "the offerer's" {
				wrong = theirs
			}
			wrong.Handshake.state.theirs.Fingerprints[0].Value[0] ^= 1
			a, b, err1, err2 := shakes(t, ours, theirs, 700*time.Millisecond)
			err := err1
			if wrong == theirs {
				a, err = b, err2
			}
			if e := wantRefusal(t, err, ReasonHandshake); a != nil || !errors.Is(e, ErrHandshake) || w.guard.Len() != 0 && wrong == theirs {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDTLSRefused is what is refused of descriptions.
func TestDTLSRefused(t *testing.T) {
	sum := sha256.Sum256(nil)
	good := func() *DTLS { return &DTLS{Fingerprints: []Fingerprint{{"sha-256", sum[:]}}, Setup: setupActPass} }
	for _, c := range []struct {
		name   string
		change func(*DTLS, *Call)
		reason Reason
	}{
		{"no fingerprint", func(d *DTLS, _ *Call) { d.Fingerprints = nil }, ReasonWeakProtection},
		{"SHA-1", func(d *DTLS, _ *Call) { d.Fingerprints[0] = Fingerprint{"sha-1", sum[:20]} }, ReasonWeakProtection},
		{"MD5", func(d *DTLS, _ *Call) { d.Fingerprints[0] = Fingerprint{"md5", sum[:16]} }, ReasonWeakProtection},
		{"too short", func(d *DTLS, _ *Call) { d.Fingerprints[0].Value = sum[:31] }, ReasonWeakProtection},
		{"holdconn", func(d *DTLS, _ *Call) { d.Setup = "holdconn" }, ReasonMalformed},
		{"not in policy", func(_ *DTLS, c *Call) { c.Policy.Methods = []Method{MIKEYDH} }, ReasonMethodRefused},
		{"no suite", func(_ *DTLS, c *Call) { c.Policy.Suites = []Suite{AESCM256SHA1x80} }, ReasonNoCommonSuite},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, server := w.ends(CertECDSA)
			d := good()
			c.change(d, &server.call)
			_, err := server.k.Verify(Attributes{DTLS: d}, server.call)
			wantRefusal(t, err, c.reason)
		})
	}
	w := newWorld(t)
	caller, _ := w.ends(CertECDSA)
	i := caller.offers(DTLSSRTP)
	for name, a := range map[string]Attributes{
		"none": {}, "actpass": {DTLS: good()}, "lines": lines("1 x y"),
	} {
		if _, err := i.Complete(t.Context(), a); err == nil {
			t.Errorf("%s is an answer", name)
		}
	}
	weak := good()
	weak.Setup, weak.Fingerprints[0] = setupActive, Fingerprint{"sha-1", sum[:20]}
	_, err := i.Complete(t.Context(), Attributes{DTLS: weak})
	wantRefusal(t, err, ReasonWeakProtection)
}

// TestDTLSRunning: the same certificate and identifier are the same association, a new identifier is a new one.
func TestDTLSRunning(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	ours, theirs := caller.exchanges(DTLSSRTP, server)
	caller.takes(ours)
	server.takes(theirs)
	again := ours.Running.Repeat()
	if again.DTLS.Setup != setupActPass || !theirs.Running.Same(again) || theirs.Running.Reply(again).DTLS.Setup != setupPassive {
		t.Error("the running association is not known again")
	}
	if !ours.Running.CanUpdate() || !theirs.Running.CanUpdate() {
		t.Error("cannot be renewed though both name associations")
	}
	if renewed := caller.offers(DTLSSRTP).Attributes(); theirs.Running.Same(renewed) || renewed.DTLS.TLSID == again.DTLS.TLSID {
		t.Error("a new association is the running one")
	}
	sum := sha512.Sum512(nil)
	for name, change := range map[string]func(*DTLS){
		"certificate":  func(d *DTLS) { d.Fingerprints = []Fingerprint{{"sha-512", sum[:]}} },
		"one more":     func(d *DTLS) { d.Fingerprints = append(slices.Clone(d.Fingerprints), Fingerprint{"sha-512", sum[:]}) },
		"identifier":   func(d *DTLS) { d.TLSID += "x" },
		"fingerprints": func(d *DTLS) { d.Fingerprints = nil },
	} {
		d := *again.DTLS
		change(&d)
		if a := (Attributes{DTLS: &d}); theirs.Running.Same(a) || !theirs.Running.Reply(a).Empty() {
			t.Errorf("another %s is the same", name)
		}
	}
	// A browser names no association: we answer none, and cannot renew.
	d := *again.DTLS
	d.TLSID, d.Setup = "", setupPassive
	v, err := server.k.Verify(Attributes{DTLS: &d}, server.call)
	if err != nil {
		t.Fatal(err)
	}
	a, response, err := server.k.Respond(t.Context(), v, server.call)
	if err != nil || response.DTLS.TLSID != "" || response.DTLS.Setup != setupActive || a.Running.CanUpdate() {
		t.Errorf("%+v, %v", response.DTLS, err)
	}
	if _, err := server.k.Initiate(t.Context(), DTLSSRTP, Call{Local: room, Peer: alice, Policy: everything(), Running: a.Running, Refresh: true}); !errors.Is(err, ErrCall) {
		t.Errorf("a refresh of DTLS: %v", err)
	}
}

// TestDTLSRenewedInTheClear: where the signalling is in the clear, nobody but who runs now answers our offer of a new association;
// over TLS he may have another certificate by then.
func TestDTLSRenewedInTheClear(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	ours, theirs := caller.exchanges(DTLSSRTP, server)
	caller.takes(ours)
	server.takes(theirs)
	renewed := theirs.Running.Reply(ours.Running.Repeat())
	renewed.DTLS.TLSID = "another"
	stranger := Fingerprint{"sha-512", make([]byte, sha512.Size)}
	for name, c := range map[string]struct {
		secured bool
		change  func([]Fingerprint) []Fingerprint
		reason  Reason
	}{
		"the running certificate":             {false, func(f []Fingerprint) []Fingerprint { return f }, ""},
		"another":                             {false, func([]Fingerprint) []Fingerprint { return []Fingerprint{stranger} }, ReasonBadCertificate},
		"another beside the running":          {false, func(f []Fingerprint) []Fingerprint { return append(f, stranger) }, ReasonBadCertificate},
		"another, over TLS":                   {true, func([]Fingerprint) []Fingerprint { return []Fingerprint{stranger} }, ""},
		"the running beside one nobody takes": {false, func(f []Fingerprint) []Fingerprint { return append(f, Fingerprint{"sha-1", make([]byte, 20)}) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			caller.call.Secured = c.secured
			d := *renewed.DTLS
			d.Fingerprints = c.change(slices.Clone(d.Fingerprints))
			a, err := caller.offers(DTLSSRTP).Complete(t.Context(), Attributes{DTLS: &d})
			if c.reason != "" {
				wantRefusal(t, err, c.reason)
			} else if err != nil || a.Handshake == nil {
				t.Error(err)
			}
		})
	}
}

// TestHandshakeEnds: it runs once, Close ends it at any time, and its failure is told apart.
func TestHandshakeEnds(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	ours, theirs := caller.exchanges(DTLSSRTP, server)
	here, there := paths(t)
	failed := make(chan error)
	go func() {
		_, err := ours.Handshake.Run(context.Background(), here, addressOf(there))
		failed <- err
	}()
	for begun := false; !begun; {
		ours.Handshake.mu.Lock()
		begun = ours.Handshake.begun
		ours.Handshake.mu.Unlock()
	}
	_, err := ours.Handshake.Run(t.Context(), here, addressOf(there))
	wantRefusal(t, err, ReasonHandshake)
	if err := ours.Handshake.Close(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, <-failed, ReasonCancelled)
	if err := theirs.Handshake.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = theirs.Handshake.Run(t.Context(), there, addressOf(here))
	wantRefusal(t, err, ReasonHandshake)
	var none *Handshake
	if err := none.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHandshakeGuarded: keys out of a handshake that were in use before are refused as any others.
func TestHandshakeGuarded(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	ours, theirs := caller.exchanges(DTLSSRTP, server)
	server.k.guard.bound = 1
	_, b, _, err := shakes(t, ours, theirs, 10*time.Second)
	if e := wantRefusal(t, err, ReasonReplayCacheFull); b != nil || !errors.Is(e, ErrFull) {
		t.Errorf("%v", err)
	}
}
