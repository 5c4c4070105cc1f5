package gate

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

func answerAs(t testing.TB, c *digest.Challenge, r Request, user, password string) string {
	t.Helper()
	return answer(t, c, r, func(o *digest.Options) { o.Username, o.Password = user, password })
}

func aes256cm() *keying.Policy {
	p := keying.StandardPolicy()
	p.Suites = []keying.Suite{keying.AESCM256SHA1x80}
	return p
}

// TestInvite is authentication by state: who the caller is, what proves it, and what is wrong with it.
func TestInvite(t *testing.T) {
	mikey := func(r keying.Reason) string { return mikeyPrefix + r }
	tests := []struct {
		name   string
		caller caller
		status int // 0: admitted
		reason string
		proof  string
	}{
		{name: "PSK", caller: caller{}, proof: ProofMIKEY},
		{name: "DH", caller: caller{method: keying.MIKEYDH}, proof: ProofMIKEY},
		{name: "PSK and digest", caller: caller{password: password}, proof: ProofDigest},
		{name: "DH and digest", caller: caller{method: keying.MIKEYDH, password: password}, proof: ProofDigest},
		{name: "digest-only room", caller: caller{room: "strict", password: password}, proof: ProofDigest},
		{name: "MIKEY-only room, both", caller: caller{room: "keyed", password: password}, proof: ProofMIKEY},
		{name: "MIKEY-only room", caller: caller{room: "keyed"}, proof: ProofMIKEY},
		{name: "beside another protocol", caller: caller{sdpIDs: "mikey;better", edit: beside}, proof: ProofMIKEY},
		{name: "beside a protocol that was put in", caller: caller{edit: beside}, status: 401, reason: mikey(keying.ReasonBidDown)},
		{name: "From in upper case", caller: caller{from: "Alice"}, proof: ProofMIKEY},

		{name: "digest-only room without digest", caller: caller{room: "strict"}, status: 401, reason: ReasonNoProof},
		{name: "wrong PSK", caller: caller{psk: "bob"}, status: 401, reason: mikey(keying.ReasonBadMAC)},
		{name: "unknown identity", caller: caller{account: "alice", idi: "nobody", from: "nobody"}, status: 401, reason: mikey(keying.ReasonUnknownIdentity)},
		{name: "foreign certificate", caller: caller{method: keying.MIKEYDH, paper: "foreign"}, status: 401, reason: mikey(keying.ReasonBadCertificate)},
		{name: "disabled account's certificate", caller: caller{method: keying.MIKEYDH, account: "gone"}, status: 401, reason: mikey(keying.ReasonUnknownIdentity)},
		{name: "another's certificate", caller: caller{method: keying.MIKEYDH, account: "bob", idi: "alice", from: "alice"}, status: 401, reason: mikey(keying.ReasonBadCertificate)},
		{name: "old", caller: caller{skew: -time.Hour}, status: 401, reason: mikey(keying.ReasonStale)},
		{name: "early", caller: caller{skew: time.Hour}, status: 401, reason: mikey(keying.ReasonStale)},
		{name: "for another room", caller: caller{idr: "board"}, status: 401, reason: mikey(keying.ReasonWrongIdentity)},
		{name: "stripped list", caller: caller{sdpIDs: "mikey;better"}, status: 401, reason: mikey(keying.ReasonBidDown)},
		{name: "suite outside the policy", caller: caller{policy: aes256cm()}, status: 401, reason: mikey(keying.ReasonNoCommonSuite)},
		{name: "room that is not", caller: caller{room: "nowhere"}, status: 401, reason: ReasonNoProof},
		{name: "bob says he is alice", caller: caller{account: "bob", from: "alice"}, status: 403, reason: ReasonWrongFrom},

		{name: "digest, wrong PSK", caller: caller{psk: "bob", password: password}, status: 488, reason: mikey(keying.ReasonBadMAC)},
		{name: "digest, foreign certificate", caller: caller{method: keying.MIKEYDH, paper: "foreign", password: password}, status: 488, reason: mikey(keying.ReasonBadCertificate)},
		{name: "digest, old", caller: caller{skew: -time.Hour, password: password}, status: 488, reason: mikey(keying.ReasonStale)},
		{name: "digest, stripped list", caller: caller{sdpIDs: "mikey;better", password: password}, status: 488, reason: mikey(keying.ReasonBidDown)},
		{name: "digest, suite outside the policy", caller: caller{policy: aes256cm(), password: password}, status: 488, reason: mikey(keying.ReasonNoCommonSuite)},
		{name: "digest of alice, MIKEY of bob", caller: caller{account: "bob", from: "alice", user: "alice", password: password}, status: 488, reason: mikey(keying.ReasonWrongIdentity)},
		{name: "digest, room that is not", caller: caller{room: "nowhere", password: password}, status: 404, reason: ReasonNoRoom},
		{name: "wrong password, good PSK", caller: caller{password: "x"}, status: 401, reason: ReasonBadDigest},

		{name: "plain RTP", caller: caller{edit: replace("RTP/SAVP", "RTP/AVP")}, status: 488, reason: ReasonNotSecure},
		{name: "no key-mgmt", caller: caller{edit: replace("a=key-mgmt", "a=x-nothing")}, status: 488, reason: ReasonNoKeyMgmt},
		{name: "another protocol", caller: caller{edit: replace("key-mgmt:mikey", "key-mgmt:other")}, status: 488, reason: ReasonNoKeyMgmt},
		{name: "not base64", caller: caller{edit: replace("key-mgmt:mikey ", "key-mgmt:mikey ?")}, status: 488, reason: ReasonNoKeyMgmt},
		{name: "video only", caller: caller{edit: replace("m=audio", "m=video")}, status: 488, reason: ReasonUnusableSDP},
		{name: "no SDP at all", caller: caller{edit: func(string) string { return "hello" }}, status: 488, reason: ReasonBadSDP},
		{name: "huge SDP", caller: caller{edit: func(s string) string { return s + "a=" + strings.Repeat("x", offer.MaxSize) }}, status: 488, reason: ReasonBadSDP},
		{name: "not MIKEY", caller: caller{edit: func(s string) string {
			return replaceMessage(s, "AAAA")
		}}, status: 401, reason: mikey(keying.ReasonMalformed)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a, refusal := w.gate.Admit(w.invite(tt.caller))
			if done := w.pool.Done(); done != 0 {
				t.Errorf("%d Diffie-Hellman operations in the gate", done)
			}
			if tt.status == 0 {
				if refusal != nil {
					t.Fatal(refusal)
				}
				defer a.Verified.Abandon()
				if a.Proof != tt.proof || a.Account != "alice" || a.Identity != "sip:alice@"+domain || a.Offer == nil ||
					a.Room != or(tt.caller.room, "standup") {
					t.Errorf("%+v", a)
				}
				return
			}
			if refusal == nil || refusal.Status != tt.status || refusal.Reason != tt.reason {
				t.Fatalf("got %v; want %d %s", refusal, tt.status, tt.reason)
			}
			checkRefusal(t, w, refusal)
		})
	}
}

