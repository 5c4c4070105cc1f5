package mikey

import (
	"bytes"
	"errors"
	"testing"
)

// TestDHHMACNumbers: RFC 4650 numbers NULL encryption and HMAC-SHA-1 otherwise than RFC 3830. Both are read as what they
// mean, and answered alike; a NULL MAC is refused by either number.
func TestDHHMACNumbers(t *testing.T) {
	k := messageKey{PRFSHA1, testPSK, 0xC0FFEE01, bytes.Repeat([]byte{1}, 16)}
	p := testParams(t)
	x, _ := p256{}.secret(orCryptoRand(nil))
	value, err := p256{}.public(x)
	if err != nil {
		t.Fatal(err)
	}
	make4650 := func(encr, alg uint8, mac int) []byte {
		payloads := append(p.opening(k.rand, nil), dhPayload{group: GroupP256, value: value},
			kemacPayload{encr: encr, alg: alg, mac: make([]byte, mac)})
		b := assemble(p.header(TypeDHHMACInit), payloads)
		if mac == 20 {
			sum, err := k.hmac(macHMACSHA1, b[:len(b)-mac])
			if err != nil {
				t.Fatal(err)
			}
			copy(b[len(b)-mac:], sum)
		}
		return b
	}
	for _, tc := range []struct {
		name      string
		encr, alg uint8
		mac       int
		parses    bool
		want      error
	}{
		{"RFC 3830", 0, 1, 20, true, nil},
		{"RFC 4650", 2, 0, 20, true, nil},
		{"mixed", 0, 0, 20, true, nil},
		{"mixed the other way", 2, 1, 20, true, nil},
		{"AES", 1, 1, 20, true, ErrEncrAlg},
		{"NULL MAC of RFC 3830", 0, 0, 0, true, ErrMACAlg},
		{"NULL MAC of RFC 4650", 2, 1, 0, false, nil},
		{"19 octets of MAC", 2, 0, 19, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := make4650(tc.encr, tc.alg, tc.mac)
			m, err := Parse(b)
			if (err == nil) != tc.parses {
				t.Fatalf("parses: %v", err)
			}
			if !tc.parses {
				return
			}
			if !bytes.Equal(m.Marshal(), b) {
				t.Error("marshals to other octets")
			}
			resp, err := AuthenticateDHHMAC(m, testPSK, nil)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil {
				return
			}
			_, r, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := find[kemacPayload](mustParse(t, r))
			if got.encr != tc.encr || got.alg != tc.alg || k.checkDH(mustParse(t, r)) != nil {
				t.Errorf("answered with encryption %d and MAC %d", got.encr, got.alg)
			}
		})
	}
}
