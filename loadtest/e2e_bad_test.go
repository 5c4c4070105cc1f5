package loadtest_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/keying/mikey"
	"github.com/conclave/conclave/legs/offer"
	"github.com/conclave/conclave/server/store"
)

// badYAML has a room with a policy narrower than what the callers can do, rooms that nobody can enter, and none on demand.
const badYAML = `
rooms:
  on_demand: false
  permanent:
    - {name: standup}
    - {name: strict, policy: strict}
    - {name: shut, locked: true}
policies:
  strict: {methods: [mikey-dh], suites: [AEAD_AES_256_GCM], groups: [modp3072]}
limits: {requests_per_source: 100000}
`

// intruder is what the bad input of a test is made with.
type intruder struct {
	t       *testing.T
	house   *house
	raw     *raw
	bundle  *keying.Bundle // of mallory, an account like any other
	victims [2]*phone      // they talk in the room all the time
}

// message is an I_MESSAGE of the bundle's owner for the room; change may vary the call, now shifts the clock.
func (x *intruder) message(b *keying.Bundle, room string, m keying.Method, shift time.Duration, change func(*keying.Call)) []byte {
	x.t.Helper()
	k, err := keying.NewBundleKeyer(b, keying.BundleConfig{Now: func() time.Time { return time.Now().Add(shift) }})
	if err != nil {
		x.t.Fatal(err)
	}
	policy := keying.StandardPolicy()
	policy.Methods, policy.Suites = keying.Methods(), keying.Suites()
	c := keying.Call{Local: b.URI, Peer: identity(room), SDPIDs: "mikey", SSRC: 4711, Policy: policy}
	if change != nil {
		change(&c)
	}
	i, err := k.Initiate(within(x.t), m, c)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(i.Abandon)
	return i.Attributes().MIKEY
}

func identity(room string) string { return "sip:" + room + "@" + domain }

// invite is an INVITE of mallory's with that body.
func (x *intruder) invite(room, body string) *request {
	return &request{uri: identity(room), from: x.bundle.URI, body: body}
}

// forgeries are mallory's bundle with other certificates, none of which may open anything.
type forgeries struct {
	foreign *keying.Bundle // of an authority of her own; the account holds it, as if its list had been tampered with
	expired *keying.Bundle // of the server's authority, ended a minute ago; the account holds it
	dropped *keying.Bundle // of the server's authority and valid, but not the account's any more
}

