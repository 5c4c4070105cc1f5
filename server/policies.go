package server

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/gate"
)

// policies says what a caller must keep to in a room: the room's policy and, beside it, that of its account or the methods of
// its trunk. There are as many as combinations of names in the configuration and among the accounts, so that each is made once.
type policies struct {
	cfg       *Config
	accountOf func(account string) string // name of the policy of an account, "" for none

	mu   sync.RWMutex
	made map[pairing]*keying.Policy // by what went into it
}

// pairing is what an effective policy is made of.
type pairing struct {
	room           *keying.Policy
	account, trunk string // names: of the account's policy, of the trunk
}

func newPolicies(cfg *Config, accountOf func(string) string) *policies {
	return &policies{cfg: cfg, accountOf: accountOf, made: make(map[pairing]*keying.Policy)}
}

// of returns the policy of whoever calls a room of that policy; it never changes.
func (p *policies) of(room *keying.Policy, who gate.Who) *keying.Policy {
	if room == nil {
		return nil
	}
	pair := pairing{room: room, trunk: who.Trunk}
	if who.Trunk == "" && who.Account != "" {
		pair.account = p.accountOf(who.Account)
	}
	if pair.account == "" && pair.trunk == "" {
		return room
	}
	p.mu.RLock()
	known := p.made[pair]
	p.mu.RUnlock()
	if known != nil {
		return known
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made[pair] == nil { // somebody else may have been faster
		p.made[pair] = p.pair(pair)
	}
	return p.made[pair]
}

// pair makes an effective policy.
func (p *policies) pair(with pairing) *keying.Policy {
	if with.trunk != "" {
		return p.trunk(with.room, with.trunk)
	}
	of := p.cfg.Policies[with.account]
	if of == nil {
		of = &keying.Policy{Name: with.account} // gone from the configuration: it allows nothing
	}
	return with.room.And(of)
}

// trunk is the room's policy with the methods of a trunk in place of its own: what the room asks of secrecy still holds.
func (p *policies) trunk(room *keying.Policy, name string) *keying.Policy {
	through := *room
	through.Name, through.Methods = room.Name+" for "+name, nil
	for _, t := range p.cfg.Trunks {
		if t.Name == name {
			through.Methods = t.Methods
		}
	}
	return &through
}

// neighbours says whether two addresses are of one trunk: a farm of proxies may have what we send in a call go to another of them
// (dialog.Config.Neighbours).
func (c *Config) neighbours(from, to netip.Addr) bool {
	return slices.ContainsFunc(c.Trunks, func(t TrunkConfig) bool {
		within := func(a netip.Addr) bool {
			return slices.ContainsFunc(t.From, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		return slices.Contains(t.Transports, "udp") && within(from) && within(to)
	})
}

// gateTrunks tells the gate by what a trunk is known.
func (c *Config) gateTrunks() []gate.Trunk {
	list := make([]gate.Trunk, 0, len(c.Trunks))
	for _, t := range c.Trunks {
		list = append(list, gate.Trunk{Name: t.Name, From: t.From, Fingerprints: t.Certificates, Transports: t.Transports})
	}
	return list
}

// policyNamed is a policy of the configuration; one that is gone from there allows nothing.
func (r *room) policyNamed(name string) *keying.Policy {
	if p := r.policies[name]; p != nil {
		return p
	}
	return &keying.Policy{Name: name}
}
