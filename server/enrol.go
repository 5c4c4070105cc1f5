package server

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // RFC 2617, for phones that know no other
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/server/store"
)

// passwordLength is the length of a generated digest password in octets, before base32.
const passwordLength = 20

// CreateAccount makes an account with generated credentials and returns its bundle, the only copy of its secrets in the clear.
func (s *Server) CreateAccount(_ context.Context, n NewAccount) (*keying.Bundle, AccountView, error) {
	if s.rooms.find(n.Name) != nil {
		return nil, AccountView{}, ErrNameTaken
	}
	if err := errors.Join(s.checkPolicy(n.Policy), checkDisplayName(n.DisplayName)); err != nil {
		return nil, AccountView{}, err
	}
	bundle, acc, err := s.credentials(n)
	if err != nil {
		return nil, AccountView{}, err
	}
	if err := s.accounts.create(acc); err != nil {
		return nil, AccountView{}, err
	}
	s.log.Info("account created", "account", n.Name)
	view := s.accountView(&acc)
	s.publish(view.event(EventAccountCreated))
	return bundle, view, nil
}

// checkDisplayName refuses a name that would be shown as something else than it is: on terminals, pages and telephones, and in logs.
func checkDisplayName(name string) error {
	if printable(name) != name {
		return fmt.Errorf("%w: a name to show holds what does not print", ErrInvalid)
	}
	return nil
}

// credentials makes a certificate and all else that an account proves itself by.
func (s *Server) credentials(n NewAccount) (*keying.Bundle, store.Account, error) {
	cert, err := s.keys.authority.IssueAccount(s.uri(n.Name), cmp.Or(n.Cert, keying.CertECDSA))
	if err != nil {
		return nil, store.Account{}, fmt.Errorf("%w: certificate: %w", ErrInvalid, err)
	}
	return s.enrol(n, cert)
}

// RotateAccount gives an account new credentials in place of all that it had: pre-shared key, password and certificate. Its devices have to
// register anew; calls that stand go on, and prove themselves by the new ones when their keys change.
func (s *Server) RotateAccount(ctx context.Context, name string, ask Rotation) (*keying.Bundle, AccountView, error) {
	if !s.accounts.taken(name) { // before anything is spent on it
		return nil, AccountView{}, ErrUnknownAccount
	}
	bundle, fresh, err := s.credentials(NewAccount{Name: name, Cert: ask.Cert, MD5: true})
	if err != nil {
		return nil, AccountView{}, err
	}
	defer fresh.Wipe()
	err = s.accounts.update(name, func(acc *store.Account) error {
		acc.PSK, acc.HA1SHA256, acc.CertFingerprints = fresh.PSK, fresh.HA1SHA256, fresh.CertFingerprints
		if len(acc.HA1MD5) > 0 {
			acc.HA1MD5 = fresh.HA1MD5
		}
		return nil
	})
	if err != nil {
		return nil, AccountView{}, err
	}
	s.registrar.forget(name)
	s.log.Info("account rotated", "account", name)
	view, err := s.Account(ctx, name)
	if err == nil {
		s.publish(view.event(EventAccountChanged))
	}
	return bundle, view, err
}

// enrol makes the credentials of an account: the bundle for its owner and the record for the store.
func (s *Server) enrol(n NewAccount, cert *keying.Certificate) (*keying.Bundle, store.Account, error) {
	key, err := cert.KeyPEM()
	if err != nil {
		return nil, store.Account{}, err
	}
	psk := randomBytes(pskLength)
	password := strings.ToLower(base32.StdEncoding.EncodeToString(randomBytes(passwordLength)))
	realm := s.cfg.SIP.Domain
	ha1 := sha256.Sum256([]byte(n.Name + ":" + realm + ":" + password)) // RFC 7616 section 3.4.2
	bundle := &keying.Bundle{
		Account: n.Name, URI: s.uri(n.Name), Servers: s.serverAddresses(),
		Digest: keying.DigestCredential{Username: n.Name, Realm: realm, Password: keying.NewSecret([]byte(password))},
		PSK:    keying.NewSecret(psk), CertPEM: string(cert.CertPEM()), KeyPEM: key, CAPEM: string(s.keys.authority.CertPEM()),
		ServerCertPEM: string(s.keys.own.RSA.CertPEM()),
	}
	acc := store.Account{
		Name: n.Name, DisplayName: n.DisplayName, Policy: n.Policy, PSK: psk, HA1SHA256: ha1[:],
		CertFingerprints: []string{cert.Fingerprint()}, CreatedAt: time.Now().UTC().Truncate(time.Second),
	}
	if n.MD5 {
		weak := md5.Sum([]byte(n.Name + ":" + realm + ":" + password)) //nolint:gosec // RFC 2617, for phones that know no other
		acc.HA1MD5 = weak[:]
	}
	return bundle, acc, nil
}

// checkPolicy says whether an account may name that policy.
func (s *Server) checkPolicy(name string) error {
	if name != "" && s.cfg.Policies[name] == nil {
		return fmt.Errorf("%w as %q; there are %s", ErrUnknownPolicy, name, s.cfg.policyNames())
	}
	return nil
}

// serverAddresses lists where the server takes calls, encrypted signalling first.
func (s *Server) serverAddresses() []keying.ServerAddress {
	var list []keying.ServerAddress
	for _, t := range []string{"tls", "tcp", "udp"} {
		if a := s.SIPAddress(t); a != (netip.AddrPort{}) {
			list = append(list, keying.ServerAddress{Transport: t, Address: a.String()})
		}
	}
	return list
}

