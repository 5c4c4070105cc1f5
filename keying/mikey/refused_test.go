package mikey

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// refusalOf makes an error message with a V under k, or a SIGN of s, over the message and beside.
func refusalOf(t *testing.T, csbID uint32, at Timestamp, k *messageKey, s *Signer, beside []byte) []byte {
	t.Helper()
	payloads := []payload{timestampPayload{at}, errPayload{number: InvalidSPpar}, spPayload{gcmPolicy()}}
	h := header{typ: TypeError, csbID: csbID}
	if k != nil {
		h.prf = k.prf
		m, err := k.seal(macHMACSHA1, assemble(h, append(payloads, vPayload{macHMACSHA1, make([]byte, 20)})), beside)
		if err != nil {
			t.Fatal(err)
		}
		return m.raw
	}
	sign, err := s.signature(true)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.sealBeside(assemble(h, append(payloads, sign)), len(sign.data), beside)
	if err != nil {
		t.Fatal(err)
	}
	return m.raw
}

// TestRefusals: an error message is authenticated by the key of its exchange, over the message with or without the octets that
// RFC 3830 section 5.2 appends to answers, and not when it is old, of another bundle or under another key.
func TestRefusals(t *testing.T) {
	for _, m := range modes(t) {
		if m.name == "dh rsa modp2048" || m.name == "dh rsa modp3072" {
			continue // the group is nothing to an error message
		}
		t.Run(m.name, func(t *testing.T) {
			p := testParams(t)
			i := m.begin(t, p)
			var key, wrong *messageKey
			var signer *Signer
			signature := m.responder
			switch x := i.(type) {
			case *pskInitiation:
				key = &messageKey{x.psk.prf, bytes.Clone(x.psk.key), x.psk.csbID, x.psk.rand}
			case *dhInitiation:
				if x.psk != nil {
					key = &messageKey{x.psk.prf, bytes.Clone(x.psk.key), x.psk.csbID, x.psk.rand}
				}
			}
			if key == nil {
				signer = m.answer.Signer
			} else {
				other := *key
				other.key = bytes.Repeat([]byte{7}, 32)
				wrong = &other
			}
			at := NewTimestamp(p.Time)
			ids := idsAndTime(testIDi, testIDr, at)
			mallory, _ := rsaIdentity(t, "alice")
			if m.name == "rsar rsa" || m.name == "dh rsa modp1536" || m.name == "dh rsa p256" {
				mallory, _ = ecdsaIdentity(t)
			}
			for name, tc := range map[string]struct {
				raw  []byte
				want bool
			}{
				"message alone, our T": {refusalOf(t, p.CSBID, at, key, signer, nil), true},
				"with IDs and T":       {refusalOf(t, p.CSBID, at, key, signer, ids), true},
				"with our T, its own":  {refusalOf(t, p.CSBID, NewTimestamp(p.Time.Add(-time.Minute)), key, signer, ids), true},
				"a later T":            {refusalOf(t, p.CSBID, NewTimestamp(p.Time.Add(time.Second)), key, signer, nil), true},
				"an old T":             {refusalOf(t, p.CSBID, NewTimestamp(p.Time.Add(-time.Second)), key, signer, nil), false},
				"other IDs":            {refusalOf(t, p.CSBID, at, key, signer, idsAndTime(testIDr, testIDi, at)), false},
				"another key":          {refusalOf(t, p.CSBID, at, wrong, &mallory, nil), false},
				"unauthenticated":      {NewErrorMessage(p.CSBID, at, InvalidSPpar, []Policy{gcmPolicy()}), false},
			} {
				got, err := i.Refused(mustParse(t, tc.raw), signature)
				if err != nil || got.Authenticated != tc.want {
					t.Errorf("%s: authenticated %v (%v)", name, got.Authenticated, err)
				}
				if len(got.Numbers) != 1 || got.Numbers[0] != InvalidSPpar || len(got.Policies) != 1 || got.Policies[0].suite().name != "AEAD_AES_128_GCM" {
					t.Errorf("%s: %v %v", name, got.Numbers, got.Policies)
				}
			}
			flipAll(t, refusalOf(t, p.CSBID, at, key, signer, nil), func(e *Message) error {
				if got, err := i.Refused(e, signature); err != nil || !got.Authenticated {
					return ErrAuth
				}
				return nil
			})
			if _, err := i.Refused(mustParse(t, refusalOf(t, p.CSBID+1, at, key, signer, nil)), signature); !errors.Is(err, ErrExchange) {
				t.Errorf("of another bundle: %v", err)
			}
			if _, err := i.Refused(mustParse(t, i.Message()), signature); !errors.Is(err, ErrExchange) {
				t.Errorf("no error message: %v", err)
			}
			// The exchange goes on all the same.
			_, r := m.answered(t, i.Message())
			if err := i.Authenticate(mustParse(t, r), m.responder); err != nil {
				t.Errorf("an error message ended the exchange: %v", err)
			}
			i.Wipe()
			if key != nil {
				zero := *key
				zero.key = make([]byte, len(key.key))
				if got, err := i.Refused(mustParse(t, refusalOf(t, p.CSBID, at, &zero, nil, nil)), signature); err != nil || got.Authenticated {
					t.Errorf("once wiped, a key of zeros authenticates (%v)", err)
				}
			}
		})
	}
}

// TestSignedRefusalOfEnvelope: who cannot open an envelope has no key for a V, and signs.
func TestSignedRefusalOfEnvelope(t *testing.T) {
	alice, _ := rsaIdentity(t, "alice")
	bob, bobKey := rsaIdentity(t, "bob")
	i, err := InitiatePKE(testParams(t), alice, bob.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	e := mustParse(t, refusalOf(t, testParams(t).CSBID, mustParse(t, i.Message()).Timestamp(), nil, &bob, nil))
	if got, err := i.Refused(e, bobKey); err != nil || !got.Authenticated {
		t.Errorf("signed: %v (%v)", got.Authenticated, err)
	}
	if got, err := i.Refused(e, PeerKey{}); err != nil || got.Authenticated {
		t.Errorf("whose key nobody knows: %v (%v)", got.Authenticated, err)
	}
	v := vectors(t)["err-3-authenticated-mac-over-msg-only"]
	e = mustParse(t, v.I)
	k := messageKey{PRFSHA1, v.PSK, e.CSBID(), v.RAND}
	if !k.holds(e)(nil) {
		t.Error("err-3 does not hold")
	}
}
