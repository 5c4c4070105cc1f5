package mikey

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestAnonymous: an I_MESSAGE without identities, whose V may cover those that both sides know, or none.
func TestAnonymous(t *testing.T) {
	for _, anyTime := range []bool{false, true} {
		p := testParams(t)
		p.Anonymous, p.AnyAnswerTime = true, anyTime
		i, err := InitiatePSK(p, testPSK)
		if err != nil {
			t.Fatal(err)
		}
		m := mustParse(t, i.Message())
		if _, _, haveI, haveR := m.identities(); haveI || haveR {
			t.Fatal("identities are stated")
		}
		k := i.(*pskInitiation).psk
		v := func(at Timestamp, beside []byte) *Message {
			h := m.responseHeader(TypePSKResp, []Session{{SSRC: 0x11111111}, {SSRC: 0x22222222}})
			r, err := k.seal(macHMACSHA1, assemble(h, []payload{timestampPayload{at}, vPayload{macHMACSHA1, make([]byte, 20)}}), beside)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		ours, theirs := m.Timestamp(), NewTimestamp(p.Time.Add(time.Second))
		try := func(r *Message) error {
			defer func() { i.(*pskInitiation).answered = false }()
			return i.Authenticate(r, PeerKey{})
		}
		for name, tc := range map[string]struct {
			r    *Message
			want error
		}{
			"over none":                    {v(ours, idsAndTime("", "", ours)), nil},
			"over both":                    {v(ours, idsAndTime(testIDi, testIDr, ours)), nil},
			"over one":                     {v(ours, idsAndTime(testIDi, "", ours)), ErrAuth},
			"swapped":                      {v(ours, idsAndTime(testIDr, testIDi, ours)), ErrAuth},
			"message alone":                {v(ours, nil), ErrAuth},
			"its own T, V over ours":       {v(theirs, idsAndTime("", "", ours)), map[bool]error{false: ErrTimestamp}[anyTime]},
			"its own T, V over that":       {v(theirs, idsAndTime("", "", theirs)), map[bool]error{false: ErrTimestamp, true: ErrAuth}[anyTime]},
			"an honest responder of ours":  {mustParse(t, answerOf(t, m)), nil},
			"its own T and the identities": {v(theirs, idsAndTime(testIDi, testIDr, ours)), map[bool]error{false: ErrTimestamp}[anyTime]},
		} {
			if err := try(tc.r); !errors.Is(err, tc.want) {
				t.Errorf("any time %v, %s: got %v, want %v", anyTime, name, err, tc.want)
			}
		}
	}
	// Whoever states identities has them covered.
	i, err := InitiatePSK(testParams(t), testPSK)
	if err != nil {
		t.Fatal(err)
	}
	m := mustParse(t, i.Message())
	h := m.responseHeader(TypePSKResp, m.header.sessions)
	r, err := i.(*pskInitiation).psk.seal(macHMACSHA1, assemble(h, []payload{timestampPayload{m.Timestamp()}, vPayload{macHMACSHA1, make([]byte, 20)}}),
		idsAndTime("", "", m.Timestamp()))
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(r, PeerKey{}); !errors.Is(err, ErrAuth) {
		t.Errorf("identities were stated and not covered: %v", err)
	}
}

// answerOf is what a responder of ours makes of a PSK message.
func answerOf(t *testing.T, m *Message) []byte {
	t.Helper()
	return replied(t, m, byPSK, Answer{SSRC: testSSRC})
}

// TestRFC4650Numbers: sent when asked for, answered alike, and not with the SHA-256 suite, which RFC 4650 does not number.
func TestRFC4650Numbers(t *testing.T) {
	for prf, want := range map[PRF][2]uint8{PRFSHA1: {kemacNULL4650, macHMAC4650}, PRFSHA256: {kemacNULL, macHMACSHA256}} {
		p := testParams(t)
		p.PRF, p.RFC4650Numbers = prf, true
		i, err := InitiateDHHMAC(p, GroupP256, testPSK)
		if err != nil {
			t.Fatal(err)
		}
		kemac, _ := find[kemacPayload](mustParse(t, i.Message()))
		if kemac.encr != want[0] || kemac.alg != want[1] {
			t.Errorf("%s: sent as %d and %d", prf, kemac.encr, kemac.alg)
		}
		x, y := run(t, i, func(m *Message) (Response, error) { return AuthenticateDHHMAC(m, testPSK, nil) }, Answer{SSRC: testSSRC}, PeerKey{})
		sameKeys(t, x, y)
		u := Params{Prior: x.CSB(), Time: x.CSB().NextTime(p.Time), IDi: testIDi, IDr: testIDr, NoKey: true, RFC4650Numbers: true}
		if i, err = InitiateDHHMAC(u, 0, testPSK); err != nil {
			t.Fatal(err)
		}
		if _, err := AuthenticateDHHMAC(mustParse(t, i.Message()), testPSK, y.CSB()); err != nil {
			t.Errorf("%s: refresh: %v", prf, err)
		}
	}
}

// TestShortMaps: messages with no crypto session or one give keys for the two that convention numbers.
func TestShortMaps(t *testing.T) {
	for n, sessions := range [][]Session{nil, {{}}, {{SSRC: 5}}} {
		p := testParams(t)
		p.Sessions = sessions
		i, err := InitiatePSK(p, testPSK)
		if err != nil {
			t.Fatal(err)
		}
		x, y := run(t, i, func(m *Message) (Response, error) { return AuthenticatePSK(m, testPSK, nil) }, Answer{SSRC: testSSRC}, PeerKey{})
		for _, id := range []uint8{1, 2} {
			a, err1 := x.Key(id, 16)
			b, err2 := y.Key(id, 16)
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%d: CS %d: %v %v", n, id, err1, err2)
			}
		}
		if len(x.Sessions()) != len(sessions) || len(y.CSB().Sessions()) != len(sessions) {
			t.Errorf("%d: maps are %v and %v", n, x.Sessions(), y.Sessions())
		}
	}
}

