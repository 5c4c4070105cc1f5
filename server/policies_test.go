package server

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/gate"
)

const policiesYAML = `
policies:
  open:   {methods: [mikey-dh, mikey-psk, sdes], groups: [modp1536, p256]}
  secret: {methods: [mikey-dh, mikey-psk], forward_secrecy: required, min_dh_bits: 112, max_key_age: 30m}
  phones: {methods: [sdes, mikey-psk], suites: [AES_CM_128_HMAC_SHA1_80], max_key_age: 2h}
trunks:
  - {name: sbc, from: [192.0.2.0/24], transports: [udp], methods: [sdes]}
`

// policiesOf are the effective policies of that configuration; desk and vip have policies of their own, lost one that is gone.
func policiesOf(t *testing.T) (*Config, *policies) {
	t.Helper()
	c, err := ReadConfig("test", []byte(policiesYAML), nil)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{"desk": "phones", "vip": "secret", "lost": "gone"}
	return c, newPolicies(c, func(account string) string { return named[account] })
}

func TestEffectivePolicies(t *testing.T) {
	c, all := policiesOf(t)
	methods := func(m ...keying.Method) []keying.Method { return m }
	for _, test := range []struct {
		name, room string
		who        gate.Who
		allowed    []keying.Method
		suites     int
	}{
		{"nobody yet", "open", gate.Who{}, methods(keying.MIKEYDH, keying.MIKEYPSK, keying.SDES), 3},
		{"no policy of its own", "open", gate.Who{Account: "ann"}, methods(keying.MIKEYDH, keying.MIKEYPSK, keying.SDES), 3},
		{"what both allow, in the room's order", "open", gate.Who{Account: "desk"}, methods(keying.MIKEYPSK, keying.SDES), 1},
		{"stricter than the room", "open", gate.Who{Account: "vip"}, methods(keying.MIKEYDH), 3},
		{"the room is stricter", "secret", gate.Who{Account: "desk"}, nil, 1},
		{"its policy is gone", "open", gate.Who{Account: "lost"}, nil, 0},
		{"trunk", "open", gate.Who{Trunk: "sbc"}, methods(keying.SDES), 3},
		{"trunk where the room lacks its method", "standard", gate.Who{Trunk: "sbc"}, methods(keying.SDES), 3},
		{"trunk where forward secrecy is required", "secret", gate.Who{Trunk: "sbc"}, nil, 3},
		{"no such trunk", "open", gate.Who{Trunk: "stranger"}, nil, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := all.of(c.Policies[test.room], test.who)
			var allowed []keying.Method
			for _, m := range p.Methods {
				if p.AllowsMethod(m) {
					allowed = append(allowed, m)
				}
			}
			if !slices.Equal(allowed, test.allowed) || len(p.Suites) != test.suites {
				t.Errorf("%v with %v, want %v with %d suites", allowed, p.Suites, test.allowed, test.suites)
			}
			for range 2 { // the same one every time, whoever asks
				if again := all.of(c.Policies[test.room], test.who); again != p {
					t.Error("made twice")
				}
			}
		})
	}
	if all.of(nil, gate.Who{Account: "desk"}) != nil {
		t.Error("no room, but a policy")
	}
}

func TestEffectivePolicyLimits(t *testing.T) {
	c, all := policiesOf(t)
	vip, desk := all.of(c.Policies["open"], gate.Who{Account: "vip"}), all.of(c.Policies["secret"], gate.Who{Account: "desk"})
	if vip.MaxKeyAge != c.Policies["secret"].MaxKeyAge || desk.MaxKeyAge != c.Policies["secret"].MaxKeyAge {
		t.Errorf("keys may be %v and %v old", vip.MaxKeyAge, desk.MaxKeyAge)
	}
	if vip.AllowsGroup(keying.MODP1536) || !vip.AllowsGroup(keying.P256) {
		t.Error("the least strength of the account's policy does not hold")
	}
	if room := c.Policies["open"]; len(room.Methods) != 3 || !room.AllowsGroup(keying.MODP1536) {
		t.Error("the room's own policy was changed")
	}
}

// A policy is asked for with every request: none is made for it.
func TestEffectivePolicyCost(t *testing.T) {
	c, all := policiesOf(t)
	room := c.Policies["open"]
	for _, who := range []gate.Who{{}, {Account: "ann"}, {Account: "desk"}, {Trunk: "sbc"}} {
		if n := testing.AllocsPerRun(100, func() { all.of(room, who) }); n != 0 {
			t.Errorf("%+v: %v allocations", who, n)
		}
	}
}

// TestNeighbours: what is sent in a call goes from one proxy of a trunk to another, and nowhere else.
func TestNeighbours(t *testing.T) {
	farm, other, tls := netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("0.0.0.0/0")
	cfg := &Config{Trunks: []TrunkConfig{
		{Name: "farm", From: []netip.Prefix{farm, other}, Transports: []string{"udp"}},
		{Name: "desk", From: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, Transports: []string{"tcp", "udp"}},
		{Name: "carrier", From: []netip.Prefix{tls}, Transports: []string{"tls"}}, // known by its certificate
	}}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"192.0.2.1", "192.0.2.9", true},
		{"192.0.2.1", "2001:db8::5", true},
		{"192.0.2.1", "192.0.2.99", false},
		{"192.0.2.99", "192.0.2.1", false},
		{"192.0.2.1", "198.51.100.7", false},
		{"203.0.113.1", "203.0.113.2", false},
	} {
		if got := cfg.neighbours(netip.MustParseAddr(c.from), netip.MustParseAddr(c.to)); got != c.want {
			t.Errorf("from %s to %s: %v", c.from, c.to, got)
		}
	}
}
