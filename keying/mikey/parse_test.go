package mikey

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"math/big"
	"testing"
)

// TestEveryTruncationIsRefused cuts every vector at every octet, and adds one.
func TestEveryTruncationIsRefused(t *testing.T) {
	for name, v := range vectors(t) {
		for _, b := range [][]byte{v.I, v.R} {
			if len(b) == 0 || v.Expect != "" {
				continue
			}
			for n := range b {
				if _, err := Parse(b[:n]); err == nil {
					t.Errorf("%s: its first %d octets of %d parse", name, n, len(b))
				}
			}
			if _, err := Parse(append(bytes.Clone(b), 0)); err == nil {
				t.Errorf("%s: parses with an octet more", name)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	base := []payload{timestampPayload{}, randPayload{make([]byte, 16)}}
	kemac := kemacPayload{kemacAESCM128, nil, macHMACSHA1, make([]byte, 20)}
	sp := func(n int) []payload {
		var ps []payload
		for i := range n {
			ps = append(ps, spPayload{Policy{Number: uint8(i)}})
		}
		return ps
	}
	sessions := func(n int) header { return header{count: uint8(n), sessions: make([]Session, n)} }
	join := func(parts ...[]payload) []payload {
		var ps []payload
		for _, p := range parts {
			ps = append(ps, p...)
		}
		return ps
	}
	last := []payload{kemac}
	ext := func(typ uint8, n int) []payload {
		var ps []payload
		for range n {
			ps = append(ps, extPayload{typ, []byte("x")})
		}
		return ps
	}
	id := idPayload{Identity{IDTypeURI, "sip:a@b"}}
	for _, tc := range []struct {
		name string
		h    header
		ps   []payload
		want error
	}{
		{"plain", header{}, join(base, last), nil},
		{"all sessions", sessions(MaxSessions), join(base, last), nil},
		{"a session too many", sessions(MaxSessions + 1), join(base, last), ErrMalformed},
		{"all policies", header{}, join(base, sp(MaxPolicies), last), nil},
		{"a policy too many", header{}, join(base, sp(MaxPolicies+1), last), ErrMalformed},
		{"all extensions", header{}, join(base, ext(ExtVendorID, maxExt), last), nil},
		{"an extension too many", header{}, join(base, ext(ExtVendorID, maxExt+1), last), ErrMalformed},
		{"two lists of SDP IDs", header{}, join(base, ext(ExtSDPIDs, 2), last), ErrMalformed},
		{"three identities", header{}, join(base, []payload{id, id, id}, last), ErrMalformed},
		{"two times", header{}, join(base, base[:1], last), ErrMalformed},
		{"no time", header{}, join(base[1:], last), ErrMalformed},
		{"nothing", header{}, nil, ErrMalformed},
		{"no KEMAC", header{}, base, ErrMalformed},
		{"KEMAC not last", header{}, join(last, base), ErrMalformed},
		{"DH in a PSK message", header{}, join(base, []payload{dhPayload{value: make([]byte, 192)}}, last), ErrMalformed},
		{"V in front", header{typ: TypePSKResp}, join([]payload{vPayload{macHMACSHA1, make([]byte, 20)}}, base[:1]), ErrMalformed},
		{"two V", header{typ: TypePSKResp}, join(base[:1], []payload{vPayload{1, make([]byte, 20)}, vPayload{1, make([]byte, 20)}}), ErrMalformed},
		{"ticket request", header{typ: 11}, join(base, last), ErrType},
		{"unknown map", header{mapType: 3}, join(base, last), ErrMap},
		{"empty map", header{mapType: MapEmpty, count: 3}, join(base, last), nil},
		{"generic map", header{mapType: MapGeneric, count: 1, generic: []GenericSession{
			{CSID: 1, Flag: true, Policies: []uint8{0, 1}, Data: []byte{1, 2, 3, 4}, SPI: []byte{9}},
		}}, join(base, last), nil},
		{"certificate hash", header{typ: TypePKEInit}, join(base, last, []payload{
			chashPayload{cacheHashSHA256, make([]byte, 32)}, pkePayload{1, []byte("envelope")}, signPayload{signRSA, []byte("x")},
		}), nil},
		{"parameter twice", header{}, join(base, []payload{spPayload{Policy{Params: []Param{{1, []byte{16}}, {1, []byte{32}}}}}}, last), ErrMalformed},
		{"unknown time stamp", header{}, join([]payload{timestampPayload{Timestamp{typ: 9}}}, last), ErrTimestamp},
		{"unknown MAC", header{}, join(base, []payload{kemacPayload{kemacAESCM128, nil, 9, nil}}), ErrMACAlg},
		{"unknown group", header{typ: TypeDHInit}, join(base, []payload{dhPayload{group: 99}}), ErrGroup},
		{"unknown hash", header{typ: TypePKEInit}, join(base, []payload{chashPayload{hash: 9}}), ErrHash},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := assemble(tc.h, tc.ps)
			m, err := Parse(b)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err == nil && !bytes.Equal(m.Marshal(), b) {
				t.Error("marshals to other octets")
			}
		})
	}
	if _, err := Parse(make([]byte, MaxMessage+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
	many := base
	for range MaxPayloads {
		many = append(many, extPayload{})
	}
	if _, err := Parse(assemble(header{}, many)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too many: %v", err)
	}
}

func TestPeek(t *testing.T) {
	v := vectors(t)["neg-5-truncated"]
	csb, at, ok := Peek(v.I)
	if ntp, _ := at.NTP(); !ok || csb != 0x12345678 || ntp != 0xeb1f040080000000 {
		t.Errorf("%x %x %v", csb, ntp, ok)
	}
	for _, b := range [][]byte{nil, {2}, v.I[:20], []byte("nonsense")} {
		if _, _, ok := Peek(b); ok {
			t.Errorf("%x has a time", b)
		}
	}
}

// TestLoneIdentity: whose the only ID payload is depends on the message type and on CERTi.
func TestLoneIdentity(t *testing.T) {
	id, cert := idPayload{Identity{IDTypeURI, "x"}}, certPayload{CertX509Sign, nil}
	for _, tc := range []struct {
		name      string
		typ       Type
		ps        []payload
		responder bool
	}{
		{"psk i", TypePSKInit, []payload{id}, false},
		{"psk r", TypePSKResp, []payload{id}, true},
		{"dh i", TypeDHInit, []payload{id}, false},
		{"dh i, certificate after", TypeDHInit, []payload{id, cert}, false},
		{"dh i, certificate for IDi", TypeDHInit, []payload{cert, id}, true},
		{"dh r", TypeDHResp, []payload{cert, id}, false},
		{"dhhmac i", TypeDHHMACInit, []payload{id}, true},
		{"dhhmac r", TypeDHHMACResp, []payload{id}, false},
		{"rsa-r r", TypeRSARResp, []payload{id, cert}, true},
	} {
		m := &Message{header: header{typ: tc.typ}, payloads: tc.ps}
		_, gotI := m.IDi()
		_, gotR := m.IDr()
		if gotR != tc.responder || gotI == tc.responder {
			t.Errorf("%s: IDi %v IDr %v", tc.name, gotI, gotR)
		}
	}
}

// TestSecondECDSASignature: (r, n-s) verifies wherever (r, s) does, and would carry a replay past a cache of messages.
func TestSecondECDSASignature(t *testing.T) {
	s, k := ecdsaIdentity(t)
	i, err := InitiateDH(testParams(t), GroupMODP1536, s)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(i.Message())
	half := b[len(b)-32:]
	twin := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(half))
	twin.FillBytes(half)
	if _, err := AuthenticateDH(mustParse(t, b), k, nil); !errors.Is(err, ErrAuth) {
		t.Errorf("the twin signature: %v", err)
	}
}
