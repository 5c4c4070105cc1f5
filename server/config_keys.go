package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/conclave/conclave/keying"
)

// Bounds of the numbers and durations that a configuration may give. They keep a typing error from becoming an outage;
// none is a limit of the code.
const (
	maxCalls    = 1_000_000
	maxSeats    = 100_000
	maxRequests = 10_000_000 // a benchmark raises requests_per_source to what amounts to none
	maxWorkers  = 1024
	maxQueue    = 1_000_000
	maxLoudest  = 64  // beyond some voices at once nobody understands anybody
	maxDHBits   = 128 // strength of the best group
	// maxKeyPackets is what SRTCP allows under one key, and far less than SRTP does (RFC 3711 section 9.2).
	maxKeyPackets = 1 << 31
	// defaultTrunkCalls is good for a gateway of some size; more is for the operator to say.
	defaultTrunkCalls = 1000
	minKeptMB         = 8 // a file of the trail is an eighth of it
	maxKeptMB         = 1 << 20
	minWait           = time.Second
	maxWait           = 24 * time.Hour
)

var (
	codecNames     = []string{"opus", "pcmu", "pcma", "l16"} // compiled table, in the order of preference
	transportNames = []string{"udp", "tcp", "tls"}           // compiled table
)

// read takes every key of the file over c.
func (r *configReader) read(text []byte, c *Config) {
	top := r.root(text)
	if top == nil {
		return
	}
	top.below("sip", func(s *section) { s.readSIP(&c.SIP) })
	top.below("media", func(s *section) { s.readMedia(&c.Media) })
	top.below("admin", func(s *section) {
		s.text("listen", &c.Admin.Listen)
		s.words("hosts", &c.Admin.Hosts, nil)
		s.text("cert", &c.Admin.Cert)
		s.text("key", &c.Admin.Key)
		s.text("client_ca", &c.Admin.ClientCA)
	})
	top.below("audit", func(s *section) { s.number("keep_mb", &c.Audit.KeepMB, minKeptMB, maxKeptMB) })
	top.below("telemetry", func(s *section) { s.text("otlp", &c.Telemetry.OTLP) })
	top.below("limits", func(s *section) { s.readLimits(&c.Limits) })
	top.below("rooms", func(s *section) { s.readRooms(&c.Rooms) })
	top.below("policies", func(s *section) { s.readPolicies(c) })
	top.below("recording", func(s *section) {
		s.words("recipients", &c.Recording.Recipients, nil)
		s.number("max_mb", &c.Recording.MaxMB, 1, maxKeptMB)
		s.number("free_mb", &c.Recording.FreeMB, 0, maxKeptMB)
		s.duration("max_length", &c.Recording.MaxLength, minWait, maxWait)
	})
	var trunks []TrunkConfig
	if top.each("trunks", func(s *section) { trunks = append(trunks, s.readTrunk()) }) {
		c.Trunks = trunks
	}
	var hooks []WebhookConfig
	if top.each("webhooks", func(s *section) {
		h := WebhookConfig{}
		s.text("url", &h.URL)
		s.text("secret_file", &h.SecretFile)
		s.words("types", &h.Types, EventTypes())
		s.words("rooms", &h.Rooms, nil)
		hooks = append(hooks, h)
	}) {
		c.Webhooks = hooks
	}
	top.done()
}

func (s *section) readSIP(c *SIPConfig) {
	s.text("udp", &c.UDP)
	s.text("tcp", &c.TCP)
	s.text("tls", &c.TLS)
	s.text("domain", &c.Domain)
	c.Domain = strings.ToLower(c.Domain)
}

func (s *section) readMedia(c *MediaConfig) {
	s.address("address", &c.Address)
	s.addressOrNone("address6", &c.Address6)
	s.text("interface", &c.Interface)
	s.ports("ports", c)
	s.words("codecs", &c.Codecs, codecNames)
	s.duration("timeout", &c.Timeout, minWait, maxWait)
	s.number("workers", &c.Workers, 0, maxWorkers)
}