// Account returns a view of one account, or ErrUnknownAccount.
func (s *Server) Account(_ context.Context, name string) (AccountView, error) {
	acc := s.accounts.find(name)
	if acc == nil {
		return AccountView{}, ErrUnknownAccount
	}
	return s.accountView(acc), nil
}

// Accounts returns up to limit accounts by name after the given one, and the name to go on after, "" at the end.
func (s *Server) Accounts(_ context.Context, after string, limit int) ([]AccountView, string, error) {
	s.accounts.mu.RLock()
	names := make([]string, 0, len(s.accounts.byName))
	for name := range s.accounts.byName {
		if name > after {
			names = append(names, name)
		}
	}
	s.accounts.mu.RUnlock()
	slices.Sort(names)
	next := ""
	if len(names) > limit {
		names = names[:limit]
		next = names[limit-1]
	}
	views := make([]AccountView, 0, len(names))
	for _, name := range names {
		if acc := s.accounts.find(name); acc != nil {
			views = append(views, s.accountView(acc))
		}
	}
	return views, next, nil
}

// PatchAccount changes an account; disabling it ends the calls it is in.
func (s *Server) PatchAccount(ctx context.Context, name string, p AccountPatch, musts ...Must[AccountView]) (AccountView, error) {
	if p.Policy != nil {
		if err := s.checkPolicy(*p.Policy); err != nil {
			return AccountView{}, err
		}
	}
	if p.DisplayName != nil {
		if err := checkDisplayName(*p.DisplayName); err != nil {
			return AccountView{}, err
		}
	}
	if p.Devices != nil {
		if err := s.checkDevices(*p.Devices); err != nil {
			return AccountView{}, err
		}
	}
	err := s.accounts.update(name, func(acc *store.Account) error {
		if err := all(musts, s.recordView(acc)); err != nil {
			return err
		}
		p.apply(acc)
		return nil
	})
	if err != nil {
		return AccountView{}, err
	}
	if p.Disabled != nil && *p.Disabled {
		s.closeAccount(ctx, name)
	}
	view, err := s.Account(ctx, name)
	if err == nil {
		s.publish(view.event(EventAccountChanged))
	}
	return view, err
}

// apply changes what is given.
func (p *AccountPatch) apply(acc *store.Account) {
	if p.Policy != nil {
		acc.Policy = *p.Policy
	}
	if p.DisplayName != nil {
		acc.DisplayName = *p.DisplayName
	}
	if p.Disabled != nil {
		acc.Disabled = *p.Disabled
	}
	if p.Devices != nil {
		acc.Devices = nil
		for _, d := range *p.Devices {
			acc.Devices = append(acc.Devices, store.Device(d))
		}
	}
}

// DeleteAccount forgets an account, which moderates no room any more, and ends the calls it is in. ErrStillModerates: it did all that but for
// a room that was too busy, or could not be kept without it.
func (s *Server) DeleteAccount(ctx context.Context, name string, musts ...Must[AccountView]) error {
	if err := s.accounts.delete(name, func(acc *store.Account) error { return all(musts, s.recordView(acc)) }); err != nil {
		if errors.Is(err, ErrRoomDamaged) {
			s.log.Error("no account can be deleted while a kept room cannot be read: delete that room, or disable the account", "account", name, "err", err)
		}
		return err
	}
	demoted := s.demote(context.WithoutCancel(ctx), name) // first: who takes the name meanwhile is somebody else
	s.closeAccount(ctx, name)
	s.publish(Event{Type: EventAccountDeleted, Account: name})
	s.log.Info("account deleted", "account", name)
	return demoted
}

// closeAccount forgets the devices of an account that may not call any more, and ends its calls and what waits for it to call.
func (s *Server) closeAccount(ctx context.Context, name string) {
	s.registrar.forget(name)
	for _, c := range s.calls.all() {
		if c.who.Account == name {
			if err := c.leg.Hangup(ctx, "account_closed"); err != nil && ctx.Err() == nil && c.leg.State() != legs.Ended {
				s.log.Warn("a call of a closed account did not end", "account", name, "leg", c.leg.ID(), "err", err)
			}
		}
	}
	for _, r := range s.rooms.list() {
		if err := r.do(ctx, func() { r.forsake(name) }); err != nil && !errors.Is(err, errRoomClosed) {
			s.log.Warn("a seat may go on waiting for a closed account", "account", name, "room", r.name, "err", err)
		}
	}
}

func (s *Server) accountView(acc *store.Account) AccountView {
	v := s.recordView(acc)
	v.Devices, v.Calls = s.deviceViews(acc), s.ledger.of(acc.Name)
	return v
}

// recordView is the view without what is not of the record: it takes no lock, for whoever is changing it.
func (s *Server) recordView(acc *store.Account) AccountView {
	prints := acc.CertFingerprints
	if prints == nil {
		prints = []string{}
	}
	return AccountView{
		Name: acc.Name, URI: s.uri(acc.Name), DisplayName: acc.DisplayName, Disabled: acc.Disabled,
		Policy: acc.Policy, MD5: len(acc.HA1MD5) > 0, CertFingerprints: prints, Devices: listedViews(acc), CreatedAt: acc.CreatedAt,
	}
}
