package offer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/keying"
)

// Attributes that the tests put into descriptions.
const (
	crypto1 = "a=crypto:1 AEAD_AES_256_GCM inline:b25l"
	crypto2 = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:dHdv|2^31"

	fingerprint256 = "a=fingerprint:sha-256 " + octets32
	fingerprint1   = "a=fingerprint:SHA-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13"
	octets32       = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
	tlsID          = "a=tls-id:abc3de65cddef001be82"

	savp    = "m=audio 4000 RTP/SAVP 0"
	tlsSAVP = "m=audio 4000 UDP/TLS/RTP/SAVP 0"
	mikey   = "a=key-mgmt:mikey aGVsbG8="
)

// text tells attributes in a line.
func text(a keying.Attributes) string {
	var parts []string
	if a.MIKEY != nil {
		parts = append(parts, "mikey "+string(a.MIKEY))
	}
	for _, c := range a.Crypto {
		parts = append(parts, "crypto "+c.Line())
	}
	if d := a.DTLS; d != nil {
		for _, f := range d.Fingerprints {
			parts = append(parts, fmt.Sprintf("%s/%d", f.Hash, len(f.Value)))
		}
		parts = append(parts, d.Setup, d.TLSID)
	}
	return strings.Join(parts, ", ")
}

// TestAttributes: which key management applies to the audio line.
func TestAttributes(t *testing.T) {
	other := "a=key-mgmt:keyp1 727gkdOshs"
	tests := []struct {
		name  string
		lines []string
		want  string
		err   error
	}{
		{"mikey", []string{mikey, savp}, "mikey hello", nil},
		{"crypto", []string{savp, crypto1, crypto2}, "crypto 1 AEAD_AES_256_GCM inline:b25l, crypto 2 AES_CM_128_HMAC_SHA1_80 inline:dHdv|2^31", nil},
		{"mikey of the session, crypto", []string{mikey, savp, crypto1}, "mikey hello, crypto 1 AEAD_AES_256_GCM inline:b25l", nil},
		{"mikey and crypto of the medium", []string{savp, crypto1, mikey}, "mikey hello, crypto 1 AEAD_AES_256_GCM inline:b25l", nil},
		{"mikey beside another protocol", []string{other, mikey, savp}, "mikey hello", nil},
		{"crypto beside another protocol", []string{other, savp, crypto1}, "crypto 1 AEAD_AES_256_GCM inline:b25l", nil},
		{"crypto of another medium", []string{savp, mikey, "m=audio 4002 RTP/SAVP 0", crypto1}, "mikey hello", nil},
		{"crypto of the session", []string{crypto1, savp}, "", ErrNoKeyMgmt},
		{"two messages, crypto", []string{mikey, mikey, savp, crypto1}, "", ErrSeveralKeyMgmt},
		{"nothing", []string{savp}, "", ErrNoKeyMgmt},
		{"a fingerprint without DTLS", []string{savp, fingerprint256, "a=setup:actpass"}, "", ErrNoKeyMgmt},
		{"plain RTP with crypto", []string{"m=audio 4000 RTP/AVP 0", crypto1}, "", ErrNotSecure},

		{"DTLS", []string{tlsSAVP, fingerprint256, "a=setup:actpass"}, "sha-256/32, actpass, ", nil},
		{"DTLS with feedback", []string{"m=audio 4000 UDP/TLS/RTP/SAVPF 0", fingerprint256, "a=setup:active", tlsID}, "sha-256/32, active, abc3de65cddef001be82", nil},
		{"DTLS of the session", []string{fingerprint256, "a=setup:passive", tlsSAVP}, "sha-256/32, passive, ", nil},
		{"the medium's hide the session's", []string{fingerprint256, "a=setup:passive", tlsSAVP, fingerprint1, "a=setup:actpass"}, "sha-1/20, actpass, ", nil},
		{"the medium's fingerprint, the session's role", []string{"a=setup:passive", tlsSAVP, fingerprint256}, "sha-256/32, passive, ", nil},
		{"tls-id of the session", []string{tlsID, tlsSAVP, fingerprint256, "a=setup:active"}, "sha-256/32, active, ", nil},
		{"several fingerprints", []string{tlsSAVP, fingerprint1, fingerprint256, fingerprint256, "a=setup:active"}, "sha-1/20, sha-256/32, sha-256/32, active, ", nil},
		{"the same role twice", []string{tlsSAVP, fingerprint256, "a=setup:active", "a=setup:active"}, "sha-256/32, active, ", nil},
		{"an unknown hash", []string{tlsSAVP, "a=fingerprint:sha3-256 AB", "a=setup:active"}, "sha3-256/1, active, ", nil},
		{"mikey and crypto mean nothing to DTLS", []string{mikey, tlsSAVP, crypto1, fingerprint256, "a=setup:active"}, "sha-256/32, active, ", nil},
		{"DTLS with crypto alone", []string{tlsSAVP, crypto1}, "", ErrFingerprint},
		{"DTLS without a role", []string{tlsSAVP, fingerprint256}, "", ErrSetup},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustParse(t, phone(tt.lines...)).Attributes()
			if text(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%q %v; want %q %v", text(got), err, tt.want, tt.err)
			}
		})
	}
}

