package server

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/conclave/conclave/server/store"
)

// register is a cache over a store of its own with one account.
func register(t *testing.T) *accounts {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	a, err := loadAccounts(st, "conf.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func enter(t *testing.T, a *accounts, name string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	if err := a.create(store.Account{
		Name: name, PSK: bytes.Repeat([]byte{7}, pskLength), HA1SHA256: sum[:], HA1MD5: bytes.Clone(sum[:16]),
	}); err != nil {
		t.Fatal(err)
	}
}

// A change of anything must leave the credentials as they were: zeros in their place would be a password that all know.
func TestUpdateLeavesCredentials(t *testing.T) {
	a := register(t)
	enter(t, a, "alice")
	want := sha256.Sum256([]byte("alice"))
	for range 2 { // the second change starts from what the first left in the store
		if err := a.update("alice", func(acc *store.Account) error { acc.DisplayName = "Alice"; return nil }); err != nil {
			t.Fatal(err)
		}
		if got, ok := a.HA1SHA256("alice"); !ok || !bytes.Equal(got, want[:]) {
			t.Errorf("HA1 after a change: %x, %t", got, ok)
		}
		if got, ok := a.HA1MD5("alice"); !ok || !bytes.Equal(got, want[:16]) {
			t.Errorf("HA1 by MD5 after a change: %x, %t", got, ok)
		}
		if got, ok := a.PSK("sip:alice@conf.example.com"); !ok || !bytes.Equal(got.Bytes(), bytes.Repeat([]byte{7}, pskLength)) {
			t.Error("another pre-shared key after a change")
		}
	}
}

// Whoever was handed a credential keeps it whole while the account changes or goes, and the cache's own is erased.
func TestCredentialsAreCopies(t *testing.T) {
	a := register(t)
	enter(t, a, "alice")
	cached := a.find("alice")
	ha1, _ := a.HA1SHA256("alice")
	psk, _ := a.PSK("sip:alice@conf.example.com")
	if err := a.delete("alice"); err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256([]byte("alice")); !bytes.Equal(ha1, want[:]) || !bytes.Equal(psk.Bytes(), bytes.Repeat([]byte{7}, pskLength)) {
		t.Error("a credential changed under its reader")
	}
	for _, secret := range [][]byte{cached.PSK, cached.HA1SHA256, cached.HA1MD5} {
		if len(bytes.Trim(secret, "\x00")) != 0 {
			t.Error("a secret of a deleted account is still in memory")
		}
	}
	if _, ok := a.HA1SHA256("alice"); ok {
		t.Error("a deleted account has a password")
	}
}

// An account whose policy has gone from the configuration is told of.
func TestPolicyOutside(t *testing.T) {
	a := register(t)
	for name, policy := range map[string]string{"ann": "", "bob": "standard", "eve": "gone", "dan": "gone"} {
		if err := a.create(store.Account{Name: name, Policy: policy}); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.outside(DefaultConfig().Policies); !slices.Equal(got, []string{"dan", "eve"}) {
		t.Errorf("%v have a policy that is gone", got)
	}
	if got := a.policyOf("bob") + a.policyOf("ann") + a.policyOf("nobody"); got != "standard" {
		t.Errorf("policies are %q", got)
	}
}

// The race detector watches.
func TestCredentialsConcurrently(t *testing.T) {
	a := register(t)
	enter(t, a, "alice")
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			ha1, ok := a.HA1SHA256("alice")
			if ok && bytes.Equal(ha1, make([]byte, len(ha1))) {
				t.Error("a password of zeros")
			}
			if psk, ok := a.PSK("sip:alice@conf.example.com"); ok {
				psk.Wipe()
			}
		}
	})
	for range 3 {
		if err := a.update("alice", func(acc *store.Account) error { acc.Disabled = !acc.Disabled; return nil }); err != nil {
			t.Error(err)
		}
	}
	if err := a.delete("alice"); err != nil {
		t.Error(err)
	}
	close(done)
	wg.Wait()
}

// A name that is given again is closed to the certificates of who had it before.
func TestIssuedCertificates(t *testing.T) {
	a := register(t)
	enter(t, a, "alice")
	const uri = "sip:alice@conf.example.com"
	certify := func(fingerprint string) {
		if err := a.update("alice", func(acc *store.Account) error { acc.CertFingerprints = []string{fingerprint}; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	certify("old")
	if !a.issued(uri, "old") || a.issued(uri, "") || a.issued("sip:bob@conf.example.com", "old") {
		t.Error("certificates are not told apart")
	}
	if err := a.delete("alice"); err != nil {
		t.Fatal(err)
	}
	enter(t, a, "alice")
	certify("new")
	if a.issued(uri, "old") || !a.issued(uri, "new") {
		t.Error("the certificate of a former account is taken")
	}
}
