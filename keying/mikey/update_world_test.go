package mikey

import (
	"bytes"
	"errors"
	"testing"
)

// party is one end of a bundle.
type party struct {
	psk    []byte // nil where the bundle has an envelope key
	signer Signer
	peer   PeerKey // of the other
	csb    *CSB
	id     string
	cs     uint8 // its stream
}

// bundle is two ends after their first exchange; alice began it.
type bundle struct {
	name       string
	alice, bob *party
	group      Group
	first      *Crypto // alice's; bob's is the same
}

// bundles are one of each kind.
func bundles(t testing.TB, prf PRF) []bundle {
	t.Helper()
	var bs []bundle
	for _, m := range modes(t) {
		b := bundle{name: m.name, group: GroupP256, alice: &party{id: testIDi, cs: 1}, bob: &party{id: testIDr, cs: 2}}
		switch m.name {
		case "psk", "dhhmac p256", "dhhmac modp1536":
			b.alice.psk, b.bob.psk = testPSK, testPSK
		case "dh rsa p256":
			b.alice.signer, b.bob.peer = rsaIdentity(t, "alice")
			b.bob.signer, b.alice.peer = rsaIdentity(t, "bob")
		case "dh ecdsa modp1536": // the Signer of this mode is the same at both ends
			b.alice.signer, b.alice.peer = *m.answer.Signer, m.responder
			b.bob.signer, b.bob.peer = *m.answer.Signer, m.responder
		case "pke rsa", "rsar rsa":
		default:
			continue
		}
		if m.name == "dhhmac modp1536" || m.name == "dh ecdsa modp1536" {
			b.group = GroupMODP1536
		}
		p := testParams(t)
		p.PRF, p.Cache, m.answer.Cache = prf, true, true
		x, y := run2(t, m.begin(t, p), m.authenticate, m.answer, m.responder)
		b.first, b.alice.csb, b.bob.csb = x, x.CSB(), y.CSB()
		bs = append(bs, b)
	}
	if len(bs) != 7 {
		t.Fatalf("%d bundles", len(bs))
	}
	return bs
}

// run2 is run for an exchange whose states are kept.
func run2(t testing.TB, i Initiation, authenticate func(*Message) (Response, error), a Answer, responder PeerKey) (x, y *Crypto) {
	t.Helper()
	resp, err := authenticate(mustParse(t, i.Message()))
	if err != nil {
		t.Fatal(err)
	}
	y, r, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(mustParse(t, r), responder); err != nil {
		t.Fatal(err)
	}
	if x, err = i.Complete(); err != nil {
		t.Fatal(err)
	}
	return x, y
}

// params are an update of p's for the other: its own stream is stated, the other's left to it.
func (p *party) params(t testing.TB, other *party) Params {
	t.Helper()
	now := ntpTime(t, "2026-02-03T04:05:06.789Z")
	ss := p.csb.Sessions()
	ss[p.cs-1].ROC, ss[other.cs-1] = uint32(p.cs)*100, Session{}
	return Params{Prior: p.csb, Time: p.csb.NextTime(now), IDi: p.id, IDr: other.id, SDPIDs: "mikey", Sessions: ss, V: true}
}

// initiate makes an update.
func (p *party) initiate(params Params, g Group) (Initiation, error) {
	switch params.Prior.UpdateType() {
	case TypeDHInit:
		return InitiateDH(params, g, p.signer)
	case TypeDHHMACInit:
		return InitiateDHHMAC(params, g, p.psk)
	default:
		return InitiatePSK(params, p.psk)
	}
}

func (p *party) begin(t testing.TB, params Params, g Group) Initiation {
	t.Helper()
	i, err := p.initiate(params, g)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// authenticate takes an update.
func (p *party) authenticate(m *Message) (Response, error) {
	switch p.csb.UpdateType() {
	case TypeDHInit:
		return AuthenticateDH(m, p.peer, p.csb)
	case TypeDHHMACInit:
		return AuthenticateDHHMAC(m, p.psk, p.csb)
	default:
		return AuthenticatePSK(m, p.psk, p.csb)
	}
}

// answer is p's to an update.
func (p *party) answer() Answer {
	own := p.csb.Sessions()[p.cs-1].SSRC
	return Answer{SSRC: map[uint8]uint32{p.cs: own}, ROC: map[uint8]uint32{p.cs: uint32(p.cs) * 1000}, Signer: &p.signer}
}

// update is one update from both ends; its messages are looked at.
func (b bundle) update(t *testing.T, from, to *party, p Params, a Answer) (x, y *Crypto) {
	t.Helper()
	i := from.begin(t, p, b.group)
	m := mustParse(t, i.Message())
	if m.RAND() != nil || !m.Update() || m.Refresh() != p.NoKey || m.CSBID() != b.first.csbID {
		t.Fatalf("I: RAND %x, update %v, refresh %v", m.RAND(), m.Update(), m.Refresh())
	}
	if ext, ok := m.VendorExt(); !ok || !bytes.Equal(ext, p.VendorExt) {
		t.Errorf("I carries %q", ext)
	}
	resp, err := to.authenticate(m)
	if err != nil {
		t.Fatal(err)
	}
	y, raw, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	r := mustParse(t, raw)
	if ext, ok := r.VendorExt(); !ok || !bytes.Equal(ext, a.VendorExt) {
		t.Errorf("R carries %q", ext)
	}
	if err := i.Authenticate(r, from.peer); err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(r, from.peer); !errors.Is(err, ErrExchange) {
		t.Errorf("second R: %v", err)
	}
	if x, err = i.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err = i.Complete(); !errors.Is(err, ErrExchange) {
		t.Errorf("completed twice: %v", err)
	}
	if _, _, err := resp.Answer(a); !errors.Is(err, ErrExchange) {
		t.Errorf("answered twice: %v", err)
	}
	return x, y
}

// answered runs an update of alice's to its end.
func (b bundle) answered(t *testing.T, i Initiation) (x, y *Crypto) {
	t.Helper()
	return run2(t, i, b.bob.authenticate, b.bob.answer(), b.alice.peer)
}
