package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
)

// TestRotateAccount: the new credentials open what the old ones no longer do, the account is otherwise as it was, and its devices are gone.
func TestRotateAccount(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "")
	old := enrolled(t, s, NewAccount{Name: "ann", DisplayName: "Ann", Policy: "standard", MD5: true})
	before, err := s.Account(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	stolen := newMobile(t, s, old, "stolen")
	stolen.register()
	fresh, after, err := s.RotateAccount(t.Context(), "ann", Rotation{Cert: "rsa"})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(fresh.PSK.Bytes(), old.PSK.Bytes()) || bytes.Equal(fresh.Digest.Password.Bytes(), old.Digest.Password.Bytes()) || len(fresh.PSK.Bytes()) != pskLength {
		t.Error("the credentials are the old ones")
	}
	if len(after.CertFingerprints) != 1 || after.CertFingerprints[0] == before.CertFingerprints[0] || s.accounts.issued(old.URI, before.CertFingerprints[0]) {
		t.Errorf("certificates %v, were %v", after.CertFingerprints, before.CertFingerprints)
	}
	after.CertFingerprints, before.CertFingerprints = nil, nil
	if after.DisplayName != before.DisplayName || after.Policy != before.Policy || !after.MD5 || !after.CreatedAt.Equal(before.CreatedAt) {
		t.Errorf("the account is %+v, was %+v", after, before)
	}
	if list := s.registrar.of("ann"); len(list) != 0 {
		t.Errorf("%d devices are registered by the old password", len(list))
	}
	if _, err := stolen.call("hall"); err == nil {
		t.Error("the old key opens a room")
	}
	newMobile(t, s, fresh, "own").joins("hall")
}

func TestProvisioningURI(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "")
	b := enrolled(t, s, NewAccount{Name: "ann"})
	text := ProvisioningURI(b)
	if len(text) > 600 {
		t.Errorf("%d octets are a QR code that no camera likes", len(text))
	}
	who, query, _ := strings.Cut(text, "?")
	v, err := url.ParseQuery(query)
	if err != nil || who != "conclave:ann@"+s.cfg.SIP.Domain {
		t.Fatalf("%s: %v", text, err)
	}
	psk, err := base64.RawURLEncoding.DecodeString(v.Get("psk"))
	if err != nil || !bytes.Equal(psk, b.PSK.Bytes()) || v.Get("password") != string(b.Digest.Password.Bytes()) {
		t.Errorf("the credentials are not those of the bundle: %v", err)
	}
	block, _ := pem.Decode([]byte(b.CAPEM))
	print := sha256.Sum256(block.Bytes)
	if v.Get("ca") != base64.RawURLEncoding.EncodeToString(print[:]) {
		t.Error("the authority is another")
	}
	if got := v["server"]; len(got) != 3 || got[0] != "tls:"+s.SIPAddress("tls").String() {
		t.Errorf("servers %q", got)
	}
}
