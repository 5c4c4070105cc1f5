package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/store"
)

// demoAccounts are made by serve --dev, so that a newcomer can call at once.
var demoAccounts = []string{"alice", "bob", "carol"}

// PrepareDemo makes the demo accounts and writes their bundles, with the addresses of this run, into the data directory. An
// account whose bundle file is gone is made anew: nobody could use it.
func (s *Server) PrepareDemo(ctx context.Context) error {
	for _, name := range demoAccounts {
		path := filepath.Join(s.data, name+".json")
		bundle, err := keying.ReadBundle(path)
		if err != nil || !s.holds(bundle) {
			if bundle, err = s.remakeDemo(ctx, name); err != nil {
				return fmt.Errorf("server: demo account %s: %w", name, err)
			}
		}
		bundle.Servers, bundle.ServerCertPEM = s.serverAddresses(), string(s.keys.own.RSA.CertPEM())
		if err := bundle.WriteFile(path); err != nil {
			return err
		}
	}
	return nil
}

// holds says whether a bundle is of an account as it is now.
func (s *Server) holds(b *keying.Bundle) bool {
	psk, ok := s.accounts.PSK(b.URI)
	defer psk.Wipe()
	return ok && psk.Equal(b.PSK)
}

func (s *Server) remakeDemo(ctx context.Context, name string) (*keying.Bundle, error) {
	if err := s.accounts.delete(name); err != nil && !errors.Is(err, ErrUnknownAccount) && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	bundle, _, err := s.CreateAccount(ctx, NewAccount{Name: name})
	return bundle, err
}
