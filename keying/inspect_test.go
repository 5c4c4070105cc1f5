package keying

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// TestInspect: what people paste is taken as they paste it; what is no message is told, and is never an authentic one.
func TestInspect(t *testing.T) {
	w := newWorld(t)
	text := base64.StdEncoding.EncodeToString(w.offer(w.caller(alice, CertECDSA), MIKEYPSK, dialled(alice)).Attributes().MIKEY)
	known := Inspection{PSK: testPSK(alice)}
	half := len(text) / 2
	for _, pasted := range []string{
		text, "mikey " + text, "key-mgmt:mikey " + text, "a=key-mgmt:mikey " + text + "\r\n", " " + text[:half] + "\n\t" + text[half:],
	} {
		r, err := InspectMIKEY(pasted, known)
		if err != nil || r.Error != "" || r.Authenticated == nil || !*r.Authenticated || r.SDPIDs != "mikey" {
			t.Errorf("%q: %+v, %v", pasted, r, err)
		}
	}
	for pasted, want := range map[string]string{
		"": "not base64", "mikey": "not base64", "a=crypto:1 " + text: "not base64", "AAAA": "malformed", strings.Repeat("A", maxInspected+1): "longer than",
	} {
		r, err := InspectMIKEY(pasted, known)
		if err != nil || !strings.Contains(r.Error, want) || r.Authenticated != nil {
			t.Errorf("%.40q: %+v, %v, want %q", pasted, r, err, want)
		}
	}
	key := w.bundle(alice, CertECDSA).KeyPEM
	for name, bad := range map[string]Inspection{
		"no PEM": {PeerCert: []byte("x")}, "no certificate": {PeerCert: key.Bytes()}, "no key": {OwnKey: []byte("x")}, "no RSA key": {OwnKey: key.Bytes()},
	} {
		if _, err := InspectMIKEY(text, bad); !errors.Is(err, ErrCall) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
