package keying

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// ErrBundle says that a bundle cannot be used; it wraps the cause and holds no secret.
var ErrBundle = errors.New("keying: bundle")

// Bundle is everything that one account needs to call: the JSON file that the account's creator is handed once. Its JSON holds
// the secrets in the clear; every other way of printing it does not.
type Bundle struct {
	Account string
	URI     string // the account's identity, "sip:NAME@DOMAIN"
	Servers []ServerAddress
	Digest  DigestCredential
	PSK     Secret // nil: no pre-shared key
	CertPEM string // account's certificate chain; "": none
	KeyPEM  Secret // its private key, PKCS #8
	CAPEM   string // authorities that vouch for the server
	// ServerCertPEM is the chain of the server's RSA certificate, to which MIKEYPKE encrypts; "": that method cannot be offered.
	ServerCertPEM string
}

// ServerAddress is one way to reach the server.
type ServerAddress struct {
	Transport string `json:"transport"` // udp, tcp or tls
	Address   string `json:"address"`   // host:port
}

// DigestCredential answers SIP digest challenges of one realm.
type DigestCredential struct {
	Username string
	Realm    string
	Password Secret
}

// bundleJSON is the file's shape.
type bundleJSON struct {
	Account string          `json:"account"`
	URI     string          `json:"uri"`
	Servers []ServerAddress `json:"servers"`
	Digest  digestJSON      `json:"digest"`
	PSK     []byte          `json:"psk,omitempty"`
	Cert    string          `json:"cert,omitempty"`
	Key     string          `json:"key,omitempty"`
	CA      string          `json:"ca,omitempty"`
	Server  string          `json:"server_cert,omitempty"`
}

type digestJSON struct {
	Username string `json:"username"`
	Realm    string `json:"realm"`
	Password string `json:"password"`
}

// String names the account and shows nothing else.
func (b *Bundle) String() string { return "[bundle of " + b.Account + "]" }

// LogValue names the account and shows nothing else.
func (b *Bundle) LogValue() slog.Value { return slog.StringValue(b.String()) }

// MarshalJSON writes the file's shape, secrets included.
func (b *Bundle) MarshalJSON() ([]byte, error) {
	return json.Marshal(bundleJSON{
		Account: b.Account, URI: b.URI, Servers: b.Servers,
		Digest: digestJSON{b.Digest.Username, b.Digest.Realm, string(b.Digest.Password.Bytes())},
		PSK:    b.PSK.Bytes(), Cert: b.CertPEM, Key: string(b.KeyPEM.Bytes()), CA: b.CAPEM,
		Server: b.ServerCertPEM,
	})
}

// UnmarshalJSON reads the file's shape; fields that it does not know are ignored, so that newer servers may add some.
func (b *Bundle) UnmarshalJSON(text []byte) error {
	var j bundleJSON
	if err := json.Unmarshal(text, &j); err != nil {
		// The cause could quote the text.
		return fmt.Errorf("%w: not the JSON of a bundle", ErrBundle)
	}
	if j.URI == "" || domainOf(j.URI) == "" {
		return fmt.Errorf("%w: %q in \"uri\" is no sip URI", ErrBundle, j.URI)
	}
	*b = Bundle{
		Account: j.Account, URI: j.URI, Servers: j.Servers, PSK: NewSecret(j.PSK), CertPEM: j.Cert,
		KeyPEM: NewSecret([]byte(j.Key)), CAPEM: j.CA, ServerCertPEM: j.Server,
		Digest: DigestCredential{j.Digest.Username, j.Digest.Realm, NewSecret([]byte(j.Digest.Password))},
	}
	clear(j.PSK)
	return nil
}

// ReadBundle reads a file.
func ReadBundle(path string) (*Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBundle, path, err)
	}
	defer clear(text)
	if len(text) > maxBundle {
		return nil, fmt.Errorf("%w: %s is longer than %d octets", ErrBundle, path, maxBundle)
	}
	b := new(Bundle)
	if err := b.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("%w in %s", err, path)
	}
	return b, nil
}

// WriteFile writes the bundle, readable by its owner alone, in place of any file of that name at once.
func (b *Bundle) WriteFile(path string) error {
	text, err := b.MarshalJSON()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	clear(text)
	pretty.WriteByte('\n')
	defer clear(pretty.Bytes())
	return writePrivate(path, pretty.Bytes())
}

// writePrivate makes a new file rather than writing into one that others may have opened.
func writePrivate(path string, text []byte) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBundle, errors.Join(err, os.Remove(fresh)))
	}
	return nil
}

// BundleConfig is what callers' Keyers may share; nil fields take defaults.
type BundleConfig struct {
	Pool  *Pool
	Guard *Guard
	Now   func() time.Time
	Rand  io.Reader
}

// NewBundleKeyer makes the Keyer of a caller: its peers are the rooms of its server.
func NewBundleKeyer(b *Bundle, c BundleConfig) (*Keyer, error) {
	own, err := b.identity()
	if err != nil {
		return nil, err
	}
	d := &bundleDirectory{psk: b.PSK, domain: domainOf(b.URI)}
	if b.CAPEM != "" {
		d.roots = x509.NewCertPool()
		if !d.roots.AppendCertsFromPEM([]byte(b.CAPEM)) {
			return nil, fmt.Errorf("%w: no certificate in \"ca\"", ErrBundle)
		}
	}
	var server [][]byte
	if b.ServerCertPEM != "" {
		if server, err = decodeCertificates([]byte(b.ServerCertPEM)); err != nil {
			return nil, fmt.Errorf("%w: \"server_cert\": %w", ErrBundle, err)
		}
	}
	return New(Config{
		Own: own, Directory: d, PeerChain: server, Pool: c.Pool, Guard: c.Guard, Now: c.Now, Rand: c.Rand, PeerIsServer: true,
	})
}

// Roots returns the authorities that vouch for the server, for TLS; nil when the bundle names none.
func (b *Bundle) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(b.CAPEM)) {
		return nil
	}
	return pool
}

func (b *Bundle) identity() (Identity, error) {
	if b.CertPEM == "" {
		return Identity{}, nil
	}
	c, err := ParseCertificate([]byte(b.CertPEM), b.KeyPEM.Bytes())
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if c.Kind() == CertRSA {
		return Identity{RSA: c}, nil
	}
	return Identity{ECDSA: c}, nil
}

// bundleDirectory knows one peer: the server, under the name of any room of its domain.
type bundleDirectory struct {
	psk    Secret
	domain string
	roots  *x509.CertPool
}

// PSK implements Directory.
func (d *bundleDirectory) PSK(identity string) (Secret, bool) {
	if d.psk.Len() == 0 || domainOf(identity) != d.domain {
		return Secret{}, false
	}
	return NewSecret(d.psk.Bytes()), true
}

// Roots implements Directory.
func (d *bundleDirectory) Roots() *x509.CertPool { return d.roots }

// Known implements Directory: rooms are no accounts.
func (d *bundleDirectory) Known(string) bool { return false }

var _ Directory = (*bundleDirectory)(nil)
