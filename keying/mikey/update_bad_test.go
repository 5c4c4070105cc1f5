package mikey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

// resealed makes a message of h and payloads with the authentication that p's bundle demands; payloads end without it.
func (p *party) resealed(t testing.TB, h header, payloads []payload) []byte {
	t.Helper()
	if p.csb.update == TypeDHInit {
		sign, err := p.signer.signature(true)
		if err != nil {
			t.Fatal(err)
		}
		b := assemble(h, append(payloads, sign))
		covered := b[:len(b)-len(sign.data)]
		sig, err := p.signer.signRSA(covered)
		if err != nil {
			t.Fatal(err)
		}
		return append(covered, sig...)
	}
	key, err := p.csb.messageKey(p.psk)
	if err != nil {
		t.Fatal(err)
	}
	k := messageKey{h.prf, key, h.csbID, p.csb.rand}
	last, _ := payloads[len(payloads)-1].(kemacPayload)
	last.mac = make([]byte, 20)
	payloads[len(payloads)-1] = last
	b := assemble(h, payloads)
	sum, err := k.hmac(macHMACSHA1, b[:len(b)-20])
	if err != nil {
		t.Fatal(err)
	}
	return append(b[:len(b)-20], sum...)
}

// TestForgedByAFriend: what even a peer with the right key may not do in an update.
func TestForgedByAFriend(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		if b.name == "dh ecdsa modp1536" {
			continue // resealed signs RSA
		}
		t.Run(b.name, func(t *testing.T) {
			m := mustParse(t, b.alice.begin(t, b.alice.params(t, b.bob), b.group).Message())
			body := m.payloads
			if b.alice.csb.update == TypeDHInit {
				body = body[:len(body)-1]
			}
			with := func(at int, more ...payload) []payload {
				return append(append(append([]payload{}, body[:at]...), more...), body[at:]...)
			}
			mapped := func(ss ...Session) header {
				h := m.header
				h.sessions, h.count = ss, uint8(len(ss))
				return h
			}
			otherCSB, otherPRF := m.header, m.header
			otherCSB.csbID++
			otherPRF.prf = PRFSHA256
			ss := m.header.sessions
			suite := gcmPolicy()
			suite.Params[1].Value = []byte{32}
			for name, tc := range map[string]struct {
				h        header
				payloads []payload
				want     error
			}{
				"nothing changed":          {m.header, with(0), nil},
				"no map":                   {mapped(), with(0), nil},
				"another stream added":     {mapped(ss[0], ss[1], Session{SSRC: 3}), with(0), nil},
				"another suite":            {m.header, with(1, spPayload{suite}), nil},
				"RAND":                     {m.header, with(1, randPayload{bytes.Repeat([]byte{9}, 16)}), ErrExchange},
				"the first RAND":           {m.header, with(1, randPayload{b.first.rand}), ErrExchange},
				"another CSB":              {otherCSB, with(0), ErrExchange},
				"another PRF":              {otherPRF, with(0), ErrExchange},
				"fewer streams":            {mapped(ss[0]), with(0), ErrMap},
				"swapped streams":          {mapped(ss[1], ss[0]), with(0), nil}, // {0, alice}: see below
				"streams become others":    {mapped(Session{SSRC: 0x22222222}, Session{SSRC: 0x11111111}), with(0), ErrMap},
				"policy that is not there": {mapped(Session{Policy: 7, SSRC: ss[0].SSRC}, ss[1]), with(0), ErrPolicy},
			} {
				raw := b.alice.resealed(t, tc.h, append([]payload{}, tc.payloads...))
				if name == "swapped streams" {
					tc.want = ErrMap // alice's SSRC in bob's place
				}
				parsed, err := Parse(raw)
				if err == nil {
					_, err = b.bob.authenticate(parsed)
				}
				if !errors.Is(err, tc.want) {
					t.Errorf("%s: got %v, want %v", name, err, tc.want)
				}
			}
			// The answerer neither.
			i := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
			resp, err := b.bob.authenticate(mustParse(t, i.Message()))
			if err != nil {
				t.Fatal(err)
			}
			a := b.bob.answer()
			a.SSRC[2]++
			_, r, err := resp.Answer(a)
			if err != nil {
				t.Fatal(err)
			}
			if err := i.Authenticate(mustParse(t, r), b.alice.peer); !errors.Is(err, ErrMap) {
				t.Errorf("an answer with another SSRC: %v", err)
			}
		})
	}
}

