package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
)

// Target is the server that a swarm calls.
type Target struct {
	admin   *client.Client
	servers []keying.ServerAddress // nil: those of the bundles
}

// ErrTarget says that the server to call could not be found; it names the remedy.
var ErrTarget = errors.New("loadtest: no server")

// FindTarget reads DIR/ready.json, which a server that takes calls keeps in its data directory.
func FindTarget(dir string) (Target, error) {
	c, r, err := client.Open(dir)
	if err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	t := Target{admin: c}
	for _, s := range []keying.ServerAddress{{Transport: "udp", Address: r.SIPUDP}, {Transport: "tcp", Address: r.SIPTCP}, {Transport: "tls", Address: r.SIPTLS}} {
		if s.Address != "" {
			t.servers = append(t.servers, s)
		}
	}
	return t, nil
}

// NewTarget names a server by its SIP address ("" for what its bundles say), the URL of its admin API and a token file.
func NewTarget(sip, adminURL, tokenFile string) (Target, error) {
	c, err := client.Remote(adminURL, tokenFile)
	if err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	t := Target{admin: c}
	if sip != "" {
		if _, _, err := net.SplitHostPort(sip); err != nil {
			return Target{}, fmt.Errorf("%w: %q is not host:port", ErrTarget, sip)
		}
		for _, transport := range []string{"udp", "tcp", "tls"} {
			t.servers = append(t.servers, keying.ServerAddress{Transport: transport, Address: sip})
		}
	}
	return t, nil
}

// Admin is the client of the server's API.
func (t *Target) Admin() *client.Client { return t.admin }

// Address is where calls go over a transport, "" where there is no way: the server takes none over it.
func (t *Target) Address(transport string, b *keying.Bundle) string {
	for _, list := range [][]keying.ServerAddress{t.servers, b.Servers} {
		for _, s := range list {
			if s.Transport == transport {
				return s.Address
			}
		}
	}
	return ""
}

// CreateAccount makes an account for a caller; its owner deletes it.
func (t *Target) CreateAccount(ctx context.Context, name, cert string) (*keying.Bundle, error) {
	text, err := t.admin.CreateAccount(ctx, client.NewAccount{Name: name, Cert: cert})
	if err != nil {
		return nil, err
	}
	defer clear(text)
	b := new(keying.Bundle)
	return b, json.Unmarshal(text, b)
}

// DeleteAccount forgets an account and ends its calls.
func (t *Target) DeleteAccount(ctx context.Context, name string) error {
	return t.admin.DeleteAccount(ctx, name)
}

// seat finds the seat of an account in a room.
func (t *Target) seat(ctx context.Context, room, account string) (string, error) {
	seats, err := t.admin.Seats(ctx, room)
	if err != nil {
		return "", err
	}
	for _, s := range seats {
		if s.Account == account {
			return s.ID, nil
		}
	}
	return "", fmt.Errorf("%w: no seat of %s in %s", ErrTarget, account, room)
}

// spoiled counts the packets of all calls, as the server hears them, that a change of keys must not cost.
func (t *Target) spoiled(ctx context.Context) (n uint64, err error) {
	m, err := t.admin.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"conclave_media_lost_total", "conclave_media_auth_failed_total", "conclave_media_replayed_total"} {
		v, ok := m[name]
		if !ok {
			return 0, fmt.Errorf("%w: its metrics lack %s", ErrTarget, name)
		}
		n += uint64(v)
	}
	return n, nil
}
