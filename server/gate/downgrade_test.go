package gate

import (
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// TestKeysOfADialog: keys that prove nobody replace what runs only where more than the source address of a packet speaks for them.
// Whoever reads a phone's signalling can write datagrams in its name, and would have the leg with keys of his own.
func TestKeysOfADialog(t *testing.T) {
	other := handshake()
	other.Fingerprints[0].Value[0] ^= 1
	mikey := func(w *world) *keying.Running { _, running := w.agreed(); return running }
	dtls := func(w *world) *keying.Running { return w.runningOf(keying.Attributes{DTLS: handshake()}) }
	fresh := keying.Attributes{DTLS: other}
	tests := []struct {
		name      string
		runs      func(*world) *keying.Running
		brings    keying.Attributes
		transport string
		room      string
		digest    string
		status    int
		reason    string
	}{
		{name: "DTLS in place of MIKEY, by address", runs: mikey, brings: fresh, transport: "udp", status: 401, reason: ReasonNoProof},
		{name: "DTLS in place of MIKEY, by address, over TCP", runs: mikey, brings: fresh, transport: "tcp", status: 401, reason: ReasonNoProof},
		{name: "DTLS in place of MIKEY, by digest", runs: mikey, brings: fresh, transport: "udp", digest: "alice"},
		{name: "DTLS in place of MIKEY, by another's digest", runs: mikey, brings: fresh, transport: "udp", digest: "bob", status: 403, reason: ReasonWrongIdentity},
		{name: "DTLS in place of MIKEY, by the connection", runs: mikey, brings: fresh, transport: "tls"},
		{name: "another certificate, by address", runs: dtls, brings: fresh, transport: "udp", status: 401, reason: ReasonNoProof},
		{name: "another certificate, by digest", runs: dtls, brings: fresh, transport: "udp", digest: "alice"},
		{name: "SDES in place of MIKEY, by the connection", runs: mikey, brings: keying.Attributes{Crypto: []keying.Crypto{crypto(9)}}, transport: "tls"},
		{name: "SDES where MIKEY must prove, by the connection", runs: mikey, brings: keying.Attributes{Crypto: []keying.Crypto{crypto(9)}},
			transport: "tls", room: "keyed", status: 403, reason: ReasonPolicy},
		{name: "DTLS where MIKEY must prove, by digest", runs: mikey, brings: fresh, transport: "udp", room: "keyed", digest: "alice", status: 403, reason: ReasonPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newHouse(t)
			s, err := offer.NewSession(strings.NewReader("12345678"))
			if err != nil {
				t.Fatal(err)
			}
			r := within("INVITE", phone)
			r.Transport, r.DialogTransport, r.ContentType, r.Running = tt.transport, tt.transport, offer.ContentType, tt.runs(w)
			r.DialogRoom, r.Body = or(tt.room, "standup"), w.describe(s, tt.brings)
			if tt.digest != "" {
				w.authorize(&r, tt.digest, password)
			}
			a, refusal := w.gate.Admit(r)
			if tt.status != 0 {
				if refusal == nil || refusal.Status != tt.status || refusal.Reason != tt.reason {
					t.Fatalf("%+v %v; want %d %s", a, refusal, tt.status, tt.reason)
				}
				return
			}
			if refusal != nil || a.Verified == nil || a.Account != "alice" {
				t.Fatalf("%+v %v", a, refusal)
			}
			a.Verified.Abandon()
		})
	}
}

// TestKeysStayEncrypted: what answers an offer in a call of SDES shows our key, so that none is taken where it would travel in the
// clear, whoever proves to be the caller.
func TestKeysStayEncrypted(t *testing.T) {
	for _, tt := range []struct {
		name, method, transport string
		body                    bool
		status                  int
	}{
		{"a late offer", "INVITE", "udp", false, 488},
		{"the running key again", "INVITE", "udp", true, 488},
		{"the running key in an UPDATE", "UPDATE", "tcp", true, 488},
		{"an UPDATE of the target alone", "UPDATE", "udp", false, 0},
		{"a farewell", "BYE", "udp", false, 0},
		{"a late offer over TLS", "INVITE", "tls", false, 0},
		{"the running key again over TLS", "INVITE", "tls", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newHouse(t)
			keys := keying.Attributes{Crypto: []keying.Crypto{crypto(1)}}
			r := within(tt.method, phone)
			r.Transport, r.DialogTransport, r.Running = tt.transport, "tls", w.runningOf(keys)
			if tt.body {
				s, err := offer.NewSession(strings.NewReader("12345678"))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentType, r.Body = offer.ContentType, w.describe(s, keys)
			}
			if _, refusal := w.gate.Admit(r); tt.transport != "tls" && (refusal == nil || refusal.Status != 401) {
				t.Errorf("a stranger gets %v", refusal)
			}
			w.authorize(&r, "alice", password)
			_, refusal := w.gate.Admit(r)
			switch {
			case tt.status == 0 && refusal != nil:
				t.Error(refusal)
			case tt.status != 0 && (refusal == nil || refusal.Status != tt.status || refusal.Reason != "keying_insecure_signalling"):
				t.Errorf("%v, want %d", refusal, tt.status)
			case tt.status != 0 && !strings.Contains(refusal.Warning, "sdes needs TLS"):
				t.Error(refusal.Warning)
			}
		})
	}
}

// TestDigestBesideMIKEY: an account whose policy takes digest alone is asked for one, although its message has proven it; the
// same message serves with the digest.
func TestDigestBesideMIKEY(t *testing.T) {
	w := newWorldOf(t, Config{Known: knownAccount, Policy: func(room string, who Who) *keying.Policy {
		p := houseRules(room, who)
		if who.Account == "alice" {
			p.Authentication = []string{keying.AuthenticationDigest}
		}
		return p
	}})
	r := calling("alice", phone, "udp", w.offering(kindPSK, "alice"))
	if a, refusal := w.gate.Admit(r); refusal == nil || refusal.Status != 401 || refusal.Reason != ReasonNoProof {
		t.Fatalf("%+v %v; want 401", a, refusal)
	}
	w.authorize(&r, "alice", password)
	a, refusal := w.gate.Admit(r)
	if refusal != nil || a.Proof != ProofDigest {
		t.Fatalf("with digest: %+v %v", a, refusal)
	}
	a.Verified.Abandon()
}