// beside puts another key management protocol after MIKEY.
func beside(body string) string {
	return strings.Replace(body, "m=audio", "a=key-mgmt:better c2VjcmV0\r\nm=audio", 1)
}

func replaceMessage(body, message string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "a=key-mgmt:") {
			line = "a=key-mgmt:mikey " + message + "\r\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// checkRefusal holds a refusal to what its status promises.
func checkRefusal(t *testing.T, w *world, r *Reject) {
	t.Helper()
	if !slices.Contains(Reasons(), r.Reason) {
		t.Errorf("%s is not in the closed set", r.Reason)
	}
	switch r.Status {
	case 401:
		if len(header(r, "WWW-Authenticate")) != 1 || len(r.Body) != 0 || r.Warning != "" || len(header(r, "Date")) != 1 {
			t.Errorf("%+v", r)
		}
	case 488:
		if !strings.HasPrefix(r.Warning, "30") && !strings.HasPrefix(r.Warning, "399 "+domain+` "`) {
			t.Errorf("Warning %q", r.Warning)
		}
		if !strings.HasPrefix(r.Reason, mikeyPrefix) {
			break
		}
		d, err := offer.Parse(r.Body)
		if err != nil || r.ContentType != "application/sdp" || len(d.KeyMgmt) != 1 || d.Media[0].Port != 0 {
			t.Errorf("body: %v\n%s", err, r.Body)
		}
	}
}

func TestReplayedInvite(t *testing.T) {
	for _, method := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
		w := newWorld(t)
		r := w.invite(caller{method: method})
		a, refusal := w.gate.Admit(r)
		if refusal != nil {
			t.Fatal(refusal)
		}
		call := keying.Call{Local: "sip:standup@" + domain, Peer: a.Identity, SDPIDs: "mikey", SSRC: 9, Policy: policies("standup", Who{})}
		agreement, _, err := w.keyer.Respond(t.Context(), a.Verified, call)
		if err != nil {
			t.Fatal(err)
		}
		agreement.Wipe()
		done := w.pool.Done()
		if _, refusal = w.gate.Admit(r); refusal == nil || refusal.Status != 401 || refusal.Reason != mikeyPrefix+keying.ReasonReplayed {
			t.Errorf("%s: %v", method, refusal)
		}
		w.authorize(&r, "alice", password)
		if _, refusal = w.gate.Admit(r); refusal == nil || refusal.Status != 488 || refusal.Reason != mikeyPrefix+keying.ReasonReplayed {
			t.Errorf("%s with digest: %v", method, refusal)
		}
		if w.pool.Done() != done {
			t.Errorf("%s: a replay cost Diffie-Hellman", method)
		}
	}
}

