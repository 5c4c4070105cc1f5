package keying

import (
	"crypto/rand"
	"testing"
)

// FuzzRunning gives arbitrary key management to a server in running dialogs of every kind: no forged update passes, nothing but what
// runs is the same, and nothing changes.
func FuzzRunning(f *testing.F) {
	w := newWorld(f)
	// Each fuzzing process has a key of its own, so that only its own updates pass.
	b := w.bundle(alice, CertRSA)
	b.PSK = NewSecret([]byte(rand.Text()))
	w.dir.psks[alice] = b.PSK
	var servers []*end
	passes := map[string]bool{}
	for _, m := range []Method{MIKEYPSK, MIKEYDH, MIKEYPKE, SDES, DTLSSRTP} {
		caller, server := w.ends(CertRSA)
		caller.k = w.callerWith(b)
		caller.settles(m, server)
		servers = append(servers, server)
		for _, a := range []Attributes{caller.offers(m).Attributes(), caller.last.Running.Repeat()} {
			passes[string(a.MIKEY)] = true
			var line, id string
			value := []byte{}
			if len(a.Crypto) > 0 {
				line = a.Crypto[0].Line()
			}
			if a.DTLS != nil {
				value, id = a.DTLS.Fingerprints[0].Value, a.DTLS.TLSID
			}
			f.Add(a.MIKEY, line, "sha-256", value, setupActPass, id)
		}
	}
	done, remembered, keys := w.pool.Done(), w.replay.Len(), w.guard.Len()
	f.Fuzz(func(t *testing.T, message []byte, line, hash string, value []byte, setup, id string) {
		all := Attributes{MIKEY: message, Crypto: lines(line).Crypto, DTLS: &DTLS{Fingerprints: []Fingerprint{{hash, value}}, Setup: setup, TLSID: id}}
		for _, server := range servers {
			for _, a := range []Attributes{all, {MIKEY: all.MIKEY}, {Crypto: all.Crypto}, {DTLS: all.DTLS}} {
				same := server.last.Running.Same(a)
				if reply := server.last.Running.Reply(a); !same && !reply.Empty() {
					t.Error("a reply to what does not run")
				}
				v, err := server.k.Verify(a, server.call)
				if err != nil {
					if _, ours := err.(*Error); !ours {
						t.Errorf("%v", err)
					}
					continue
				}
				if v.Authenticates() && !passes[string(message)] {
					t.Error("a forged update passed")
				}
				v.Abandon()
			}
		}
		if w.pool.Done() != done || w.replay.Len() != remembered || w.guard.Len() != keys {
			t.Error("it cost an operation or changed state")
		}
	})
}