// TestCacheFlag: C is what the initiator asked for; what peers send in it is read as RFC 3830 table 6.3 says.
func TestCacheFlag(t *testing.T) {
	for flag, want := range map[uint8]bool{0: false, 1: true, 2: true, 3: false} {
		c := &Crypto{}
		c.cache(pkePayload{cache: flag}, []byte("envelope"))
		if (c.envelope != nil) != want {
			t.Errorf("C=%d: cached %v", flag, c.envelope != nil)
		}
	}
	alice, _ := rsaIdentity(t, "alice")
	for cache, want := range map[bool]uint8{false: cacheNo, true: cacheCSB} {
		p := testParams(t)
		p.Cache = cache
		i, err := InitiatePKE(p, alice, alice.Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		if pke, _ := find[pkePayload](mustParse(t, i.Message())); pke.cache != want {
			t.Errorf("C is %d", pke.cache)
		}
	}
}

// TestRSARMKI: the responder chooses the key, and its MKI.
func TestRSARMKI(t *testing.T) {
	for _, m := range modes(t) {
		if m.name != "rsar rsa" {
			continue
		}
		m.answer.MKI = []byte{1, 2, 3, 4}
		x, y := run(t, m.begin(t, testParams(t)), m.authenticate, m.answer, m.responder)
		sameKeys(t, x, y)
		if !bytes.Equal(x.MKI(), m.answer.MKI) {
			t.Errorf("MKI is %x", x.MKI())
		}
		resp, err := m.authenticate(mustParse(t, m.begin(t, testParams(t)).Message()))
		if err != nil {
			t.Fatal(err)
		}
		m.answer.MKI = make([]byte, maxMKI+1)
		if _, _, err := resp.Answer(m.answer); !errors.Is(err, ErrParams) {
			t.Errorf("too long: %v", err)
		}
	}
}

// TestVendorExt: one, bounded, in first messages as well, and covered.
func TestVendorExt(t *testing.T) {
	for _, m := range modes(t) {
		p := testParams(t)
		p.VendorExt, m.answer.VendorExt = bytes.Repeat([]byte{1}, MaxVendorExt), []byte{}
		i := m.begin(t, p)
		if ext, ok := mustParse(t, i.Message()).VendorExt(); !ok || !bytes.Equal(ext, p.VendorExt) {
			t.Errorf("%s: I carries %x", m.name, ext)
		}
		_, r := m.answered(t, i.Message())
		if ext, ok := mustParse(t, r).VendorExt(); !ok || len(ext) != 0 {
			t.Errorf("%s: R carries %x", m.name, ext)
		}
		if err := i.Authenticate(mustParse(t, r), m.responder); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		p.VendorExt = append(p.VendorExt, 1)
		if _, err := m.initiate(p); !errors.Is(err, ErrParams) {
			t.Errorf("%s: too long: %v", m.name, err)
		}
	}
	h := header{typ: TypeError}
	ext := extPayload{ExtVendor, []byte("x")}
	at := timestampPayload{NewTimestamp(time.Unix(0, 0))}
	for name, tc := range map[string]struct {
		payloads []payload
		want     error
	}{
		"one":      {[]payload{at, errPayload{}, ext}, nil},
		"two":      {[]payload{at, errPayload{}, ext, ext}, ErrMalformed},
		"too long": {[]payload{at, errPayload{}, extPayload{ExtVendor, make([]byte, MaxVendorExt+1)}}, ErrMalformed},
		"others":   {[]payload{at, errPayload{}, ext, extPayload{ExtVendorID, make([]byte, 500)}}, nil},
	} {
		if _, err := Parse(assemble(h, tc.payloads)); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}
