package gate

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// runningOf is what runs of a call that the server answered by SDES or DTLS, as alice offered it.
func (w *world) runningOf(keys keying.Attributes) *keying.Running {
	w.t.Helper()
	c := keying.Call{
		Local: "sip:standup@" + domain, Peer: "sip:alice@" + domain, SSRC: 8, Policy: houseRules("standup", Who{}), Secured: true,
	}
	return w.running(keys, c)
}

// TestReofferOfOtherKinds: SDES and DTLS repeat what runs, and prove nobody.
func TestReofferOfOtherKinds(t *testing.T) {
	sdes := func(salt byte) keying.Attributes { return keying.Attributes{Crypto: []keying.Crypto{crypto(salt)}} }
	other := handshake()
	other.Fingerprints[0].Value[0] ^= 1
	tests := []struct {
		name            string
		runs, brings    keying.Attributes
		source          netip.AddrPort
		transport       string
		digest          bool
		status          int
		reason          string
		verified, bared bool // bared: no attribute of the kind stands in the offer
	}{
		{name: "SDES again", runs: sdes(1), brings: sdes(1), source: phone, transport: "tls"},
		{name: "SDES again, a stranger", runs: sdes(1), brings: sdes(1), source: stranger, transport: "tls", status: 401, reason: ReasonNoProof},
		{name: "SDES again, moved with digest", runs: sdes(1), brings: sdes(1), source: moved, transport: "tls", digest: true},
		{name: "SDES anew", runs: sdes(1), brings: sdes(2), source: phone, transport: "tls", verified: true},
		{name: "SDES anew, a stranger", runs: sdes(1), brings: sdes(2), source: stranger, transport: "tls", status: 401, reason: ReasonNoProof},
		{name: "SDES anew in the clear", runs: sdes(1), brings: sdes(2), source: phone, transport: "udp", status: 488, reason: "keying_insecure_signalling"},
		{name: "SDES said nothing of", runs: sdes(1), brings: sdes(1), bared: true, source: phone, transport: "tls", status: 488, reason: ReasonNoKeyMgmt},
		{name: "SDES said nothing of, a stranger", runs: sdes(1), brings: sdes(1), bared: true, source: stranger, transport: "tls", status: 401, reason: ReasonNoProof},
		{name: "DTLS again", runs: keying.Attributes{DTLS: handshake()}, brings: keying.Attributes{DTLS: handshake()}, source: phone, transport: "udp"},
		{name: "DTLS again, a stranger", runs: keying.Attributes{DTLS: handshake()}, brings: keying.Attributes{DTLS: handshake()}, source: stranger, transport: "udp", status: 401, reason: ReasonNoProof},
		{name: "DTLS without a fingerprint", runs: keying.Attributes{DTLS: handshake()}, brings: keying.Attributes{DTLS: handshake()}, bared: true, source: phone, transport: "udp", status: 488, reason: ReasonNoKeyMgmt},
		{name: "another certificate, a stranger", runs: keying.Attributes{DTLS: handshake()}, brings: keying.Attributes{DTLS: other}, source: stranger, transport: "udp", status: 401, reason: ReasonNoProof},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newHouse(t)
			s, err := offer.NewSession(strings.NewReader("12345678"))
			if err != nil {
				t.Fatal(err)
			}
			r := within("INVITE", tt.source)
			r.Transport, r.DialogTransport, r.ContentType, r.Running = tt.transport, tt.transport, offer.ContentType, w.runningOf(tt.runs)
			r.Body = w.describe(s, tt.brings)
			if tt.bared {
				r.Body = []byte(strings.NewReplacer("a=crypto", "a=x", "a=fingerprint", "a=x").Replace(string(r.Body)))
			}
			if tt.digest {
				w.authorize(&r, "alice", password)
			}
			a, refusal := w.gate.Admit(r)
			if tt.status != 0 {
				if refusal == nil || refusal.Status != tt.status || refusal.Reason != tt.reason {
					t.Fatalf("%+v %v; want %d %s", a, refusal, tt.status, tt.reason)
				}
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			if a.Offer == nil || (a.Verified != nil) != tt.verified || a.Account != "alice" {
				t.Errorf("%+v", a)
			}
			a.Verified.Abandon()
		})
	}
}

// TestKeysOfStrangers: where the policy would rather have the a=crypto that stands beside a MIKEY message, the message proves
// nothing, since it is not what was chosen.
func TestKeysOfStrangers(t *testing.T) {
	w := newWorldOf(t, Config{Known: knownAccount, Policy: func(room string, _ Who) *keying.Policy {
		p := houseRules(room, Who{})
		p.Methods = []keying.Method{keying.SDES, keying.MIKEYPSK}
		return p
	}})
	outside := calling("alice", stranger, "tls", w.offering(kindBoth, "alice"))
	inside := within("INVITE", stranger)
	inside.Transport, inside.DialogTransport, inside.ContentType, inside.Body = "tls", "tls", outside.ContentType, outside.Body
	for name, r := range map[string]Request{"INVITE": outside, "re-INVITE": inside} {
		if a, refusal := w.gate.Admit(r); refusal == nil || refusal.Status != 401 || refusal.Reason != ReasonNoProof {
			t.Errorf("%s of a stranger: %+v %v", name, a, refusal)
		}
		w.authorize(&r, "alice", password)
		a, refusal := w.gate.Admit(r)
		if refusal != nil || a.Proof != ProofDigest || a.Verified.Method() != keying.SDES {
			t.Fatalf("%s with digest: %+v %v", name, a, refusal)
		}
		a.Verified.Abandon()
	}
}