// TestUpdatesOfOthers: no update passes for another bundle, another mode, the other direction or a first message, nor a first
// message for an update.
func TestUpdatesOfOthers(t *testing.T) {
	all := bundles(t, PRFSHA1)
	twins := bundles(t, PRFSHA1) // the same CSB IDs, times and long-term keys; RAND and envelope keys differ
	byMode := map[string]mode{}
	for _, m := range modes(t) {
		byMode[m.name] = m
	}
	for n, b := range all {
		for _, refresh := range []bool{false, true} {
			p := b.alice.params(t, b.bob)
			p.NoKey = refresh
			i := b.alice.begin(t, p, b.group)
			r := replied(t, mustParse(t, i.Message()), b.bob.authenticate, b.bob.answer())
			own := func(at *party) bool { return at == b.bob }
			for k, other := range append(append([]bundle{}, all...), twins...) {
				for _, at := range []*party{other.alice, other.bob} {
					for _, raw := range [][]byte{i.Message(), r} {
						if own(at) && &raw[0] == &i.Message()[0] {
							continue // the honest receiver, which has answered: TestOldTime
						}
						for _, as := range []Type{TypePSKInit, TypeDHInit, TypeDHHMACInit, mustParse(t, raw).Type()} {
							forged := bytes.Clone(raw)
							forged[1] = byte(as)
							m, err := Parse(forged)
							if err != nil {
								continue
							}
							_, err = at.authenticate(m)
							// A signature knows no RAND: what keeps signed bundles of one pair apart is their CSB ID.
							if twin := k == n+len(all) && b.alice.csb.update == TypeDHInit && at == other.bob; err == nil && !twin {
								t.Errorf("%s refresh=%v passes at %s %s as type %d", b.name, refresh, other.name, at.id, as)
							}
						}
					}
				}
				q := other.alice.params(t, other.bob)
				q.NoKey, q.Time = refresh, q.Time.Add(time.Minute)
				open := other.alice.begin(t, q, other.group)
				for _, raw := range [][]byte{r, i.Message(), retyped(r, r)} {
					if open.Authenticate(mustParse(t, raw), other.alice.peer) == nil {
						t.Errorf("R of %s is taken for an answer of %s", b.name, other.name)
					}
				}
				if open.Authenticate(mustParse(t, open.Message()), other.alice.peer) == nil {
					t.Errorf("%s: I is taken for its own answer", other.name)
				}
			}
			m := byMode[b.name]
			if _, err := m.authenticate(mustParse(t, i.Message())); !errors.Is(err, ErrExchange) {
				t.Errorf("%s: an update as a first message: %v", b.name, err)
			}
			if _, err := b.bob.authenticate(mustParse(t, m.begin(t, testParams(t)).Message())); !errors.Is(err, ErrExchange) {
				t.Errorf("%s: a first message as an update: %v", b.name, err)
			}
		}
	}
}

// TestKeyOfABundle: a bundle with an envelope key is updated under that alone, and only where it may be kept.
func TestKeyOfABundle(t *testing.T) {
	for _, m := range modes(t) {
		if m.name != "pke rsa" && m.name != "rsar rsa" {
			continue
		}
		for _, cache := range []bool{false, true} {
			p := testParams(t)
			p.Cache, m.answer.Cache = cache, cache
			x, y := run2(t, m.begin(t, p), m.authenticate, m.answer, m.responder)
			for _, c := range []*Crypto{x, y} {
				csb := c.CSB()
				if csb.CanUpdate() != cache || !csb.Enveloped() || csb.UpdateType() != TypePSKInit || csb.ID() != p.CSBID {
					t.Errorf("%s cache=%v: can be updated: %v", m.name, cache, csb.CanUpdate())
				}
				u := Params{Prior: csb, Time: csb.NextTime(p.Time), IDi: testIDi, IDr: testIDr, V: true}
				if _, err := InitiatePSK(u, testPSK); !errors.Is(err, ErrParams) {
					t.Errorf("%s: an update under a PSK: %v", m.name, err)
				}
				if _, err := InitiatePSK(u, nil); (err == nil) != cache {
					t.Errorf("%s cache=%v: update: %v", m.name, cache, err)
				}
				c.Wipe()
				if csb.CanUpdate() != cache {
					t.Errorf("%s: the state went with the keys", m.name)
				}
				key := csb.envelope
				csb.Wipe()
				if csb.CanUpdate() || len(bytes.Trim(key, "\x00")) != 0 {
					t.Errorf("%s: an envelope key is left", m.name)
				}
				u.Time = csb.NextTime(p.Time)
				if _, err := InitiatePSK(u, nil); !errors.Is(err, ErrParams) {
					t.Errorf("%s: an update after Wipe: %v", m.name, err)
				}
			}
		}
	}
}

// TestStateKeepsSecrets: no state prints or marshals.
func TestStateKeepsSecrets(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		if got := fmt.Sprintf("%+v", b.alice.csb); got != "[secret]" {
			t.Errorf("%s prints as %.80s", b.name, got)
		}
		if _, err := json.Marshal(b.alice.csb); err == nil {
			t.Errorf("%s marshals", b.name)
		}
	}
}

// TestUpdateByAnotherMode: a bundle of Diffie-Hellman is not brought down to a pre-shared key that the peer has as well, nor the
// other way round, whichever function the type of the message leads to.
func TestUpdateByAnotherMode(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	for _, b := range bundles(t, PRFSHA1) {
		for _, typ := range []Type{TypePSKInit, TypeDHInit, TypeDHHMACInit} {
			if typ == b.bob.csb.update && !b.bob.csb.enveloped {
				continue
			}
			liar := b.first.CSB()
			liar.update, liar.enveloped = typ, false
			p := b.alice.params(t, b.bob)
			p.Prior = liar
			var i Initiation
			var err error
			switch typ {
			case TypeDHInit:
				i, err = InitiateDH(p, GroupP256, alice)
			case TypeDHHMACInit:
				i, err = InitiateDHHMAC(p, GroupP256, testPSK)
			default:
				i, err = InitiatePSK(p, testPSK)
			}
			if err != nil {
				t.Fatal(err)
			}
			m := mustParse(t, i.Message())
			switch typ {
			case TypeDHInit:
				_, err = AuthenticateDH(m, aliceK, b.bob.csb)
			case TypeDHHMACInit:
				_, err = AuthenticateDHHMAC(m, testPSK, b.bob.csb)
			default:
				_, err = AuthenticatePSK(m, testPSK, b.bob.csb)
			}
			want := ErrExchange
			if typ == TypePSKInit && b.bob.csb.enveloped {
				want = ErrParams // under the envelope key alone
			}
			if !errors.Is(err, want) {
				t.Errorf("%s updated by a message of type %d: %v", b.name, typ, err)
			}
		}
	}
}
