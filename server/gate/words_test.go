package gate

import (
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// TestWords: who has proven himself is told in words what was missing; a stranger gets the 401 that everybody gets.
func TestWords(t *testing.T) {
	only := func(change func(*keying.Policy)) func(string, Who) *keying.Policy {
		return func(string, Who) *keying.Policy {
			p := houseRules("standup", Who{})
			change(p)
			return p
		}
	}
	gcm := func(p *keying.Policy) { p.Suites = []keying.Suite{keying.AEADAES256GCM} }
	tests := []struct {
		name, kind, transport string
		policy                func(string, Who) *keying.Policy
		reason, words         string
		body                  bool // a MIKEY error message
	}{
		{"SDES in the clear", kindSDES, "udp", houseRules, "keying_insecure_signalling", "sdes needs TLS", false},
		{"SDES in the clear over TCP", kindSDES, "tcp", houseRules, "keying_insecure_signalling", "sdes needs TLS", false},
		{"SDES where it is not allowed", kindSDES, "tls", only(func(p *keying.Policy) { p.Methods = p.Methods[:2] }),
			"keying_method_refused", "this keying method is not allowed here; allowed: mikey-dh, mikey-psk", false},
		{"DTLS where it is not allowed", kindDTLS, "udp", only(func(p *keying.Policy) { p.Methods = p.Methods[:1] }),
			"keying_method_refused", "mikey-dh", false},
		{"SDES without a suite in common", kindSDES, "tls", only(gcm), "keying_no_common_suite", "no SRTP suite in common; allowed: AEAD_AES_256_GCM", false},
		{"SDES, forward secrecy", kindSDES, "tls", only(func(p *keying.Policy) { p.ForwardSecrecy = keying.ForwardSecrecyRequired }),
			"keying_forward_secrecy", "forward secrecy is required here; allowed: mikey-dh, dtls-srtp", false},
		{"PSK, forward secrecy", kindPSK, "udp", only(func(p *keying.Policy) { p.ForwardSecrecy = keying.ForwardSecrecyRequired }),
			"mikey_forward_secrecy", "forward secrecy is required here; allowed: mikey-dh, dtls-srtp", true},
		{"PSK where it is not allowed", kindPSK, "udp", only(func(p *keying.Policy) { p.Methods = p.Methods[:1] }),
			"mikey_method_refused", "mikey-dh", true},
		{"MIKEY without a suite in common", kindPSK, "udp", only(func(p *keying.Policy) { p.Suites = []keying.Suite{keying.AESCM256SHA1x80} }),
			"mikey_no_common_suite", "AES_256_CM_HMAC_SHA1_80", true},
		{"a group that is too weak", kindDH, "udp", only(func(p *keying.Policy) { p.MinDHBits = 128 }),
			"mikey_no_common_group", "this Diffie-Hellman group is not allowed here; allowed: modp3072, p256", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorldOf(t, Config{Policy: tt.policy, Known: knownAccount})
			r := calling("alice", phone, tt.transport, w.offering(tt.kind, "alice"))
			_, refusal := w.gate.Admit(r)
			if refusal == nil || refusal.Status != 401 || refusal.Warning != "" {
				t.Fatalf("a stranger gets %v", refusal)
			}
			w.authorize(&r, "alice", password)
			_, refusal = w.gate.Admit(r)
			if refusal == nil || refusal.Status != 488 || refusal.Reason != tt.reason {
				t.Fatalf("%v; want 488 %s", refusal, tt.reason)
			}
			if !strings.HasPrefix(refusal.Warning, "306 "+domain+` "`) || !strings.Contains(refusal.Warning, tt.words) {
				t.Errorf("Warning %s; want %q in it", refusal.Warning, tt.words)
			}
			if !tt.body {
				if refusal.Body != nil || refusal.ContentType != "" {
					t.Errorf("body\n%s", refusal.Body)
				}
				return
			}
			if d, err := offer.Parse(refusal.Body); err != nil || len(d.KeyMgmt) != 1 || d.Media[0].Port != 0 {
				t.Errorf("body: %v\n%s", err, refusal.Body)
			}
		})
	}
}

// TestAccountsPolicy: an account's own policy holds whichever way the account is proven.
func TestAccountsPolicy(t *testing.T) {
	w := newHouse(t)
	for _, tt := range []struct {
		user, kind string
		digest     bool
		status     int
	}{
		{"alice", kindPSK, false, 0},
		{"alice", kindPSK, true, 0},
		{"bob", kindDH, false, 0},
		{"bob", kindDH, true, 0},
		{"bob", kindPSK, false, 488}, // proven by the message itself, and told what lacks
		{"bob", kindPSK, true, 488},
	} {
		r := calling(tt.user, phone, "udp", w.offering(tt.kind, tt.user))
		if tt.digest {
			w.authorize(&r, tt.user, password)
		}
		a, refusal := w.gate.Admit(r)
		switch {
		case tt.status == 0 && refusal != nil, tt.status != 0 && (refusal == nil || a != nil || refusal.Status != tt.status):
			t.Errorf("%s by %s, digest %v: %v; want %d", tt.user, tt.kind, tt.digest, refusal, tt.status)
		case refusal != nil && (refusal.Reason != "mikey_forward_secrecy" || !strings.Contains(refusal.Warning, "forward secrecy is required")):
			t.Errorf("%v %s", refusal, refusal.Warning)
		}
		if a != nil {
			a.Verified.Abandon()
		}
	}
	if w.pool.Done() != 0 {
		t.Error("Diffie-Hellman in the gate")
	}
}
