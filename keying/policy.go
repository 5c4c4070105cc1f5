package keying

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrPolicy says that a policy contradicts itself.
var ErrPolicy = errors.New("keying: policy")

// Values of Policy.ForwardSecrecy.
const (
	ForwardSecrecyPreferred = "preferred" // initiators put forward secret methods first
	ForwardSecrecyRequired  = "required"  // methods without it are refused even where they are listed
	ForwardSecrecyNone      = "none"      // no matter
)

// Values of Policy.Authentication.
const (
	AuthenticationMIKEY  = "mikey"  // the MIKEY message's own MAC or signature
	AuthenticationDigest = "digest" // SIP digest
)

// Values of Policy.MoveTGK.
const (
	MoveFresh   = "fresh"   // a new device always gets a fresh TGK
	MoveRunning = "running" // a new device is handed the running TGK, under the pre-shared key of its account
)

// Policy is the floor of what a room accepts, and the order of what we offer. It does not change once in use.
type Policy struct {
	Name           string
	Methods        []Method      // in order of preference
	Suites         []Suite       // in order of preference
	Groups         []Group       // in order of preference; empty: all of Groups
	ForwardSecrecy string        // preferred, required or none; "" is preferred
	Authentication []string      // which proofs suffice alone to admit an INVITE; empty: both
	MaxKeyAge      time.Duration // 0: keys do not age
	MaxKeyPackets  uint64        // packets under one key, in either direction; 0: 2^31
	MoveTGK        string        // fresh or running; "" is fresh
	MinDHBits      int           // least strength of a Diffie-Hellman group, in bits (Group.Strength); 0: any
	SHA1Signatures bool          // RSA signatures over SHA-1 are taken, as old peers make them; off unless there are such peers
	PeerProfile    string        // name of one of Profiles; "" is standard
}

// StandardPolicy is the policy "standard" of a configuration that says nothing.
func StandardPolicy() *Policy {
	return &Policy{
		Name:           "standard",
		Methods:        []Method{MIKEYDH, MIKEYPSK, DTLSSRTP},
		Suites:         []Suite{AEADAES256GCM, AEADAES128GCM, AESCM128SHA1x80},
		Groups:         Groups(),
		ForwardSecrecy: ForwardSecrecyPreferred,
		Authentication: []string{AuthenticationMIKEY, AuthenticationDigest},
		MaxKeyAge:      time.Hour,
		MoveTGK:        MoveFresh,
	}
}

// AllowsMethod says whether the method is listed and meets the forward secrecy asked for: those of Diffie-Hellman do.
func (p *Policy) AllowsMethod(m Method) bool {
	if p.ForwardSecrecy == ForwardSecrecyRequired && !m.ForwardSecret() {
		return false
	}
	return slices.Contains(p.Methods, m)
}

// AllowsSuite says whether the suite is listed.
func (p *Policy) AllowsSuite(s Suite) bool { return slices.Contains(p.Suites, s) }

// AllowsGroup says whether the group is listed and strong enough.
func (p *Policy) AllowsGroup(g Group) bool {
	return g.Strength() >= p.MinDHBits && slices.Contains(p.groups(), g)
}

// Suffices says whether that proof alone admits an INVITE.
func (p *Policy) Suffices(authentication string) bool {
	return len(p.Authentication) == 0 || slices.Contains(p.Authentication, authentication)
}

// Validate returns every contradiction, joined; nil when there is none.
func (p *Policy) Validate() error {
	var all []error
	complain := func(format string, args ...any) {
		all = append(all, fmt.Errorf("%w %q: "+format, append([]any{ErrPolicy, p.Name}, args...)...))
	}
	if len(p.Methods) == 0 {
		complain("methods is empty: name at least one of %v", Methods())
	}
	if len(p.Suites) == 0 {
		complain("suites is empty: name at least one of %v", Suites())
	}
	if len(p.Methods) > 0 && !slices.ContainsFunc(p.Methods, p.AllowsMethod) {
		complain("forward_secrecy is required and no method of %v has it: add %q", p.Methods, MIKEYDH)
	}
	p.validateNames(complain)
	return errors.Join(all...)
}

func (p *Policy) validateNames(complain func(string, ...any)) {
	for _, m := range p.Methods {
		if _, err := ParseMethod(string(m)); err != nil {
			complain("methods: %q is none of %v", m, Methods())
		}
	}
	for _, s := range p.Suites {
		if _, err := ParseSuite(string(s)); err != nil {
			complain("suites: %q is none of %v", s, Suites())
		}
	}
	for _, g := range p.Groups {
		if _, err := ParseGroup(string(g)); err != nil {
			complain("groups: %q is none of %v", g, Groups())
		}
	}
	for _, a := range p.Authentication {
		if a != AuthenticationMIKEY && a != AuthenticationDigest {
			complain("authentication: %q is neither mikey nor digest", a)
		}
	}
	switch p.ForwardSecrecy {
	case "", ForwardSecrecyPreferred, ForwardSecrecyRequired, ForwardSecrecyNone:
	default:
		complain("forward_secrecy: %q is none of preferred, required, none", p.ForwardSecrecy)
	}
	if p.MoveTGK != "" && p.MoveTGK != MoveFresh && p.MoveTGK != MoveRunning {
		complain("move_tgk: %q is neither fresh nor running", p.MoveTGK)
	}
	p.validateLimits(complain)
}

func (p *Policy) validateLimits(complain func(string, ...any)) {
	if p.MaxKeyAge < 0 {
		complain("max_key_age: %v is negative", p.MaxKeyAge)
	}
	if p.MaxKeyPackets > maxKeyPackets {
		complain("max_key_packets: %d is more than SRTP allows, 2^48", p.MaxKeyPackets)
	}
	if p.MinDHBits < 0 || slices.ContainsFunc(p.Methods, Method.agreesGroup) && p.group() == "" {
		complain("min_dh_bits: %d leaves no group of %v", p.MinDHBits, p.groups())
	}
	if p.MoveTGK == MoveRunning && !p.AllowsMethod(MIKEYPSK) {
		complain("move_tgk: running needs %s, which methods and forward_secrecy do not allow", MIKEYPSK)
	}
	if _, err := ParseProfile(p.PeerProfile); err != nil {
		complain("peer_profile: %w", err)
	}
}

func (p *Policy) groups() []Group {
	if len(p.Groups) == 0 {
		return Groups()
	}
	return p.Groups
}

// group is the first that the policy allows; "" when there is none.
func (p *Policy) group() Group {
	for _, g := range p.groups() {
		if p.AllowsGroup(g) {
			return g
		}
	}
	return ""
}