// TestHandshakeRefused: what is wrong with DTLS attributes matters where DTLS is offered, and nowhere else.
func TestHandshakeRefused(t *testing.T) {
	tests := []struct {
		name, line string
		want       error
	}{
		{"holdconn", "a=setup:holdconn", ErrSetup},
		{"another word", "a=setup:Active", ErrSetup},
		{"no word", "a=setup", ErrSetup},
		{"two roles", "a=setup:passive", ErrSetup},
		{"hash alone", "a=fingerprint:sha-256", ErrFingerprint},
		{"no hash", "a=fingerprint: " + octets32, ErrFingerprint},
		{"too short for its hash", "a=fingerprint:sha-256 00:11", ErrFingerprint},
		{"too long for its hash", "a=fingerprint:sha-1 " + octets32, ErrFingerprint},
		{"no colons", "a=fingerprint:x 001122", ErrFingerprint},
		{"dashes", "a=fingerprint:x 00-11", ErrFingerprint},
		{"no digits", "a=fingerprint:x 0g", ErrFingerprint},
		{"half an octet", "a=fingerprint:x 00:1", ErrFingerprint},
		{"colon at the end", "a=fingerprint:x 00:", ErrFingerprint},
		{"nothing after the hash", "a=fingerprint:x ", ErrFingerprint},
		{"65 octets", "a=fingerprint:x " + strings.Repeat("00:", 64) + "00", ErrFingerprint},
		{"a name of 17", "a=fingerprint:" + strings.Repeat("x", 17) + " 00", ErrFingerprint},
		{"nine fingerprints", strings.TrimSuffix(strings.Repeat("a=fingerprint:x 00\r\n", 9), "\r\n"), ErrTooLarge},
		{"tls-id of 19", "a=tls-id:0123456789012345678", ErrTLSID},
		{"tls-id of 256", "a=tls-id:" + strings.Repeat("x", 256), ErrTLSID},
		{"tls-id with a space", "a=tls-id:0123456789 0123456789", ErrTLSID},
		{"two tls-ids", tlsID + "\r\n" + tlsID + "x", ErrTLSID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, proto := range []string{"SAVP", "SAVPF"} {
				line := strings.Replace(tlsSAVP, "SAVP", proto, 1)
				if _, err := Parse([]byte(phone(line, "a=setup:active", tt.line))); !errors.Is(err, tt.want) {
					t.Errorf("under %s: %v; want %v", line, err, tt.want)
				}
			}
			mustParse(t, phone(savp, "a=setup:active", tt.line, "m=application 9 UDP/DTLS/SCTP x", "a=setup:active", tt.line))
			mustParse(t, phone("m=audio 0 UDP/TLS/RTP/SAVP 0", "a=setup:active", tt.line))
		})
	}
}

func TestFingerprintText(t *testing.T) {
	want := "sha-256 " + octets32
	f, err := parseFingerprint("SHA-256 " + strings.ToLower(octets32))
	if err != nil || formatFingerprint(f) != want {
		t.Errorf("%s %v", formatFingerprint(f), err)
	}
}

// addressesOf are told whether or not there is key management.
func addressesOf(d *Description) []byte {
	keys, _ := d.Attributes()
	return keys.Addresses
}

// TestAddresses: where a description wants its media, in one form however it is written.
func TestAddresses(t *testing.T) {
	here := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7, 0x0f, 0xa0}
	tests := []struct {
		name  string
		lines []string
		want  []byte
	}{
		{"of the session", []string{savp}, here},
		{"of the medium", []string{savp, "c=IN IP4 198.51.100.7"}, here},
		{"mapped", []string{savp, "c=IN IP6 ::ffff:198.51.100.7"}, here},
		{"of the second line", []string{"m=audio 0 RTP/SAVP 0", "m=audio 5000 RTP/AVP 0", savp}, here},
		{"held the old way", []string{savp, "c=IN IP4 0.0.0.0"}, nil},
		{"a name", []string{savp, "c=IN IP4 phone.example"}, nil},
		{"plain RTP", []string{"m=audio 4000 RTP/AVP 0"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, addressesOf(mustParse(t, phone(tt.lines...)))); diff != "" {
				t.Error(diff)
			}
		})
	}
	l := local(t)
	for _, keys := range []keying.Attributes{{MIKEY: []byte("x")}, handshakeOf("actpass")} {
		l.Keys = keys
		body, err := Offer(l)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l.Addresses(), addressesOf(mustParse(t, string(body)))); diff != "" || len(l.Addresses()) != 18 {
			t.Errorf("what we say of ourselves: %s", diff)
		}
	}
	moved := l
	moved.Addr = here6
	if cmp.Equal(moved.Addresses(), l.Addresses()) {
		t.Error("two addresses in one form")
	}
}

// handshakeOf is a handshake of ours.
func handshakeOf(setup string) keying.Attributes {
	f, err := parseFingerprint(strings.TrimPrefix(fingerprint256, "a=fingerprint:"))
	if err != nil {
		panic(err)
	}
	return keying.Attributes{DTLS: &keying.DTLS{
		Fingerprints: []keying.Fingerprint{f}, Setup: setup, TLSID: strings.TrimPrefix(tlsID, "a=tls-id:"),
	}}
}

// cryptos are a=crypto values of ours.
func cryptos(lines ...string) keying.Attributes {
	var a keying.Attributes
	for _, l := range lines {
		a.Crypto = append(a.Crypto, keying.NewCrypto(strings.TrimPrefix(l, "a=crypto:")))
	}
	return a
}
