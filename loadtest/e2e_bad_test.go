package loadtest_test

import (
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
