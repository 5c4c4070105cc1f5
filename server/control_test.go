package server

import (
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// TestStrength: of each pair the first is the weaker keying.
func TestStrength(t *testing.T) {
	ascending := []WeakestView{
		{Method: string(keying.DTLSSRTP)}, // its handshake runs
		{Method: string(keying.SDES), Suite: string(keying.AESCM128SHA1x80)},
		{Method: string(keying.SDES), Suite: string(keying.AEADAES256GCM)},
		{Method: string(keying.MIKEYPSK), Suite: string(keying.AESCM128SHA1x80)},
		{Method: string(keying.MIKEYPKE), Suite: string(keying.AESCM256SHA1x80)},
		{Method: string(keying.MIKEYRSAR), Suite: string(keying.AEADAES128GCM)},
		{Method: string(keying.MIKEYPSK), Suite: string(keying.AEADAES256GCM)},
		{Method: string(keying.DTLSSRTP), Suite: string(keying.AESCM128SHA1x80), ForwardSecrecy: true},
		{Method: string(keying.MIKEYDHHMAC), Suite: string(keying.AEADAES128GCM), ForwardSecrecy: true},
		{Method: string(keying.MIKEYDH), Suite: string(keying.AEADAES256GCM), ForwardSecrecy: true},
	}
	for i := range ascending[1:] {
		if weak, strong := &ascending[i], &ascending[i+1]; strength(weak) >= strength(strong) {
			t.Errorf("%+v (%d) is not weaker than %+v (%d)", *weak, strength(weak), *strong, strength(strong))
		}
	}
}

// What a trunk says about its callers is shown to people: it is bounded, and prints.
func TestCallerName(t *testing.T) {
	user := dialog.URI{User: "4711"}
	long := make([]rune, 3*maxDisplayName)
	for i := range long {
		long[i] = 'ü'
	}
	for display, want := range map[string]string{
		"": "4711", "  ": "4711", "Ann B.": "Ann B.", " Ann ": "Ann", "A\x1b[2Jnn\r\nB\u202e": "A[2JnnB", string(long): string(long[:maxDisplayName]),
	} {
		if got := callerName(dialog.Address{Display: display, URI: user}); got != want {
			t.Errorf("%q is shown as %q, want %q", display, got, want)
		}
	}
}
