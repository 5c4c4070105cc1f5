package keying

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestBundleFile(t *testing.T) {
	w := newWorld(t)
	b := w.bundle(alice, CertRSA)
	b.Servers = []ServerAddress{{"udp", "127.0.0.1:5060"}, {"tls", "127.0.0.1:5061"}}
	b.Digest = DigestCredential{"alice", testDomain, NewSecret([]byte("correct horse"))}
	path := filepath.Join(t.TempDir(), "alice.json")
	for range 2 {
		if err := b.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	back, err := ReadBundle(path)
	if err != nil {
		t.Fatal(err)
	}
	if !back.PSK.Equal(b.PSK) || !back.KeyPEM.Equal(b.KeyPEM) || !back.Digest.Password.Equal(b.Digest.Password) ||
		back.CertPEM != b.CertPEM || back.CAPEM != b.CAPEM || back.ServerCertPEM != b.ServerCertPEM || !reflect.DeepEqual(back.Servers, b.Servers) || back.URI != b.URI {
		t.Error("did not come back")
	}
	for _, m := range ofMIKEY() {
		w.offer(w.callerWith(back), m, dialled(alice))
	}
	if back.Roots() == nil {
		t.Error("no roots")
	}
}

// TestBundleShape holds the names that other programs read.
func TestBundleShape(t *testing.T) {
	b := newWorld(t).bundle(alice, CertECDSA)
	b.Servers = []ServerAddress{{"udp", "127.0.0.1:5060"}}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var shape map[string]any
	if err := json.Unmarshal(text, &shape); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"account", "uri", "servers", "digest", "psk", "cert", "key", "ca", "server_cert"} {
		if shape[name] == nil {
			t.Errorf("no %q", name)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		filepath.Join(dir, "missing"), write("empty", ""), write("text", "{"), write("uri", `{"uri":"alice"}`),
		write("psk", `{"uri":"sip:a@b","psk":"%"}`), write("long", strings.Repeat(" ", maxBundle+1)),
	} {
		if _, err := ReadBundle(path); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	w := newWorld(t)
	for name, change := range map[string]func(*Bundle){
		"certificate without key": func(b *Bundle) { b.KeyPEM = Secret{} },
		"no PEM in ca":            func(b *Bundle) { b.CAPEM = "x" },
	} {
		b := w.bundle(alice, CertECDSA)
		change(b)
		if _, err := NewBundleKeyer(b, BundleConfig{}); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.bundle(alice, CertECDSA).WriteFile(filepath.Join(dir, "no", "such", "folder")); !errors.Is(err, ErrBundle) {
		t.Error(err)
	}
}
