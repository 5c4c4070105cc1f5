package server

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
)

// ErrConfig is what every refusal of a configuration wraps; errors.As to *ConfigError gives the list of problems.
var ErrConfig = errors.New("server: bad configuration")

// Bounds and defaults of the configuration. What an operator may change stands in docs/configuration.md with its default.
const (
	// maxConfigOctets bounds the file: the largest sensible configuration is some tens of KiB.
	maxConfigOctets = 1 << 20
	// defaultDomain is good for one machine only; validation says so when a listener leaves loopback.
	defaultDomain = "localhost"
	// defaultPolicy is the policy of rooms that name none.
	defaultPolicy = "standard"
)

// Config is a whole, validated configuration. It is read once and not changed afterwards.
type Config struct {
	SIP       SIPConfig
	Media     MediaConfig
	Admin     AdminConfig
	Audit     AuditConfig
	Telemetry TelemetryConfig
	Limits    LimitsConfig
	Rooms     RoomsConfig
	Policies  map[string]*keying.Policy // by name; Rooms.Policy and each room's policy are among them
	Trunks    []TrunkConfig
	Webhooks  []WebhookConfig
	Recording RecordingConfig
	Warnings  []string // sentences for the log: accepted, but probably not what was meant
}

// SIPConfig says where signalling is taken. An empty address turns its transport off; port 0 takes any free port.
type SIPConfig struct {
	UDP, TCP, TLS string // IP:port
	Domain        string // of every account's and room's URI, lower case
}

// MediaConfig says where and how media flows.
type MediaConfig struct {
	Address           netip.Addr    // the address callers send to; stands in every SDP
	Interface         string        // network interface whose addresses these are, and are followed as they change; "": they stay
	Address6          netip.Addr    // the same for those who send over IPv6; not valid: they cannot
	PortLow, PortHigh uint16        // inclusive; 0 and 0 take any free port
	Codecs            []string      // in the order of preference: opus, pcmu, pcma, l16
	Timeout           time.Duration // without media for so long, not on hold, a leg ends
	Workers           int           // mixer workers; 0 is one per core
}

// AdminConfig says where the admin API listens.
type AdminConfig struct {
	Listen    string   // IP:port; TLS when it is not loopback
	Hosts     []string // names allowed in the Host header beside the listening address and localhost
	Cert, Key string   // PEM files for TLS; empty: a certificate of the server's own CA
	ClientCA  string   // PEM file of the authority whose client certificates stand for tokens; empty: none
}

// AuditConfig says what becomes of the audit trail.
type AuditConfig struct {
	KeepMB int // that it may take; the oldest records go beyond that
}

// TelemetryConfig says who is told how calls are set up.
type TelemetryConfig struct {
	OTLP string // URL of a collector of traces; "": nobody is
}

// LimitsConfig bounds what callers may take.
type LimitsConfig struct {
	Calls             int // legs in the whole server
	CallsPerAccount   int // legs of one account
	Rooms             int // open rooms
	SeatsPerRoom      int // seats in a room that states no limit of its own
	RequestsPerSource int // SIP requests a second outside a dialog from one address
	DHWorkers         int // goroutines that do Diffie-Hellman; 0 is half the cores, at least one
	DHQueue           int // key agreements that wait for a worker; beyond that callers get 503
}

// RoomsConfig says which rooms there are and how they are made.
type RoomsConfig struct {
	OnDemand  bool          // the first admitted caller makes the room
	Policy    string        // policy of rooms that state none
	Loudest   int           // speaking seats that are mixed
	EmptyFor  time.Duration // how long an empty room made on demand lives
	SeatWait  time.Duration // how long a seat waits for its owner to come back
	Manners   Manners       // of rooms that state none
	Permanent []RoomConfig  // rooms that exist from the start and never close
}

// Manners are what a room does for its callers beside mixing them.
type Manners struct {
	Keys    bool // it listens to keys: mute, raise a hand, be louder
	Tones   bool // it sounds when somebody comes or goes
	Prompts bool // it says what happens to a caller; to one who waits it speaks in any case
}

// RoomConfig is one permanent room.
type RoomConfig struct {
	Name     string
	Policy   string // never empty
	Locked   bool
	MaxSeats int // never 0
	Manners
	PIN        pin      // that callers enter by their keys; nil: none
	Moderators []string // accounts: while none of them is in the room the others wait; they need no PIN
}

// RecordingConfig says whom recordings are for, and how much room they may take.
type RecordingConfig struct {
	Recipients []string      // public keys of age; none: nothing can be recorded
	MaxMB      int           // of all recordings
	FreeMB     int           // that stays free on the disk
	MaxLength  time.Duration // of one recording
}

