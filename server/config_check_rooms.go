package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/keying"
)

// checkPolicy validates a policy, so that somebody can keep to it.
func (r *configReader) checkPolicy(name string, p *keying.Policy) {
	path := join("policies", name)
	if !isName(name) {
		r.problem(path, "is no name; use 1 to 64 of a-z 0-9 . _ -")
	}
	if len(p.Suites) == 0 {
		r.problem(path+".suites", "is empty; name at least one of %s", strings.Join(suiteNames, ", "))
	}
	if len(p.Authentication) == 0 {
		r.problem(path+".authentication", "is empty, so nobody could enter; name mikey, digest or both")
	}
	if len(p.Groups) == 0 {
		r.problem(path+".groups", "is empty; name at least one of %s", strings.Join(groupNames, ", "))
	}
	if len(p.Groups) > 0 && !slices.ContainsFunc(p.Groups, p.AllowsGroup) {
		r.problem(path+".min_dh_bits", "none of groups has %d bits of strength; give a number up to %d, or add %s",
			p.MinDHBits, keying.P256.Strength(), keying.P256)
	}
	r.checkMethods(path, p)
}

// profileNames are the words that peer_profile may use.
func profileNames() (names []string) {
	for _, p := range keying.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

func (r *configReader) checkMethods(path string, p *keying.Policy) {
	switch {
	case len(p.Methods) == 0:
		r.problem(path+".methods", "is empty; name at least one of %s", strings.Join(methodNames, ", "))
	case !slices.ContainsFunc(p.Methods, p.AllowsMethod):
		r.problem(path+".forward_secrecy", "is required, but no method in methods gives it; add %s", keying.MIKEYDH)
	case p.MoveTGK == keying.MoveRunning && !p.AllowsMethod(keying.MIKEYPSK):
		r.problem(path+".move_tgk", "is running, which goes by %s; add it to methods, and let forward_secrecy not be required", keying.MIKEYPSK)
	}
}

func (r *configReader) checkRooms(c *Config) {
	if c.Policies[c.Rooms.Policy] == nil {
		r.problem("rooms.policy", "no policy is named %q; name one of %s", clip(c.Rooms.Policy), c.policyNames())
	}
	if !c.Rooms.OnDemand && len(c.Rooms.Permanent) == 0 {
		c.warn("rooms.on_demand is false and rooms.permanent is empty: rooms come only from the admin API")
	}
	seen := make(map[string]bool)
	for i := range c.Rooms.Permanent {
		room, path := &c.Rooms.Permanent[i], fmt.Sprintf("rooms.permanent[%d]", i)
		r.checkName(path+".name", room.Name, seen)
		if room.Policy == "" {
			room.Policy = c.Rooms.Policy
		} else if c.Policies[room.Policy] == nil {
			r.problem(path+".policy", "no policy is named %q; name one of %s", clip(room.Policy), c.policyNames())
		}
		for k, name := range room.Moderators {
			if !isName(name) {
				r.problem(fmt.Sprintf("%s.moderators[%d]", path, k), "%q is no name of an account; use 1 to 64 of a-z 0-9 . _ -", clip(name))
			}
		}
		if room.MaxSeats == 0 {
			room.MaxSeats = c.Limits.SeatsPerRoom
		}
	}
	if n := len(c.Rooms.Permanent); n > c.Limits.Rooms {
		r.problem("limits.rooms", "%d is less than the %d permanent rooms; raise it", c.Limits.Rooms, n)
	}
}

// checkName validates the name that an entry of a list gives itself, which no other of the list may have.
func (r *configReader) checkName(path, name string, seen map[string]bool) {
	switch {
	case !isName(name):
		r.problem(path, "%q is no name; use 1 to 64 of a-z 0-9 . _ -", clip(name))
	case seen[name]:
		r.problem(path, "%q stands twice; rename one", name)
	}
	seen[name] = true
}

func (r *configReader) checkTrunks(c *Config) {
	seen := make(map[string]bool)
	for i, t := range c.Trunks {
		path := fmt.Sprintf("trunks[%d]", i)
		r.checkName(path+".name", t.Name, seen)
		r.checkTrunk(c, path, t)
	}
}

// checkTrunk validates what makes a trunk fit a request, and what it may do then.
func (r *configReader) checkTrunk(c *Config, path string, t TrunkConfig) {
	known := len(t.From)+len(t.Certificates) > 0 || r.faulty(path+".from") || r.faulty(path+".certificates")
	if !known {
		r.problem(path+".from", "gives no address range; write one such as [192.0.2.0/24], or fingerprints under certificates")
	}
	for _, p := range t.From {
		if p.Bits() == 0 && len(t.Certificates) == 0 {
			c.warn("%s.from: %s is everybody, who then calls without a password; write the ranges of the trunk", path, p)
		}
	}
	if len(t.Certificates) > 0 && slices.ContainsFunc(t.Transports, func(s string) bool { return s != "tls" }) {
		r.problem(path+".transports", "a certificate is shown over TLS only; write [tls]")
	}
	for _, transport := range t.Transports {
		if on := map[string]string{"udp": c.SIP.UDP, "tcp": c.SIP.TCP, "tls": c.SIP.TLS}; on[transport] == "" {
			c.warn("%s: nobody comes over %s, since sip.%s is off", path, transport, transport)
		}
	}
	if len(t.Transports) == 0 && !r.faulty(path+".transports") {
		r.problem(path+".transports", "is empty, so nobody could come; name at least one of %s", strings.Join(transportNames, ", "))
	}
	if len(t.Codecs) == 0 && r.lines[path+".codecs"] > 0 && !r.faulty(path+".codecs") {
		r.problem(path+".codecs", "is empty; name at least one of %s, or remove the key", strings.Join(codecNames, ", "))
	}
	if len(t.Methods) == 0 && !r.faulty(path+".methods") {
		r.problem(path+".methods", "is empty; name %s, %s or both", keying.SDES, keying.DTLSSRTP)
	}
	for _, m := range t.Methods {
		if m != keying.SDES && m != keying.DTLSSRTP {
			c.warn("%s.methods: %s proves an account, and whoever has one calls as that account, not through a trunk", path, m)
		}
	}
}
