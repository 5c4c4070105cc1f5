package mikey

import (
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMessagesForWireshark writes messages of every mode, updates and refreshes among them, into the file $INTEROP_MESSAGES, one a line in
// hexadecimal, for tshark to read in make interop. They bear no MKI: Wireshark 4.0 reads no DH payload that has one, and so, of the calls
// that make interop captures, no DH message to its end.
func TestMessagesForWireshark(t *testing.T) {
	path := os.Getenv("INTEROP_MESSAGES")
	if path == "" {
		t.Skip("INTEROP_MESSAGES names no file: make interop names one, and has tshark read it")
	}
	var lines []string
	add := func(raw []byte) {
		m := mustParse(t, raw)
		for _, der := range m.Certificates() {
			if _, err := x509.ParseCertificate(der); err != nil {
				return // an ECDSA identity of these tests: its certificate is carried, never read
			}
		}
		lines = append(lines, fmt.Sprintf("%x", raw))
	}
	for _, prf := range []PRF{PRFSHA1, PRFSHA256} {
		for _, m := range modes(t) {
			p := testParams(t)
			p.PRF = prf
			i := m.begin(t, p)
			add(i.Message())
			_, r := m.answered(t, i.Message())
			add(r)
		}
		for _, b := range bundles(t, prf) {
			for n := range 4 {
				from, to := b.alice, b.bob
				if n%2 == 1 {
					from, to = to, from
				}
				p, a, sender := from.params(t, to), to.answer(), *from
				p.NoKey, p.VendorExt, a.VendorExt = n >= 2, []byte("addresses"), []byte("addresses")
				sender.signer.Chain, a.Signer = nil, &Signer{Key: to.signer.Key}
				i := sender.begin(t, p, b.group)
				add(i.Message())
				resp, err := to.authenticate(mustParse(t, i.Message()))
				if err != nil {
					t.Fatal(err)
				}
				_, r, err := resp.Answer(a)
				if err != nil {
					t.Fatal(err)
				}
				add(r)
			}
		}
	}
	for n := AuthFailure; n <= UnsupportedType; n++ {
		add(NewErrorMessage(0xC0FFEE01, NewTimestamp(ntpTime(t, "2026-02-03T04:05:06.789Z")), n, []Policy{gcmPolicy()}))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