// TrunkConfig is a peer known by address range or TLS certificate instead of digest. Where both are given both must hold.
type TrunkConfig struct {
	Name         string
	From         []netip.Prefix
	Certificates []string // SHA-256 of TLS client certificates, lower-case hex
	Transports   []string // udp, tcp, tls
	Methods      []keying.Method
	Codecs       []string // in the order of preference; nil: those of media
	Calls        int
}

// WebhookConfig is a URL to which events are sent.
type WebhookConfig struct {
	URL        string   // https, or http to this machine
	SecretFile string   // holds the key of the signatures: 32 octets or more; readable by its owner alone
	Types      []string // of the events; nil: all
	Rooms      []string // whose events; nil: all, and those of no room
}

// Problem is one fault of a configuration: where it is, what is wrong and what to do.
type Problem struct {
	Path string // key, dotted from the top, e.g. policies.standard.methods[1]
	Line int    // line in the file, from 1; 0 when the fault is not in the file
	Text string // what is wrong; what to do
}

// String gives "path: text (line n)".
func (p Problem) String() string {
	s := p.Text
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("%s (line %d)", s, p.Line)
	}
	return s
}

// ConfigError holds every problem found in a configuration, in the order of the file.
type ConfigError struct {
	Source   string // name of the file
	Problems []Problem
}

// Error gives one problem per line under the name of the file.
func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", e.Source)
	for _, p := range e.Problems {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// Unwrap makes errors.Is(err, ErrConfig) true.
func (e *ConfigError) Unwrap() error { return ErrConfig }

// DefaultConfig gives the value of every key that the file leaves out.
func DefaultConfig() *Config {
	return &Config{
		SIP: SIPConfig{UDP: "127.0.0.1:5060", TCP: "127.0.0.1:5060", TLS: "127.0.0.1:5061", Domain: defaultDomain},
		Media: MediaConfig{
			Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), PortLow: 20000, PortHigh: 29999,
			Codecs: slices.Clone(codecNames), Timeout: 30 * time.Second,
		},
		Admin:     AdminConfig{Listen: "127.0.0.1:8060"},
		Audit:     AuditConfig{KeepMB: 1024},
		Recording: RecordingConfig{MaxMB: 10 << 10, FreeMB: 512, MaxLength: 24 * time.Hour},
		Limits: LimitsConfig{
			Calls: 2000, CallsPerAccount: 4, Rooms: 1000, SeatsPerRoom: 500, RequestsPerSource: 200, DHQueue: 64,
		},
		Rooms: RoomsConfig{
			OnDemand: true, Policy: defaultPolicy, Loudest: 6, EmptyFor: time.Minute, SeatWait: 30 * time.Second,
		},
		Policies: map[string]*keying.Policy{defaultPolicy: newPolicy(defaultPolicy)},
	}
}

// DevConfig gives the configuration of serve --dev: loopback only, rooms on demand, every suite and every method except
// SDES. Ports are those of the default configuration, so that what the documentation types works as it stands.
func DevConfig() *Config {
	c := DefaultConfig()
	p := c.Policies[defaultPolicy]
	p.Methods = slices.DeleteFunc(p.Methods, func(m keying.Method) bool { return m == keying.SDES })
	for _, m := range keying.Methods() {
		if m != keying.SDES && !slices.Contains(p.Methods, m) {
			p.Methods = append(p.Methods, m)
		}
	}
	p.Suites = keying.Suites()
	return c
}

// LoadConfig reads the file at path over base, key by key. A nil base is DefaultConfig, an empty path only validates the
// base. The error is a *ConfigError that holds every problem at once, or the error of opening the file.
func LoadConfig(path string, base *Config) (*Config, error) {
	if path == "" {
		return ReadConfig("defaults", nil, base)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxConfigOctets+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return ReadConfig(path, text, base)
}

// ReadConfig reads YAML text over base, key by key, and validates the result; source names the text in errors. The base is
// not changed. Unknown keys are errors. The error is a *ConfigError that holds every problem at once.
func ReadConfig(source string, text []byte, base *Config) (*Config, error) {
	if base == nil {
		base = DefaultConfig()
	}
	c := base.clone()
	r := &configReader{}
	r.read(text, c)
	r.check(c)
	if len(r.problems) > 0 {
		return nil, &ConfigError{Source: source, Problems: r.inOrder()}
	}
	return c, nil
}

// clone copies what reading may change. Lists are replaced whole by the reader, never edited, so they may be shared.
func (c *Config) clone() *Config {
	d := *c
	d.Warnings = nil
	d.Policies = make(map[string]*keying.Policy, len(c.Policies))
	for name, p := range c.Policies {
		q := *p
		d.Policies[name] = &q
	}
	return &d
}
