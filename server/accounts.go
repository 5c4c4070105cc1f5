package server

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/store"
)

// accountsPage is how many accounts are read at a time when the cache is filled.
const accountsPage = 500

// pskLength is the length of a generated pre-shared key in octets.
const pskLength = 32

// accounts is the cache of all accounts in memory, which answers the gate and the key agreements without touching the disk.
// The store is the truth; every change goes there first. It satisfies keying.Directory and gate.Accounts.
type accounts struct {
	store  store.Store
	domain string
	roots  *x509.CertPool

	mu     sync.RWMutex
	byName map[string]*account
}

// account is one cached account; it is replaced, never changed.
type account struct {
	store.Account
	psk keying.Secret
}

func loadAccounts(st store.Store, domain string, roots *x509.CertPool) (*accounts, error) {
	a := &accounts{store: st, domain: domain, roots: roots, byName: make(map[string]*account)}
	for after := ""; ; {
		list, next, err := st.Accounts(after, accountsPage)
		if err != nil {
			return nil, err
		}
		for _, acc := range list {
			a.put(acc)
		}
		if after = next; next == "" {
			return a, nil
		}
	}
}

// put takes the account into the cache; the cache owns its octets from then on.
func (a *accounts) put(acc store.Account) {
	psk := keying.NewSecret(acc.PSK)
	clear(acc.PSK)
	acc.PSK = nil
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName[acc.Name] = &account{Account: acc, psk: psk}
}

// find returns the account of that name, disabled or not, or nil.
func (a *accounts) find(name string) *account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.byName[name]
}

// enabled returns the account of that name if it may call, or nil.
func (a *accounts) enabled(name string) *account {
	if acc := a.find(name); acc != nil && !acc.Disabled {
		return acc
	}
	return nil
}

// taken says whether an account has that name.
func (a *accounts) taken(name string) bool { return a.find(name) != nil }

func (a *accounts) displayName(name string) string {
	if acc := a.find(name); acc != nil && acc.DisplayName != "" {
		return acc.DisplayName
	}
	return name
}

func (a *accounts) hasCertificate(name string) bool {
	acc := a.find(name)
	return acc != nil && len(acc.CertFingerprints) > 0
}

// nameOf returns the account's name in a URI of our domain, or "".
func (a *accounts) nameOf(uri string) string {
	user, host, ok := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	if !ok || !strings.HasPrefix(uri, "sip:") || !strings.EqualFold(host, a.domain) {
		return ""
	}
	return strings.ToLower(user)
}

// PSK implements keying.Directory.
func (a *accounts) PSK(identity string) (keying.Secret, bool) {
	acc := a.enabled(a.nameOf(identity))
	if acc == nil || acc.psk.Len() == 0 {
		return keying.Secret{}, false
	}
	return acc.psk, true
}

// Roots implements keying.Directory.
func (a *accounts) Roots() *x509.CertPool { return a.roots }

// Known implements keying.Directory.
func (a *accounts) Known(identity string) bool { return a.enabled(a.nameOf(identity)) != nil }

// HA1SHA256 implements gate.Accounts.
func (a *accounts) HA1SHA256(name string) ([]byte, bool) {
	acc := a.enabled(name)
	if acc == nil || len(acc.Account.HA1SHA256) == 0 {
		return nil, false
	}
	return acc.Account.HA1SHA256, true
}

// HA1MD5 implements gate.Accounts; only an account that allows MD5 has one.
func (a *accounts) HA1MD5(name string) ([]byte, bool) {
	acc := a.enabled(name)
	if acc == nil || len(acc.Account.HA1MD5) == 0 {
		return nil, false
	}
	return acc.Account.HA1MD5, true
}

// create keeps a new account and caches it.
func (a *accounts) create(acc store.Account) error {
	if err := a.store.CreateAccount(acc); err != nil {
		return accountError(err)
	}
	a.put(acc)
	return nil
}

// update changes an account in the store and in the cache.
func (a *accounts) update(name string, change func(*store.Account)) error {
	var changed store.Account
	err := a.store.UpdateAccount(name, func(acc *store.Account) error {
		change(acc)
		changed = *acc
		changed.PSK = append([]byte(nil), acc.PSK...)
		return nil
	})
	if err != nil {
		return accountError(err)
	}
	a.put(changed)
	return nil
}

// delete forgets an account; whoever still holds its key finds it wiped.
func (a *accounts) delete(name string) error {
	if err := a.store.DeleteAccount(name); err != nil {
		return accountError(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if acc := a.byName[name]; acc != nil {
		delete(a.byName, name)
		clear(acc.Account.HA1SHA256)
		clear(acc.Account.HA1MD5)
	}
	return nil
}

// accountError translates the store's errors into those of the API.
func accountError(err error) error {
	switch {
	case errors.Is(err, store.ErrExists):
		return ErrNameTaken
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknownAccount
	case errors.Is(err, store.ErrInvalid):
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	default:
		return fmt.Errorf("server: account store: %w", err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails since Go 1.24
	return b
}