func (s *section) readLimits(c *LimitsConfig) {
	s.number("calls", &c.Calls, 1, maxCalls)
	s.number("calls_per_account", &c.CallsPerAccount, 1, maxCalls)
	s.number("rooms", &c.Rooms, 1, maxCalls)
	s.number("seats_per_room", &c.SeatsPerRoom, 1, maxSeats)
	s.number("requests_per_source", &c.RequestsPerSource, 1, maxRequests)
	s.number("dh_workers", &c.DHWorkers, 0, maxWorkers)
	s.number("dh_queue", &c.DHQueue, 1, maxQueue)
}

func (s *section) readRooms(c *RoomsConfig) {
	s.boolean("on_demand", &c.OnDemand)
	s.text("policy", &c.Policy)
	s.number("loudest", &c.Loudest, 1, maxLoudest)
	s.duration("empty_for", &c.EmptyFor, minWait, maxWait)
	s.duration("seat_wait", &c.SeatWait, minWait, maxWait)
	s.readManners(&c.Manners)
	var permanent []RoomConfig
	if s.each("permanent", func(s *section) {
		room := RoomConfig{Manners: c.Manners}
		s.text("name", &room.Name)
		s.text("policy", &room.Policy)
		s.boolean("locked", &room.Locked)
		s.number("max_seats", &room.MaxSeats, 1, maxSeats)
		s.readManners(&room.Manners)
		s.pin("pin", &room.PIN)
		s.words("moderators", &room.Moderators, nil)
		for i, name := range room.Moderators {
			room.Moderators[i] = strings.ToLower(name)
		}
		room.Name = strings.ToLower(room.Name)
		permanent = append(permanent, room)
	}) {
		c.Permanent = permanent
	}
}

func (s *section) readManners(m *Manners) {
	s.boolean("keys", &m.Keys)
	s.boolean("tones", &m.Tones)
	s.boolean("prompts", &m.Prompts)
}

// pin reads a PIN, of which the hash is kept.
func (s *section) pin(key string, into *pin) {
	var digits string
	s.text(key, &digits)
	p, err := newPIN(digits)
	if err != nil {
		s.r.problem(join(s.path, key), "is no PIN; write 4 to 12 digits in quotes")
		return
	}
	*into = p
}

// readPolicies takes the policies by name. One that is there already is overridden key by key; a new one starts from the
// default policy's values.
func (s *section) readPolicies(c *Config) {
	for _, name := range s.keys {
		if c.Policies[name] == nil {
			c.Policies[name] = newPolicy(name)
		}
		p := c.Policies[name]
		s.below(name, func(s *section) { s.readPolicy(p) })
	}
}

func (s *section) readPolicy(p *keying.Policy) {
	named(s, "methods", &p.Methods, methodNames)
	named(s, "suites", &p.Suites, suiteNames)
	named(s, "groups", &p.Groups, groupNames)
	s.words("authentication", &p.Authentication, authenticationNames)
	s.oneOf("forward_secrecy", &p.ForwardSecrecy, forwardSecrecyNames)
	s.number("min_dh_bits", &p.MinDHBits, 0, maxDHBits)
	s.duration("max_key_age", &p.MaxKeyAge, minWait, maxKeyAge)
	packets := int(p.MaxKeyPackets) //nolint:gosec // maxKeyPackets bounds it
	s.number("max_key_packets", &packets, 0, maxKeyPackets)
	p.MaxKeyPackets = uint64(packets) //nolint:gosec // not below 0
	s.boolean("sha1_signatures", &p.SHA1Signatures)
	s.oneOf("peer_profile", &p.PeerProfile, profileNames())
	s.oneOf("move_tgk", &p.MoveTGK, moveTGKNames)
}

// readTrunk reads one trunk. TLS is the transport of a trunk that names none, so that keys of SDES are in the clear only where
// the file says so.
func (s *section) readTrunk() TrunkConfig {
	t := TrunkConfig{Transports: []string{"tls"}, Calls: defaultTrunkCalls}
	s.text("name", &t.Name)
	t.From = s.prefixes("from")
	t.Certificates = s.fingerprints("certificates")
	s.words("transports", &t.Transports, transportNames)
	named(s, "methods", &t.Methods, methodNames)
	s.words("codecs", &t.Codecs, codecNames)
	s.number("calls", &t.Calls, 1, maxCalls)
	return t
}

