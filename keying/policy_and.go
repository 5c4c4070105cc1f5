package keying

import (
	"cmp"
	"slices"
	"time"
)

// And is what both policies allow, in the receiver's order: a room's and that of the account that calls it. Of the limits the
// stricter stands; the peer profile is the other's where it names one. other may be nil: then it is the receiver.
func (p *Policy) And(other *Policy) *Policy {
	if other == nil {
		return p
	}
	both := *p
	both.Name = p.Name + " and " + other.Name
	both.Methods = common(p.Methods, other.Methods)
	both.Suites = common(p.Suites, other.Suites)
	both.Authentication = p.bothSuffice(other)
	both.ForwardSecrecy = stricter(p.ForwardSecrecy, other.ForwardSecrecy)
	both.MaxKeyAge = least(p.MaxKeyAge, other.MaxKeyAge)
	both.MaxKeyPackets = leastPackets(p.MaxKeyPackets, other.MaxKeyPackets)
	both.MinDHBits = max(p.MinDHBits, other.MinDHBits)
	both.SHA1Signatures = p.SHA1Signatures && other.SHA1Signatures
	both.PeerProfile = cmp.Or(other.PeerProfile, p.PeerProfile)
	if p.MoveTGK != MoveRunning || other.MoveTGK != MoveRunning {
		both.MoveTGK = MoveFresh
	}
	// No group listed would mean all of them: where none is common, the methods that need one go instead.
	if both.Groups = common(p.groups(), other.groups()); len(both.Groups) == 0 {
		both.Methods = slices.DeleteFunc(both.Methods, Method.agreesGroup)
	}
	return &both
}

// common is what both lists hold, in the order of the first.
func common[T comparable](list, other []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(t T) bool { return !slices.Contains(other, t) })
}

// nothingSuffices stands in Authentication where no proof alone admits: an empty list would mean that any does.
const nothingSuffices = "nothing"

func (p *Policy) bothSuffice(other *Policy) []string {
	var both []string
	for _, a := range []string{AuthenticationMIKEY, AuthenticationDigest} {
		if p.Suffices(a) && other.Suffices(a) {
			both = append(both, a)
		}
	}
	if both == nil {
		both = []string{nothingSuffices}
	}
	return both
}

func stricter(a, b string) string {
	for _, s := range []string{ForwardSecrecyRequired, ForwardSecrecyPreferred, ""} {
		if a == s || b == s {
			return s
		}
	}
	return ForwardSecrecyNone
}

// least is the smaller limit, where 0 is none.
func least(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// defaultKeyPackets is what 0 means in Policy.MaxKeyPackets.
const defaultKeyPackets = 1 << 31

// leastPackets is the smaller limit, where 0 is the default one.
func leastPackets(a, b uint64) uint64 {
	if a == 0 && b == 0 {
		return 0
	}
	return min(cmp.Or(a, defaultKeyPackets), cmp.Or(b, defaultKeyPackets))
}

// Choose is the first of the policy's methods that is offered and that it allows; "" when there is none.
func (p *Policy) Choose(offered []Method) Method {
	for _, m := range p.Methods {
		if m.Implemented() && p.AllowsMethod(m) && slices.Contains(offered, m) {
			return m
		}
	}
	return ""
}
