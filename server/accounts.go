package server

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
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

	changing sync.Mutex // held by whoever changes the store and then the cache, so that both see the changes in one order

	mu     sync.RWMutex
	byName map[string]*store.Account // replaced, never changed; but for their secrets, which are touched under mu only
}

func loadAccounts(st store.Store, domain string, roots *x509.CertPool) (*accounts, error) {
	a := &accounts{store: st, domain: domain, roots: roots, byName: make(map[string]*store.Account)}
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

// put takes the account into the cache in place of the one that it was; the cache owns its octets from then on.
func (a *accounts) put(acc store.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wipe(acc.Name)
	a.byName[acc.Name] = &acc
}

// wipe erases the secrets of a cached account, which is about to go; mu is held.
func (a *accounts) wipe(name string) {
	old := a.byName[name]
	if old == nil {
		return
	}
	old.Wipe()
}

// outside are the accounts, sorted, whose keying policy is none of those.
func (a *accounts) outside(policies map[string]*keying.Policy) (names []string) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for name, acc := range a.byName {
		if acc.Policy != "" && policies[acc.Policy] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// policyOf names the keying policy of an account, "" where it has none of its own.
func (a *accounts) policyOf(name string) string {
	if acc := a.find(name); acc != nil {
		return acc.Policy
	}
	return ""
}

// find returns the account of that name, disabled or not, or nil.
func (a *accounts) find(name string) *store.Account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.byName[name]
}

// enabled returns the account of that name if it may call, or nil.
func (a *accounts) enabled(name string) *store.Account {
	if acc := a.find(name); acc != nil && !acc.Disabled {
		return acc
	}
	return nil
}

// total is how many there are.
func (a *accounts) total() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.byName)
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

// secret returns a copy of one secret of an account that may call. What the cache holds is wiped when the account changes,
// and a key of zeros must never be taken for a key.
func (a *accounts) secret(name string, of func(*store.Account) []byte) ([]byte, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	acc := a.byName[name]
	if acc == nil || acc.Disabled || len(of(acc)) == 0 {
		return nil, false
	}
	return bytes.Clone(of(acc)), true
}

// PSK implements keying.Directory.
func (a *accounts) PSK(identity string) (keying.Secret, bool) {
	psk, ok := a.secret(a.nameOf(identity), func(acc *store.Account) []byte { return acc.PSK })
	if !ok {
		return keying.Secret{}, false
	}
	defer clear(psk)
	return keying.NewSecret(psk), true
}

// Roots implements keying.Directory.
func (a *accounts) Roots() *x509.CertPool { return a.roots }

// Known implements keying.Directory.
func (a *accounts) Known(identity string) bool { return a.enabled(a.nameOf(identity)) != nil }

// issued says whether a certificate was issued to an account that may call, and not to one that had its name before.
func (a *accounts) issued(identity, fingerprint string) bool {
	acc := a.enabled(a.nameOf(identity))
	return acc != nil && slices.Contains(acc.CertFingerprints, fingerprint)
}

// HA1SHA256 implements gate.Accounts.
func (a *accounts) HA1SHA256(name string) ([]byte, bool) {
	return a.secret(name, func(acc *store.Account) []byte { return acc.HA1SHA256 })
}

// HA1MD5 implements gate.Accounts; only an account that allows MD5 has one.
func (a *accounts) HA1MD5(name string) ([]byte, bool) {
	return a.secret(name, func(acc *store.Account) []byte { return acc.HA1MD5 })
}

// create keeps a new account and caches it.
func (a *accounts) create(acc store.Account) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if err := a.store.CreateAccount(acc); err != nil {
		return accountError(err)
	}
	a.put(acc)
	return nil
}

// update changes an account in the store and in the cache.
func (a *accounts) update(name string, change func(*store.Account) error) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	var changed store.Account
	err := a.store.UpdateAccount(name, func(acc *store.Account) error {
		if err := change(acc); err != nil {
			return err
		}
		changed = acc.Clone()
		return nil
	})
	if err != nil {
		return accountError(err)
	}
	a.put(changed)
	return nil
}

// delete forgets an account and wipes its secrets.
func (a *accounts) delete(name string, musts ...Must[*store.Account]) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if acc := a.find(name); acc != nil {
		if err := all(musts, acc); err != nil {
			return err
		}
	}
	if err := a.store.DeleteAccount(name); err != nil {
		return accountError(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wipe(name)
	delete(a.byName, name)
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
	case errors.Is(err, store.ErrRoomDamaged):
		return fmt.Errorf("%w: %w", ErrRoomDamaged, err)
	default:
		return fmt.Errorf("server: account store: %w", err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails since Go 1.24
	return b
}
