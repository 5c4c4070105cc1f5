package keying

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPolicyAnd(t *testing.T) {
	room := &Policy{
		Name: "room", Methods: []Method{MIKEYDH, MIKEYPSK, DTLSSRTP}, Suites: []Suite{AEADAES128GCM, AEADAES256GCM}, Groups: []Group{P256, MODP3072},
		ForwardSecrecy: ForwardSecrecyNone, MaxKeyAge: time.Hour, MaxKeyPackets: 1000, MinDHBits: 112, SHA1Signatures: true,
		PeerProfile: ProfileRFC3830, MoveTGK: MoveRunning, Authentication: []string{AuthenticationMIKEY},
	}
	account := &Policy{
		Name: "account", Methods: []Method{DTLSSRTP, SDES, MIKEYDH}, Suites: []Suite{AEADAES256GCM, AEADAES128GCM, AESCM128SHA1x80},
		ForwardSecrecy: ForwardSecrecyRequired, MaxKeyAge: time.Minute, MinDHBits: 90, MoveTGK: MoveRunning,
	}
	want := &Policy{
		Name: "room and account", Methods: []Method{MIKEYDH, DTLSSRTP}, Suites: room.Suites, Groups: room.Groups,
		ForwardSecrecy: ForwardSecrecyRequired, MaxKeyAge: time.Minute, MaxKeyPackets: 1000, MinDHBits: 112,
		PeerProfile: ProfileRFC3830, MoveTGK: MoveRunning, Authentication: []string{AuthenticationMIKEY},
	}
	if got := room.And(account); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	account.MaxKeyPackets, room.MaxKeyPackets = 1<<40, 0 // 0 is a limit too
	if got := room.And(account).MaxKeyPackets; got != 1<<31 {
		t.Errorf("%d packets", got)
	}
	account.MaxKeyPackets = 0
	if room.And(nil) != room {
		t.Error("nothing beside it changed it")
	}
	account.PeerProfile, account.SHA1Signatures, account.MoveTGK = ProfileMinisip, true, MoveFresh
	if got := room.And(account); got.PeerProfile != ProfileMinisip || !got.SHA1Signatures || got.MoveTGK != MoveFresh {
		t.Errorf("%+v", got)
	}
}

// TestPolicyAndNothing: an empty list means all of it; where two policies have nothing in common, that must not come out.
func TestPolicyAndNothing(t *testing.T) {
	a, b := everything(), everything()
	a.Groups, b.Groups = []Group{P256}, []Group{MODP1536}
	a.Authentication, b.Authentication = []string{AuthenticationMIKEY}, []string{AuthenticationDigest}
	both := a.And(b)
	if slices.ContainsFunc(both.Methods, Method.agreesGroup) || len(both.Methods) != 5 {
		t.Errorf("methods %v", both.Methods)
	}
	if both.Suffices(AuthenticationMIKEY) || both.Suffices(AuthenticationDigest) {
		t.Error("a proof suffices that one of them does not take")
	}
	for _, p := range []struct{ a, b, want string }{
		{"", ForwardSecrecyNone, ""}, {ForwardSecrecyNone, ForwardSecrecyNone, ForwardSecrecyNone},
		{ForwardSecrecyPreferred, ForwardSecrecyNone, ForwardSecrecyPreferred}, {ForwardSecrecyRequired, "", ForwardSecrecyRequired},
	} {
		if got := stricter(p.a, p.b); got != p.want || stricter(p.b, p.a) != p.want {
			t.Errorf("%q and %q: %q", p.a, p.b, got)
		}
	}
}

func TestPolicyStrength(t *testing.T) {
	p := everything()
	for bits, want := range map[int][]Group{
		0: Groups(), 90: Groups(), 91: {MODP2048, MODP3072, P256}, 112: {MODP2048, MODP3072, P256}, 113: {MODP3072, P256}, 128: {MODP3072, P256}, 129: nil,
	} {
		p.MinDHBits = bits
		var got []Group
		for _, g := range Groups() {
			if p.AllowsGroup(g) {
				got = append(got, g)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d bits: %v", bits, got)
		}
	}
	p.MinDHBits = 129
	if p.AllowsGroup("") || p.group() != "" {
		t.Error("a group of no strength")
	}
}

func TestPolicyLimits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Policy)
		want   string
	}{
		"strength":        {func(p *Policy) { p.MinDHBits = 129 }, "min_dh_bits"},
		"negative":        {func(p *Policy) { p.MinDHBits = -1 }, "min_dh_bits"},
		"group too weak":  {func(p *Policy) { p.MinDHBits, p.Groups = 112, []Group{MODP1536} }, "min_dh_bits"},
		"packets":         {func(p *Policy) { p.MaxKeyPackets = 1<<48 + 1 }, "max_key_packets"},
		"profile":         {func(p *Policy) { p.PeerProfile = "friend" }, "peer_profile"},
		"no way to move":  {func(p *Policy) { p.MoveTGK, p.Methods = MoveRunning, []Method{MIKEYDH} }, "move_tgk"},
		"forbidden move":  {func(p *Policy) { p.MoveTGK, p.ForwardSecrecy = MoveRunning, ForwardSecrecyRequired }, "move_tgk"},
		"sound":           {func(p *Policy) { p.MinDHBits, p.PeerProfile, p.MaxKeyPackets = 128, ProfileMinisip, 1<<31 }, ""},
		"without a group": {func(p *Policy) { p.MinDHBits, p.Methods, p.Groups = 112, []Method{SDES}, []Group{MODP1536} }, ""},
	} {
		p := everything()
		c.change(p)
		err := p.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
