package server

import (
	"strings"
	"time"

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
	top.below("recording", func(s *section) { s.words("recipients", &c.Recording.Recipients, nil) })
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