// prefixes reads a list of address ranges. Those of version 4 in their mapped form are taken as version 4, as sources are.
func (s *section) prefixes(key string) (list []netip.Prefix) {
	var words []string
	s.words(key, &words, nil)
	for i, text := range words {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			s.r.problem(fmt.Sprintf("%s[%d]", join(s.path, key), i),
				"%q is no address range; write one such as 192.0.2.0/24", clip(text))
			continue
		}
		if bits := p.Bits() - 96; p.Addr().Is4In6() && bits >= 0 {
			p = netip.PrefixFrom(p.Addr().Unmap(), bits)
		}
		list = append(list, p.Masked())
	}
	return list
}

// fingerprints reads a list of SHA-256 digests in hex, with colons between the octets as openssl prints them or without.
func (s *section) fingerprints(key string) (list []string) {
	var words []string
	s.words(key, &words, nil)
	for i, text := range words {
		digest, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
		if err != nil || len(digest) != sha256.Size {
			s.r.problem(fmt.Sprintf("%s[%d]", join(s.path, key), i),
				"%q is no SHA-256 fingerprint; write the 64 hexadecimal digits of: openssl x509 -noout -fingerprint -sha256", clip(text))
			continue
		}
		list = append(list, hex.EncodeToString(digest))
	}
	return list
}

// named reads a list of words of a string type of ours.
func named[T ~string](s *section, key string, into *[]T, allowed []string) {
	words := spell(*into)
	s.words(key, &words, allowed)
	list := make([]T, len(words))
	for i, w := range words {
		list[i] = T(w)
	}
	*into = list
}

// oneOf reads one of a closed set of words.
func (s *section) oneOf(key string, into *string, allowed []string) {
	if s.nodes[key] == nil {
		s.take(key)
		return
	}
	word := *into
	s.text(key, &word)
	if word != *into && !slices.Contains(allowed, word) { // the default need not be a word of the list
		s.r.problem(join(s.path, key), "%q is unknown; give one of %s", word, strings.Join(allowed, ", "))
		return
	}
	*into = word
}

// address reads an IP address.
func (s *section) address(key string, into *netip.Addr) {
	text := into.String()
	s.text(key, &text)
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.r.problem(join(s.path, key), "%q is no IP address; write one such as 192.0.2.1", text)
		return
	}
	*into = a.Unmap()
}

// addressOrNone reads an IP address, or "" for none.
func (s *section) addressOrNone(key string, into *netip.Addr) {
	text := ""
	if into.IsValid() {
		text = into.String()
	}
	if s.text(key, &text); text == "" {
		*into = netip.Addr{}
		return
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.r.problem(join(s.path, key), "%q is no IP address; write one such as 2001:db8::1, or \"\" for none", text)
		return
	}
	*into = a
}

// ports reads "low-high", or "0" for any free port.
func (s *section) ports(key string, c *MediaConfig) {
	node := s.take(key)
	if node == nil {
		return
	}
	if n, ok := integerOf(node); ok && n == 0 {
		c.PortLow, c.PortHigh = 0, 0
		return
	}
	if n, ok := node.(*ast.StringNode); ok {
		if n.Value == "0" {
			c.PortLow, c.PortHigh = 0, 0
			return
		}
		low, high, found := strings.Cut(n.Value, "-")
		lo, errLow := strconv.ParseUint(low, 10, 16)
		hi, errHigh := strconv.ParseUint(high, 10, 16)
		if found && errLow == nil && errHigh == nil && lo >= 1024 && lo < hi {
			c.PortLow, c.PortHigh = uint16(lo), uint16(hi)
			return
		}
	}
	s.r.problem(join(s.path, key), `is no port range; write "20000-29999" (from 1024 to 65535), or "0" for any free port`)
}