// afresh is a phone's directory that outlives an exchange: alice's key, a copy each time.
type afresh struct{ peer }

func (afresh) PSK(string) (keying.Secret, bool) { return psk("sip:alice@" + domain), true }

// TestUpdateBindsAddresses: a MIKEY update speaks for the addresses of its own description alone.
func TestUpdateBindsAddresses(t *testing.T) {
	w := newHouse(t)
	phones, err := keying.New(keying.Config{
		Own: keying.Identity{ECDSA: w.papers.certificates["alice"]}, Directory: afresh{},
		Pool: keying.NewPool(keying.PoolConfig{Deadline: time.Minute}), Now: w.clock.Now, PeerIsServer: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	mine := keying.Call{
		Local: "sip:alice@" + domain, Peer: "sip:standup@" + domain, SDPIDs: "mikey", SSRC: 7, Policy: keying.StandardPolicy(),
	}
	theirs := keying.Call{Local: mine.Peer, Peer: mine.Local, SDPIDs: "mikey", SSRC: 8, Policy: mine.Policy}
	first, err := phones.Initiate(t.Context(), keying.MIKEYPSK, mine)
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.keyer.Verify(first.Attributes(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	server, answer, err := w.keyer.Respond(t.Context(), v, theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Wipe()
	phone, err := first.Complete(t.Context(), answer)
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Wipe()
	bound, err := offer.Parse(w.body(first.Attributes().MIKEY))
	if err != nil {
		t.Fatal(err)
	}
	told, err := bound.Attributes()
	if err != nil {
		t.Fatal(err)
	}
	mine.Running, mine.Addresses = phone.Running, told.Addresses
	for _, tt := range []struct {
		name string
		edit func(string) string
	}{
		{"as it was written", func(s string) string { return s }},
		{"another address", replace("c=IN IP4 198.51.100.7", "c=IN IP4 198.51.100.8")},
		{"another port", replace("m=audio 4000", "m=audio 4002")},
	} {
		name, edit := tt.name, tt.edit
		w.clock.now = w.clock.now.Add(time.Second)
		update, err := phones.Initiate(t.Context(), keying.MIKEYPSK, mine)
		if err != nil {
			t.Fatal(err)
		}
		r := within("INVITE", moved) // the update itself is the proof
		r.ContentType, r.Running = offer.ContentType, server.Running
		r.Body = []byte(edit(string(w.body(update.Attributes().MIKEY))))
		a, refusal := w.gate.Admit(r)
		good := name == "as it was written"
		switch {
		case good && (refusal != nil || a.Proof != ProofMIKEY || !a.Verified.Update()):
			t.Errorf("%s: %+v %v", name, a, refusal)
		case !good && (refusal == nil || refusal.Status != 401 || refusal.Reason != "mikey_address_changed"):
			t.Errorf("%s: %+v %v", name, a, refusal)
		}
		if good {
			theirs.Running = server.Running
			renewed, _, err := w.keyer.Respond(t.Context(), a.Verified, theirs)
			if err != nil {
				t.Fatal(err)
			}
			server.Running = renewed.Running
			renewed.Wipe()
		}
		// Once bound, the addresses do not change by an offer that the update was taken out of.
		r.Body = []byte(strings.Replace(edit(string(w.body(update.Attributes().MIKEY))), "a=key-mgmt", "a=x", 1))
		r.Source = r.DialogSource
		if a, refusal := w.gate.Admit(r); (refusal == nil) != good {
			t.Errorf("%s, without its update: %+v %v", name, a, refusal)
		}
		update.Abandon()
	}
}

// careless is a Verifier that does not look at who was proven to call.
type careless struct{ keyer *keying.Keyer }

func (c careless) Verify(a keying.Attributes, call keying.Call) (*keying.Verified, error) {
	call.Peer = ""
	return c.keyer.Verify(a, call)
}

// TestIdentitiesAgree: the gate compares identities itself, whatever package keying did.
func TestIdentitiesAgree(t *testing.T) {
	w := newWorld(t)
	everybody, err := keying.New(keying.Config{
		Own: w.papers.server, Directory: afresh{}, Pool: keying.NewPool(keying.PoolConfig{Deadline: time.Minute}), Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.gate, _ = newGate(t, Config{Keyer: careless{everybody}, Policy: houseRules, Known: knownAccount})
	r := calling("alice", phone, "udp", w.body(w.message(caller{idi: "bob"})))
	w.authorize(&r, "alice", password)
	if a, refusal := w.gate.Admit(r); refusal == nil || refusal.Status != 403 || refusal.Reason != ReasonWrongIdentity {
		t.Errorf("digest of alice, MIKEY of bob: %+v %v", a, refusal)
	}
	i, err := everybody.Initiate(t.Context(), keying.MIKEYPSK, keying.Call{
		Local: "sip:alice@elsewhere.example", Peer: "sip:standup@" + domain, SDPIDs: "mikey", SSRC: 7, Policy: keying.StandardPolicy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Abandon()
	r = calling("alice", phone, "udp", w.body(i.Attributes().MIKEY))
	r.From.Host = "elsewhere.example"
	if a, refusal := w.gate.Admit(r); refusal == nil || refusal.Status != 403 || refusal.Reason != ReasonWrongIdentity {
		t.Errorf("MIKEY of another domain: %+v %v", a, refusal)
	}
}
