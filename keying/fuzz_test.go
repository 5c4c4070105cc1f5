package keying

import (
	"crypto/rand"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// FuzzVerify gives arbitrary octets to a server as an offer: nothing but the offers made here may pass, nothing costs
// Diffie-Hellman or changes state, and every error message that comes out is one.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	c := answered()
	// Each fuzzing process has a key of its own, so that only its own offers pass.
	b := w.bundle(alice, CertECDSA)
	b.PSK = NewSecret([]byte(rand.Text()))
	w.dir.psks[alice] = b.PSK
	k := w.callerWith(b)
	passes := map[string]bool{}
	for _, m := range []Method{MIKEYPSK, MIKEYDH} {
		message := w.offer(k, m, dialled(alice)).Attributes().MIKEY
		passes[string(message)] = true
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		v, err := w.server.Verify(Attributes{MIKEY: message}, c)
		if err == nil {
			v.Abandon()
			if !passes[string(message)] {
				t.Error("a forged offer passed")
			}
			return
		}
		e, ok := err.(*Error)
		if !ok || !e.BeforeAuth {
			t.Fatalf("%v", err)
		}
		if e.Message != nil {
			if m, err := mikey.Parse(e.Message); err != nil || m.Type() != mikey.TypeError {
				t.Errorf("error message: %v", err)
			}
		}
		if w.pool.Done() != 0 || w.replay.Len() != 0 || w.guard.Len() != 0 {
			t.Error("it cost Diffie-Hellman or changed state")
		}
	})
}

// FuzzComplete gives arbitrary octets to a caller as an answer.
func FuzzComplete(f *testing.F) {
	w := newWorld(f)
	exchanges := []exchange{w.exchange(MIKEYPSK), w.exchange(MIKEYDH)}
	for _, e := range exchanges {
		f.Add(e.response[:len(e.response)-1])
		f.Add(e.i.Attributes().MIKEY)
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		for _, e := range exchanges {
			if _, err := e.i.Complete(t.Context(), Attributes{MIKEY: response}); err == nil && string(response) != string(e.response) {
				t.Error("a forged answer passed")
			}
		}
	})
}

// FuzzBundle gives arbitrary octets to the reader of bundles.
func FuzzBundle(f *testing.F) {
	text, err := newWorld(f).bundle(alice, CertECDSA).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"uri":"sip:a@b","psk":"AAAA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := new(Bundle)
		if b.UnmarshalJSON(text) != nil {
			return
		}
		if _, err := b.MarshalJSON(); err != nil {
			t.Error(err)
		}
		if k, err := NewBundleKeyer(b, BundleConfig{}); err == nil && k == nil {
			t.Error("no keyer")
		}
	})
}