// forge makes them. The server must not run: its store is opened.
func (x *intruder) forge() (f forgeries) {
	t := x.t
	t.Helper()
	s, err := store.Open(x.house.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	text, err := s.Blob("authority")
	if err != nil {
		t.Fatal(err)
	}
	own, err := keying.LoadAuthority(domain, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := own.IssueAccount(x.bundle.URI, keying.CertECDSA)
	if err != nil {
		t.Fatal(err)
	}
	ago := time.Until(sample.Leaf.NotAfter) + time.Minute // what was issued then ended a minute ago, when the authority was there already
	past, err := keying.LoadAuthority(domain, text, func() time.Time { return time.Now().Add(-ago) })
	if err != nil {
		t.Fatal(err)
	}
	other, err := keying.NewAuthority(domain, nil)
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	certified := func(a *keying.Authority) *keying.Bundle {
		c, err := a.IssueAccount(x.bundle.URI, keying.CertECDSA)
		if err != nil {
			t.Fatal(err)
		}
		b := *x.bundle
		b.CertPEM = string(c.CertPEM())
		if b.KeyPEM, err = c.KeyPEM(); err != nil {
			t.Fatal(err)
		}
		held = append(held, c.Fingerprint())
		return &b
	}
	f = forgeries{foreign: certified(other), expired: certified(past), dropped: certified(own)}
	if err := s.UpdateAccount(x.bundle.Account, func(a *store.Account) error {
		a.CertFingerprints = append(a.CertFingerprints, held[:2]...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

// kemac is where the KEMAC payload of a PSK message begins; it is the last one.
func kemac(t *testing.T, message []byte) int {
	t.Helper()
	payloads := mikey.Inspect(message, mikey.InspectKeys{Now: time.Now()}).Payloads
	last := payloads[len(payloads)-1]
	if !strings.Contains(strings.ToUpper(last.Type), "KEMAC") {
		t.Fatalf("the last payload is %s", last.Type)
	}
	return len(message) - last.Octets
}

// badInput is one kind of it.
type badInput struct {
	name    string
	request func() *request
	digest  bool   // sent with mallory's right digest
	status  int    // of the answer
	warning string // begins with
	reason  string // counter of /metrics that rises by one, without name and braces when it is conclave_refusals_total's
	mikey   bool   // the body brings a MIKEY error message
}

func TestBadInput(t *testing.T) {
	h := serve(t, badYAML)
	x := &intruder{t: t, house: h, bundle: h.account("mallory", "ecdsa")}
	h.stop()
	forged := x.forge()
	h.start()
	x.raw = newRaw(h)
	b := newBooth(h)
	x.victims = [2]*phone{
		b.call(h.account("ann", "ecdsa"), "standup", keying.MIKEYPSK), b.call(h.account("ben", "ecdsa"), "standup", keying.MIKEYDH),
	}
	for _, p := range x.victims {
		p.hears()
	}
	shapes := make(map[string]string) // header fields of the 401s: a stranger must not tell one from another
	for _, c := range slices.Concat(x.badKeying(forged), x.badDescriptions(), x.badCallers()) {
		t.Run(c.name, func(t *testing.T) {
			before := h.metrics()
			q := c.request()
			var p *reply
			if c.digest {
				p = x.raw.proven(q, x.bundle)
			} else {
				p = x.raw.ask(q)
			}
			after := h.metrics()
			if p.status != c.status {
				t.Errorf("answered %d (Warning %q), want %d", p.status, p.get("warning"), c.status)
			}
			if w := p.get("warning"); !strings.HasPrefix(w, c.warning) || c.warning == "" && p.status == 401 && w != "" {
				t.Errorf("Warning %q, want %s", w, c.warning)
			}
			if p.status == 401 {
				shapes[shape(p)] = c.name
			}
			x.counted(t, c, before, after)
			if c.mikey {
				x.hasError(t, p)
			}
			for _, v := range x.victims {
				v.stands()
			}
		})
	}
	if len(shapes) != 1 {
		t.Errorf("refusals of strangers differ: %v", shapes)
	}
	for _, p := range x.victims {
		p.hears()
		p.stands()
	}
	if n := h.metrics()["conclave_calls"]; n != 2 {
		t.Errorf("%v calls stand, want 2", n)
	}
}

// shape is what a 401 looks like but for what must differ.
func shape(p *reply) string {
	names := slices.Sorted(maps.Keys(p.header))
	challenge, _, _ := strings.Cut(p.get("www-authenticate"), "nonce=")
	return strings.Join(names, ",") + " " + challenge + p.body
}

// counted holds that the true reason was counted once, and that nobody spent Diffie-Hellman work on it.
func (x *intruder) counted(t *testing.T, c badInput, before, after map[string]float64) {
	t.Helper()
	name := c.reason
	if !strings.Contains(name, "{") {
		name = fmt.Sprintf("conclave_refusals_total{reason=%q}", c.reason)
	}
	if n := after[name] - before[name]; n != 1 {
		var risen []string
		for k, v := range after {
			if v > before[k] && strings.Contains(k, "refus") {
				risen = append(risen, k)
			}
		}
		t.Errorf("%s rose by %v, want 1; what rose: %v", name, n, risen)
	}
	if n := after["conclave_dh_operations_total"] - before["conclave_dh_operations_total"]; n != 0 {
		t.Errorf("%v Diffie-Hellman operations for a refused call", n)
	}
	if n := after["conclave_sip_panics_total"]; n != 0 {
		t.Errorf("%v panics", n)
	}
}

// hasError holds that the body is an SDP with every m= line refused and a MIKEY error message.
func (x *intruder) hasError(t *testing.T, p *reply) {
	t.Helper()
	if p.get("content-type") != offer.ContentType {
		t.Errorf("no body: %q", p.get("content-type"))
		return
	}
	d, err := offer.Parse([]byte(p.body))
	if err != nil {
		t.Errorf("body: %v", err)
		return
	}
	var data []byte
	for _, k := range d.KeyMgmt {
		data = k.Data
	}
	for _, m := range d.Media {
		if m.Port != 0 {
			t.Errorf("an m= line of a refusal has port %d", m.Port)
		}
		for _, k := range m.KeyMgmt {
			data = k.Data
		}
	}
	m, err := mikey.Parse(data)
	if err != nil || m.Type() != mikey.TypeError || len(m.ErrorNumbers()) != 1 {
		t.Errorf("no MIKEY error message in %q: %v", p.body, err)
	}
}

// badKeying is what MIKEY must refuse: to a stranger without a word more than to any other, to somebody with a digest by 488.
func (x *intruder) badKeying(forged forgeries) []badInput {
	t := x.t
	wrong, nobody := *x.bundle, *x.bundle
	wrong.PSK = keying.NewSecret([]byte("not the pre-shared key of mallory"))
	nobody.Account, nobody.URI = "nobody", identity("nobody")
	offering := func(b *keying.Bundle, room string, m keying.Method, shift time.Duration, change func(*keying.Call)) func() *request {
		return func() *request { return x.invite(room, body(t, x.message(b, room, m, shift, change))) }
	}
	psk := func(edit func([]byte) []byte) func() *request {
		return func() *request {
			return x.invite("standup", body(t, edit(slices.Clone(x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)))))
		}
	}
	kinds := []struct {
		name, reason string
		request      func() *request
	}{
		{"wrong PSK", "bad_mac", offering(&wrong, "standup", keying.MIKEYPSK, 0, nil)},
		{"foreign certificate", "bad_certificate", offering(forged.foreign, "standup", keying.MIKEYDH, 0, nil)},
		{"expired certificate", "bad_certificate", offering(forged.expired, "standup", keying.MIKEYDH, 0, nil)},
		{"certificate that was taken from the account", "bad_certificate", offering(forged.dropped, "standup", keying.MIKEYDH, 0, nil)},
		{"old timestamp, PSK", "stale", offering(x.bundle, "standup", keying.MIKEYPSK, -5*time.Minute, nil)},
		{"old timestamp, DH", "stale", offering(x.bundle, "standup", keying.MIKEYDH, -5*time.Minute, nil)},
		{"timestamp of the future", "stale", offering(x.bundle, "standup", keying.MIKEYDH, 5*time.Minute, nil)},
		{"NULL MAC", "weak_protection", psk(func(m []byte) []byte { return append(m[:len(m)-21], 0) })},
		{"NULL cipher", "weak_protection", psk(func(m []byte) []byte { m[kemac(t, m)+1] = 0; return m })},
		{"stripped list of methods", "bid_down", offering(x.bundle, "standup", keying.MIKEYDH, 0, func(c *keying.Call) { c.SDPIDs = "other;mikey" })},
		{"message for another room", "wrong_identity", offering(x.bundle, "standup", keying.MIKEYDH, 0, func(c *keying.Call) { c.Peer = identity("strict") })},
		{"method outside the policy", "method_refused", offering(x.bundle, "strict", keying.MIKEYPSK, 0, nil)},
		{"suite outside the policy", "no_common_suite", offering(x.bundle, "strict", keying.MIKEYDH, 0, func(c *keying.Call) {
			c.Suite, c.Group = keying.AESCM128SHA1x80, keying.MODP3072
		})},
		{"group outside the policy", "no_common_group", offering(x.bundle, "strict", keying.MIKEYDH, 0, func(c *keying.Call) { c.Group = keying.MODP1536 })},
		{"garbage in key-mgmt", "malformed", func() *request { return x.invite("standup", body(t, []byte("this is no MIKEY message"))) }},
		{"flipped bit", "bad_signature", func() *request {
			m := slices.Clone(x.message(x.bundle, "standup", keying.MIKEYDH, 0, nil))
			m[len(m)-1] ^= 1
			return x.invite("standup", body(t, m))
		}},
	}
	list := []badInput{
		{name: "unknown account, PSK", status: 401, reason: "mikey_unknown_identity", request: func() *request {
			q := x.invite("standup", body(t, x.message(&nobody, "standup", keying.MIKEYPSK, 0, nil)))
			q.from = nobody.URI
			return q
		}},
		{name: "unknown account, DH", status: 401, reason: "mikey_unknown_identity", request: func() *request {
			q := x.invite("standup", body(t, x.message(&nobody, "standup", keying.MIKEYDH, 0, nil)))
			q.from = nobody.URI
			return q
		}},
	}
	for _, k := range kinds {
		list = append(list,
			badInput{name: k.name, request: k.request, status: 401, reason: "mikey_" + k.reason},
			badInput{
				name: k.name + ", with digest", request: k.request, digest: true, status: 488, warning: "306 ", reason: "mikey_" + k.reason,
				mikey: k.reason != "malformed", // what holds no bundle's name gets no error message about it
			},
		)
	}
	return list
}

// badDescriptions cannot be used whoever sends them.
func (x *intruder) badDescriptions() []badInput {
	t := x.t
	good := func() string { return body(t, x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)) }
	edited := func(old, with string) func() *request {
		return func() *request {
			b := good()
			if !strings.Contains(b, old) {
				t.Errorf("no %q in %q", old, b)
			}
			return x.invite("standup", strings.Replace(b, old, with, 1))
		}
	}
	typed := func(contentType string) func() *request {
		return func() *request {
			q := x.invite("standup", good())
			q.contentType = contentType
			return q
		}
	}
	return []badInput{
		{name: "plain RTP", status: 488, warning: "399 ", reason: "not_secure", request: edited("RTP/SAVP", "RTP/AVP")},
		{name: "no key-mgmt", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=other:")},
		{name: "key-mgmt that is no base64", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=key-mgmt:mikey !")},
		{name: "key-mgmt of another protocol", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=key-mgmt:kerberos ")},
		{name: "two MIKEY messages", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt", "a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString([]byte("second"))+"\r\na=key-mgmt")},
		{name: "no codec in common", status: 488, warning: "305 ", reason: "bad_offer", request: edited("PCMU/8000", "G726-32/8000")},
		{name: "no SDP inside", status: 488, warning: "399 ", reason: "bad_sdp", request: func() *request { return x.invite("standup", "hello, world\r\n") }},
		{name: "no audio", status: 488, warning: "399 ", reason: "unusable_sdp", request: edited("m=audio", "m=video")},
		{name: "another content type", status: 415, reason: `conclave_sip_refusals_total{reason="content_type"}`, request: typed("application/resource-lists+xml")},
		{name: "multipart", status: 415, reason: `conclave_sip_refusals_total{reason="content_type"}`, request: typed("multipart/mixed;boundary=x")},
	}
}

// badCallers are who they are, and may not do what they ask for; or not who they say.
func (x *intruder) badCallers() []badInput {
	t := x.t
	to := func(room string, m keying.Method) func() *request {
		return func() *request { return x.invite(room, body(t, x.message(x.bundle, room, m, 0, nil))) }
	}
	plain := func(q request) func() *request {
		return func() *request {
			q := q
			q.uri, q.from = identity("standup"), x.bundle.URI
			return &q
		}
	}
	password := func(user, password string) func() *request {
		return func() *request {
			q := x.invite("standup", "")
			challenge := x.raw.ask(x.invite("standup", "")).get("www-authenticate")
			q.extra = authorization(challenge, "INVITE", q.uri, user, password)
			q.from = identity(user)
			return q
		}
	}
	return []badInput{
		{name: "unknown room", status: 404, reason: "no_room", request: to("nowhere", keying.MIKEYDH)},
		{name: "unknown room, with digest", digest: true, status: 404, reason: "no_room", request: func() *request { return x.invite("nowhere", "") }},
		{name: "an account for a room", status: 404, reason: "no_room", request: to("ann", keying.MIKEYDH)},
		{name: "unknown room, stranger", status: 401, reason: "no_proof", request: func() *request { return x.invite("nowhere", "") }},
		{name: "locked room", status: 403, warning: "399 ", reason: "room_locked", request: to("shut", keying.MIKEYDH)},
		{name: "From is not the identity of MIKEY", status: 403, warning: "399 ", reason: "wrong_from", request: func() *request {
			q := to("standup", keying.MIKEYDH)()
			q.from = identity("ann")
			return q
		}},
		{name: "From is not who answered the challenge", digest: true, status: 403, warning: "399 ", reason: "wrong_from", request: func() *request {
			q := x.invite("standup", "")
			q.from = identity("ann")
			return q
		}},
		{name: "no proof", status: 401, reason: "no_proof", request: func() *request { return x.invite("standup", "") }},
		{name: "wrong password", status: 401, reason: "bad_digest", request: password("mallory", "guessed")},
		{name: "password of nobody", status: 401, reason: "unknown_account", request: password("nobody", "guessed")},
		{name: "BYE for no dialog", status: 481, reason: `conclave_sip_refusals_total{reason="no_dialog"}`, request: plain(request{method: "BYE", toTag: "none"})},
		{name: "BYE without a tag", status: 481, reason: "no_dialog", request: plain(request{method: "BYE"})},
		{name: "re-INVITE for no dialog", status: 481, reason: `conclave_sip_refusals_total{reason="no_dialog"}`, request: plain(request{method: "INVITE", toTag: "none"})},
		{name: "CANCEL of nothing", status: 481, reason: `conclave_sip_refusals_total{reason="no_transaction"}`, request: plain(request{method: "CANCEL"})},
		{name: "REGISTER of nobody", status: 401, reason: "no_proof", request: plain(request{method: "REGISTER"})},
		{name: "REFER of nobody", status: 401, reason: "no_proof", request: plain(request{method: "REFER"})},
		{name: "a method that is not served", status: 405, reason: "method", request: plain(request{method: "MESSAGE"})},
		{name: "a method of its own", status: 501, reason: `conclave_sip_refusals_total{reason="method"}`, request: plain(request{method: "CONQUER"})},
		{name: "an extension that is not there", status: 420, reason: `conclave_sip_refusals_total{reason="require"}`, request: plain(request{extra: "Require: 100rel\r\n"})},
	}
}
