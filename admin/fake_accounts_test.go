package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server"
)

func (f *fake) Accounts(_ context.Context, after string, limit int) ([]server.AccountView, string, error) {
	if err := f.enter(); err != nil {
		return nil, "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var views []server.AccountView
	for _, a := range f.accounts {
		if a.Name > after {
			views = append(views, a)
		}
	}
	slices.SortFunc(views, func(a, b server.AccountView) int { return strings.Compare(a.Name, b.Name) })
	if len(views) > limit {
		return views[:limit], views[limit-1].Name, nil
	}
	return views, "", nil
}

func (f *fake) Account(_ context.Context, name string) (server.AccountView, error) {
	if err := f.enter(); err != nil {
		return server.AccountView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.accounts[name]; ok {
		return a, nil
	}
	return server.AccountView{}, server.ErrUnknownAccount
}

func (f *fake) CreateAccount(_ context.Context, n server.NewAccount) (*server.Bundle, server.AccountView, error) {
	if err := f.enter(); err != nil {
		return nil, server.AccountView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.accounts[n.Name]; ok {
		return nil, server.AccountView{}, fmt.Errorf("wrapped: %w", server.ErrNameTaken)
	}
	v := server.AccountView{
		Name: n.Name, URI: "sip:" + n.Name + "@test", DisplayName: n.DisplayName, Policy: n.Policy, MD5: n.MD5,
		CertFingerprints: []string{}, Devices: []server.DeviceView{}, CreatedAt: start,
	}
	f.accounts[n.Name] = v
	return &server.Bundle{Account: n.Name, URI: v.URI, PSK: keying.NewSecret([]byte("sixteen octets!!"))}, v, nil
}

func (f *fake) PatchAccount(ctx context.Context, name string, p server.AccountPatch, musts ...server.Must[server.AccountView]) (server.AccountView, error) {
	v, err := f.Account(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return v, err
	}
	if p.Disabled != nil {
		v.Disabled = *p.Disabled
	}
	if p.DisplayName != nil {
		v.DisplayName = *p.DisplayName
	}
	if p.Policy != nil {
		v.Policy = *p.Policy
	}
	if p.Devices != nil {
		v.Devices = nil
		for _, d := range *p.Devices {
			v.Devices = append(v.Devices, server.DeviceView{Name: d.Name, URI: d.URI})
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[name] = v
	return v, nil
}

func (f *fake) RotateAccount(ctx context.Context, name string, _ server.Rotation) (*server.Bundle, server.AccountView, error) {
	v, err := f.Account(ctx, name)
	return &server.Bundle{Account: name, URI: v.URI, PSK: keying.NewSecret([]byte("sixteen others!!"))}, v, err
}

func (f *fake) DeleteAccount(ctx context.Context, name string, musts ...server.Must[server.AccountView]) error {
	v, err := f.Account(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.accounts, name)
	return nil
}