// TestFlippedMessages: no bit of a MIKEY message in an offer can be changed.
func TestFlippedMessages(t *testing.T) {
	w := newWorld(t)
	message := w.message(caller{})
	r := w.invite(caller{})
	for i := range len(message) * 8 {
		changed := bytes.Clone(message)
		changed[i/8] ^= 1 << (i % 8)
		r.Body = w.body(changed)
		if a, refusal := w.gate.Admit(r); refusal == nil || refusal.Status != 401 {
			t.Fatalf("bit %d: %+v %v", i, a, refusal)
		}
	}
}

func TestContentTypes(t *testing.T) {
	w := newWorld(t)
	r := w.invite(caller{})
	for _, kind := range []string{"", "text/plain", "multipart/mixed", "application/pidf+xml"} {
		r.ContentType = kind
		_, refusal := w.gate.Admit(r)
		if refusal == nil || refusal.Status != 415 || header(refusal, "Accept")[0] != "application/sdp" {
			t.Errorf("%q: %v", kind, refusal)
		}
	}
}

func TestLateOffer(t *testing.T) {
	w := newWorld(t)
	for room, want := range map[string]int{"standup": 0, "strict": 0, "keyed": 403, "nowhere": 404} {
		r := lateInvite(room)
		w.authorize(&r, "alice", password)
		a, refusal := w.gate.Admit(r)
		switch {
		case want == 0 && (refusal != nil || a.Offer != nil || a.Verified != nil || a.Proof != ProofDigest):
			t.Errorf("%s: %+v %v", room, a, refusal)
		case want != 0 && (refusal == nil || refusal.Status != want):
			t.Errorf("%s: %v; want %d", room, refusal, want)
		}
	}
}

func TestRequestURI(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		uri    URI
		status int
	}{
		{URI{"sip", "standup", domain}, 0},
		{URI{"sips", "standup", domain}, 0},
		{URI{"sip", "StandUp", strings.ToUpper(domain)}, 0},
		{URI{"sip", "standup", "192.0.2.1"}, 0},
		{URI{"sip", "standup", "2001:db8::1"}, 0},
		{URI{"sip", "standup", "elsewhere.example"}, 404},
		{URI{"tel", "standup", domain}, 400}, // no client of ours makes a digest over it
		{URI{"sip", "", domain}, 404},
		{URI{"sip", "a b", domain}, 404},
		{URI{"sip", "..", domain}, 404},
		{URI{"sip", strings.Repeat("a", 65), domain}, 404},
	} {
		r := lateInvite("standup")
		r.RequestURI = tt.uri
		c := challenged(t, w.gate, lateInvite("standup"))
		uri := "sip:" + strings.ReplaceAll(tt.uri.User, " ", "%20") + "@" + tt.uri.Host
		if strings.Contains(tt.uri.Host, ":") {
			uri = "sip:standup@[" + tt.uri.Host + "]:5060;transport=tcp"
		}
		if tt.uri.Scheme == "tel" {
			uri = "tel:standup"
		}
		r.Authorization = []string{answer(t, c, r, func(o *digest.Options) { o.URI = uri })}
		_, refusal := w.gate.Admit(r)
		if (refusal == nil) != (tt.status == 0) || refusal != nil && refusal.Status != tt.status {
			t.Errorf("%v: %v; want %d", tt.uri, refusal, tt.status)
		}
	}
}

func TestOverload(t *testing.T) {
	g, _ := newGate(t, Config{Keyer: busyKeyer{}})
	w := newWorld(t)
	_, refusal := g.Admit(w.invite(caller{}))
	if refusal == nil || refusal.Status != 503 || len(header(refusal, "Retry-After")) != 1 {
		t.Errorf("%v", refusal)
	}
}

type busyKeyer struct{}

func (busyKeyer) Verify(keying.Attributes, keying.Call) (*keying.Verified, error) {
	return nil, &keying.Error{Reason: keying.ReasonReplayCacheFull, Err: keying.ErrFull}
}

// TestCheapFirst: what the digest refuses never reaches MIKEY.
func TestCheapFirst(t *testing.T) {
	v := &refuser{}
	g, _ := newGate(t, Config{Keyer: v})
	w := newWorld(t)
	r := w.invite(caller{})
	c := challenged(t, g, lateInvite("standup"))
	r.Authorization = []string{answerAs(t, c, r, "alice", "wrong")}
	if _, refusal := g.Admit(r); refusal == nil || refusal.Status != 401 || v.calls != 0 {
		t.Errorf("%v after %d calls", refusal, v.calls)
	}
	r.Source = netip.MustParseAddrPort("203.0.113.1:1")
	r.Authorization = []string{answerAs(t, c, r, "alice", password)}
	if _, refusal := g.Admit(r); refusal == nil || refusal.Reason != ReasonStaleNonce || v.calls != 0 {
		t.Errorf("%v after %d calls", refusal, v.calls)
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("empty configuration accepted")
	}
	ok := Config{Domain: domain, Accounts: accounts{}, Keyer: &refuser{}, Policy: policies}
	short, realm := ok, ok
	short.BootKey = []byte("short")
	realm.Realm = `a"b`
	for _, c := range []Config{short, realm} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}
