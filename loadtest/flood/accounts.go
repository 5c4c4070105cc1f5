package flood

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// account is one account of the flood: who calls, and how it makes keys.
type account struct {
	bundle *keying.Bundle
	keyer  *keying.Keyer
	domain string
}

// cast makes the accounts.
func (f *flood) cast(ctx context.Context) error {
	guard, err := keying.NewGuard(keying.GuardConfig{})
	if err != nil {
		return err
	}
	pool := keying.NewPool(keying.PoolConfig{Workers: workers(), Queue: poolQueue, Deadline: maxAge})
	stamp := time.Now().UnixNano() % 1e9
	for i := range f.Accounts {
		name := fmt.Sprintf("flood-%09d-%d", stamp, i)
		bundle, err := f.Target.CreateAccount(ctx, name, f.Cert)
		if err != nil {
			return fmt.Errorf("flood: account %s: %w", name, err)
		}
		a := &account{bundle: bundle}
		f.accounts = append(f.accounts, a)
		_, a.domain, _ = strings.Cut(bundle.URI, "@")
		if a.keyer, err = keying.NewBundleKeyer(bundle, keying.BundleConfig{Pool: pool, Guard: guard}); err != nil {
			return err
		}
	}
	if f.server = f.Target.Address("udp", f.accounts[0].bundle); f.server == "" {
		return fmt.Errorf("%w: the server takes no calls over udp", loadtest.ErrTarget)
	}
	return nil
}

// dismiss removes the accounts, also those of a run that was interrupted.
func (f *flood) dismiss() error {
	ctx, cancel := context.WithTimeout(context.Background(), dismissPatience)
	defer cancel()
	var failed error
	for _, a := range f.accounts {
		if err := f.Target.DeleteAccount(ctx, a.bundle.Account); err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("flood: removing the accounts: %w", failed)
	}
	return nil
}
