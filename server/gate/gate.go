package gate

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
)

// Accounts is what digest asks about accounts. It must be fast and safe from any goroutine. HA1 is the hash of
// "account:realm:password" as raw octets (RFC 7616 section 3.4.2), a password's equal: a copy, which the gate wipes.
type Accounts interface {
	// HA1SHA256 gives the 32 octets, or false when there is no such account, it is disabled, or it has no password.
	HA1SHA256(account string) ([]byte, bool)
	// HA1MD5 gives the 16 octets for an account that may still use MD5.
	HA1MD5(account string) ([]byte, bool)
}

// Verifier chooses among the key management of an offer and authenticates it where it can be, without Diffie-Hellman; *keying.Keyer is one.
type Verifier interface {
	Verify(a keying.Attributes, c keying.Call) (*keying.Verified, error)
}

// Config of a Gate.
type Config struct {
	Domain   string   // of accounts and rooms; required
	Realm    string   // of digest; "": the domain
	Aliases  []string // further host names of ours in request URIs; IP addresses are always taken
	Accounts Accounts // required
	Keyer    Verifier // required
	// Policy is what a room, or one made on demand, asks of a caller; nil: there is no such room. Required.
	Policy  func(room string, who Who) *keying.Policy
	Trunks  []Trunk                   // the first that fits takes a request
	Known   func(account string) bool // whether an account has that name, even a disabled one; nil: every name of our domain may be one
	Enabled func(account string) bool // whether an account may call, now; nil: each that proves itself
	// Issued says whether the account with that identity holds the certificate with that fingerprint (SHA-256 of its DER, hex): over TLS
	// that proves it where alone says so. nil: no certificate does.
	Issued  func(identity, fingerprint string) bool
	Address netip.Addr       // our address in the bodies of refusals
	BootKey []byte           // of nonces, 16 octets or more; nil: drawn from Rand
	Now     func() time.Time // nil: time.Now
	Rand    io.Reader        // nil: crypto/rand; safe from any goroutine
}

// ErrConfig says what a Config lacks.
var ErrConfig = errors.New("gate: configuration")

// Gate admits requests or refuses them.
type Gate struct {
	domain   string // set once in New, like all up to window
	realm    string
	hosts    map[string]bool
	accounts Accounts
	keyer    Verifier
	policy   func(string, Who) *keying.Policy
	trunks   []Trunk
	known    func(string) bool
	enabled  func(string) bool
	issued   func(identity, fingerprint string) bool
	address  netip.Addr
	bootKey  []byte
	decoy    []byte // stands in for the HA1 of an account that does not exist
	now      func() time.Time
	start    time.Time // with its monotonic reading
	rand     io.Reader

	window window // locks itself
}

// New makes a Gate.
func New(c Config) (*Gate, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	g := &Gate{
		domain: c.Domain, realm: c.Realm, hosts: map[string]bool{c.Domain: true}, accounts: c.Accounts, keyer: c.Keyer,
		policy: c.Policy, trunks: slices.Clone(c.Trunks), known: c.Known, enabled: c.Enabled, issued: c.Issued,
		address: c.Address, bootKey: c.BootKey, decoy: make([]byte, 32), now: c.Now, start: c.Now(), rand: c.Rand,
	}
	for i := range g.trunks {
		if err := g.trunks[i].check(); err != nil {
			return nil, err
		}
	}
	for _, a := range c.Aliases {
		g.hosts[strings.ToLower(a)] = true
	}
	if g.bootKey == nil {
		g.bootKey = make([]byte, 32)
		if err := g.fill(g.bootKey); err != nil {
			return nil, err
		}
	}
	return g, g.fill(g.decoy)
}

// complete says what is wrong with a Config, and puts in what it may leave out.
func (c *Config) complete() error {
	c.Domain = strings.ToLower(c.Domain)
	c.Realm = cmp.Or(c.Realm, c.Domain)
	switch {
	case c.Domain == "" || c.Accounts == nil || c.Keyer == nil || c.Policy == nil:
		return fmt.Errorf("%w: domain, accounts, keyer and policy are needed", ErrConfig)
	case c.BootKey != nil && len(c.BootKey) < 16:
		return fmt.Errorf("%w: the boot key is shorter than 16 octets", ErrConfig)
	case strings.ContainsFunc(c.Realm, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }):
		return fmt.Errorf("%w: the realm cannot be quoted", ErrConfig)
	}
	if c.Known == nil {
		c.Known = func(string) bool { return true }
	}
	if c.Enabled == nil {
		c.Enabled = func(string) bool { return true }
	}
	if c.Issued == nil {
		c.Issued = func(string, string) bool { return false }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return nil
}

// fill draws random octets.
func (g *Gate) fill(b []byte) error {
	if _, err := io.ReadFull(g.rand, b); err != nil {
		return fmt.Errorf("gate: randomness: %w", err)
	}
	return nil
}

// Admit decides about one request, by its method and by whether there is a dialog. Exactly one of the results is nil. A
// caller that does not use Admitted.Verified abandons it.
func (g *Gate) Admit(r Request) (*Admitted, *Reject) {
	switch {
	case neverChallenged(r.Method):
		return &Admitted{}, nil
	case r.DialogIdentity != "":
		return g.inDialog(&r)
	case r.InDialog:
		return nil, &Reject{Status: 481, Reason: ReasonNoDialog}
	}
	switch methods[r.Method] {
	case open:
		return &Admitted{}, nil
	case call:
		return g.invite(&r)
	case standalone:
		return g.alone(&r)
	case dialogOnly:
		return nil, &Reject{Status: 481, Reason: ReasonNoDialog}
	case unserved:
		return nil, &Reject{Status: 405, Reason: ReasonMethod}
	default:
		return nil, &Reject{Status: 501, Reason: ReasonUnknownMethod}
	}
}
