package gate

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
)

// TestTrunkFits: addresses, certificates and transports; where several are named all must hold.
func TestTrunkFits(t *testing.T) {
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(name string) []*x509.Certificate {
		leaf, err := x509.ParseCertificate(p.certificates[name].Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		return []*x509.Certificate{leaf}
	}
	both := shown(p, "tls")
	both.From = sbc().From
	six := Trunk{Name: "six", From: []netip.Prefix{netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("2001:db8::/32")}, Transports: []string{"udp"}}
	tests := []struct {
		name      string
		trunk     Trunk
		source    string
		transport string
		shows     string
		want      bool
	}{
		{"inside", sbc("udp", "tls"), "203.0.113.31:1", "udp", "", true},
		{"mapped", sbc("udp"), "[::ffff:203.0.113.16]:1", "udp", "", true},
		{"second transport", sbc("udp", "tls"), "203.0.113.16:1", "tls", "", true},
		{"below", sbc("udp"), "203.0.113.15:1", "udp", "", false},
		{"above", sbc("udp"), "203.0.113.32:1", "udp", "", false},
		{"another transport", sbc("udp", "tls"), "203.0.113.16:1", "tcp", "", false},
		{"no transports", sbc(), "203.0.113.16:1", "tls", "", false},
		{"version 6", six, "[2001:db8::1]:1", "udp", "", true},
		{"of a link", six, "[fe80::1%eth0]:1", "udp", "", true},
		{"version 4 in no range of 6", six, "32.1.13.184:1", "udp", "", false},
		{"certificate", shown(p, "tls"), "198.51.100.1:1", "tls", "bob", true},
		{"another certificate", shown(p, "tls"), "198.51.100.1:1", "tls", "alice", false},
		{"no certificate", shown(p, "tls"), "198.51.100.1:1", "tls", "", false},
		{"a certificate that no handshake has proven", shown(p, "tcp", "tls"), "198.51.100.1:1", "tcp", "bob", false},
		{"both hold", both, "203.0.113.16:1", "tls", "bob", true},
		{"certificate from elsewhere", both, "198.51.100.1:1", "tls", "bob", false},
		{"address without certificate", both, "203.0.113.16:1", "tls", "", false},
		{"address with another certificate", both, "203.0.113.16:1", "tls", "alice", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Request{Source: netip.MustParseAddrPort(tt.source), Transport: tt.transport}
			if tt.shows != "" {
				r.PeerCertificates = certificate(tt.shows)
			}
			if err := tt.trunk.check(); err != nil {
				t.Fatal(err)
			}
			if got := tt.trunk.fits(&r); got != tt.want {
				t.Errorf("fits: %v", got)
			}
		})
	}
	w := newHouse(t, both, sbc("udp"), Trunk{Name: "second", From: sbc().From, Transports: []string{"udp", "tcp"}})
	for transport, want := range map[string]string{"udp": "sbc", "tcp": "second"} {
		a, refusal := w.gate.Admit(calling("carol", gateway, transport, nil))
		if refusal != nil || a.Trunk != want {
			t.Errorf("over %s: %+v %v; want the first that fits, %s", transport, a, refusal, want)
		}
	}
}

// TestTrunkFrom: who bears an account's name in any spelling never goes by a trunk; anybody else is believed.
func TestTrunkFrom(t *testing.T) {
	w := newWorldOf(t, Config{
		Policy: houseRules, Known: knownAccount, Trunks: []Trunk{sbc("udp")}, Aliases: []string{"conf"},
	})
	tests := []struct {
		from     URI
		status   int
		identity string
	}{
		{URI{"sip", "alice", domain}, 401, ""},
		{URI{"sip", "gone", domain}, 401, ""}, // disabled
		{URI{"sip", "ALICE", strings.ToUpper(domain)}, 401, ""},
		{URI{"sips", "alice", domain}, 401, ""},
		{URI{"sip", "%61lice", domain}, 401, ""},
		{URI{"sip", "alice", domain + "."}, 401, ""},
		{URI{"sip", "alice", "conf"}, 401, ""},
		{URI{"sip", "%zz", domain}, 401, ""},
		{URI{"sip", "carol", domain}, 0, "sip:carol@" + domain},
		{URI{"sip", "alice", "elsewhere.example"}, 0, "sip:alice@elsewhere.example"},
		{URI{"sip", "+4930123", "203.0.113.20"}, 0, "sip:+4930123@203.0.113.20"},
		{URI{"sips", "Anonymous", "anonymous.invalid"}, 0, "sip:anonymous@anonymous.invalid"},
		{URI{"sip", "", "sbc.example"}, 0, "sip:@sbc.example"},
		{URI{"tel", "+4930123", ""}, 403, ""},
		{URI{"sip", "carol", ""}, 403, ""},
		{URI{"sip", "a\"b", "sbc.example"}, 403, ""},
		{URI{"sip", "a\r\nb", "sbc.example"}, 403, ""},
		{URI{"sip", strings.Repeat("x", maxCaller), "sbc.example"}, 403, ""},
	}
	for _, tt := range tests {
		r := calling("carol", gateway, "udp", nil)
		r.From = tt.from
		a, refusal := w.gate.Admit(r)
		switch {
		case tt.status == 0 && (refusal != nil || a.Identity != tt.identity || a.Account != "" || a.Trunk != "sbc" || a.Proof != ProofTrunk):
			t.Errorf("%v: %+v %v", tt.from, a, refusal)
		case tt.status != 0 && (refusal == nil || refusal.Status != tt.status):
			t.Errorf("%v: %+v %v; want %d", tt.from, a, refusal, tt.status)
		}
	}
	// Without an answer to who is known, every name of the domain may be an account's.
	w = newWorldOf(t, Config{Policy: houseRules, Trunks: []Trunk{sbc("udp")}})
	if _, refusal := w.gate.Admit(calling("carol", gateway, "udp", nil)); refusal == nil || refusal.Status != 401 {
		t.Errorf("%v", refusal)
	}
	r := calling("carol", gateway, "udp", nil)
	r.From.Host = "sbc.example"
	if a, refusal := w.gate.Admit(r); refusal != nil || a.Trunk != "sbc" {
		t.Errorf("%+v %v", a, refusal)
	}
}

// TestTrunkRooms: what a trunk's caller asks for, and that no trunk gets into a room that wants a MIKEY proof.
func TestTrunkRooms(t *testing.T) {
	w := newHouse(t, sbc("udp"))
	for room, want := range map[string]int{"standup": 0, "keyed": 403, "nowhere": 404} {
		for _, kind := range []string{kindLate, kindSDES} {
			r := calling("carol", gateway, "udp", w.offering(kind, "carol"))
			r.RequestURI.User = room
			a, refusal := w.gate.Admit(r)
			switch {
			case want == 0 && (refusal != nil || a.Room != room):
				t.Errorf("%s: %+v %v", room, a, refusal)
			case want != 0 && (refusal == nil || refusal.Status != want || a != nil):
				t.Errorf("%s, %s: %+v %v; want %d", room, kind, a, refusal, want)
			}
			if a != nil {
				a.Verified.Abandon()
			}
		}
	}
}

// TestTrunkDialog: a trunk's dialog is that trunk's, and nobody else's who bears the same name.
func TestTrunkDialog(t *testing.T) {
	other := Trunk{Name: "other", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Transports: []string{"udp"}}
	w := newWorldOf(t, Config{ // the trunks may use every method here, also those that prove an account
		Policy: func(room string, _ Who) *keying.Policy { return houseRules(room, Who{}) },
		Known:  knownAccount, Trunks: []Trunk{sbc("udp"), other},
	})
	second := netip.MustParseAddrPort("203.0.113.21:5060")
	request := func(method string, source netip.AddrPort) Request {
		r := within(method, source)
		r.DialogTrunk, r.DialogSource = "sbc", gateway
		return r
	}
	tests := []struct {
		name   string
		source netip.AddrPort
		change func(r *Request)
		status int
		proof  string
	}{
		{"its source", gateway, nil, 0, ProofDialog},
		{"another of its addresses", second, nil, 0, ProofTrunk},
		{"another of its addresses, wrong transport", second, func(r *Request) { r.Transport = "tcp" }, 401, ""},
		{"another trunk", netip.MustParseAddrPort("192.0.2.9:5060"), nil, 401, ""},
		{"a stranger", stranger, nil, 401, ""},
		{"a trunk that is gone", second, func(r *Request) { r.DialogTrunk = "closed" }, 401, ""},
		{"another From", gateway, func(r *Request) { r.From.User = "carol" }, 403, ""},
		{"another From from the trunk", second, func(r *Request) { r.From.User = "carol" }, 403, ""},
		// The dialog's caller bears alice's name: as if her account had been made after the call began.
		{"the account of that name", stranger, func(r *Request) { w.authorize(r, "alice", password) }, 401, ""},
		{"the account of that name, a new offer", stranger, func(r *Request) {
			r.ContentType, r.Body = "application/sdp", w.body(w.message(caller{}))
		}, 401, ""},
		{"a new offer by SDES", gateway, func(r *Request) {
			r.ContentType, r.Body = "application/sdp", w.offering(kindSDES, "carol")
		}, 0, ProofDialog},
		{"a new offer by SDES, a stranger", stranger, func(r *Request) {
			r.ContentType, r.Body = "application/sdp", w.offering(kindSDES, "carol")
		}, 401, ""},
		{"a new offer by SDES from where no trunk is, in the clear", gateway, func(r *Request) {
			r.DialogTrunk = "other"
			r.ContentType, r.Body = "application/sdp", w.offering(kindSDES, "carol")
		}, 488, ""},
	}
	for _, tt := range tests {
		for _, method := range []string{"INVITE", "UPDATE", "BYE"} {
			t.Run(tt.name+"/"+method, func(t *testing.T) {
				r := request(method, tt.source)
				if tt.change != nil {
					r.Method = method
					tt.change(&r)
				}
				status := tt.status
				if method == "BYE" && status == 488 {
					status = 0 // bodies of others are not read
				}
				a, refusal := w.gate.Admit(r)
				if status != 0 {
					if refusal == nil || refusal.Status != status {
						t.Errorf("%+v %v; want %d", a, refusal, status)
					}
					return
				}
				if refusal != nil {
					t.Fatal(refusal)
				}
				if a.Proof != or(tt.proof, a.Proof) || a.Account != "" || a.Trunk != r.DialogTrunk || a.Identity != r.DialogIdentity {
					t.Errorf("%+v", a)
				}
				a.Verified.Abandon()
			})
		}
	}
}

func TestTrunkConfig(t *testing.T) {
	good := strings.Repeat("0a", 32)
	for name, trunk := range map[string]Trunk{
		"no name":            {From: sbc().From},
		"nothing to know by": {Name: "x", Transports: []string{"tls"}},
		"invalid range":      {Name: "x", From: []netip.Prefix{{}}},
		"short fingerprint":  {Name: "x", Fingerprints: []string{good[2:]}},
		"upper case":         {Name: "x", Fingerprints: []string{strings.ToUpper(good)}},
		"no hex":             {Name: "x", Fingerprints: []string{strings.Repeat("zz", 32)}},
	} {
		c := Config{Domain: domain, Accounts: accounts{}, Keyer: &refuser{}, Policy: policies, Trunks: []Trunk{trunk}}
		if _, err := New(c); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	c := Config{Domain: domain, Accounts: accounts{}, Keyer: &refuser{}, Policy: policies, Trunks: []Trunk{{Name: "x", Fingerprints: []string{good}}}}
	if _, err := New(c); err != nil {
		t.Error(err)
	}
}

// TestWhoIsAsked: the policy is asked for whom it is about, and for an account only once that is proven.
func TestWhoIsAsked(t *testing.T) {
	var asked []Who
	w := newWorldOf(t, Config{Known: knownAccount, Trunks: []Trunk{sbc("udp")}, Policy: func(room string, who Who) *keying.Policy {
		asked = append(asked, who)
		return houseRules(room, who)
	}})
	digest := func(r Request) Request {
		w.authorize(&r, "alice", password)
		return r
	}
	inside := within("UPDATE", phone)
	inside.ContentType, inside.Body = "application/sdp", w.body(w.message(caller{}))
	trunks := within("UPDATE", phone)
	trunks.DialogTrunk = "sbc"
	trunks.ContentType, trunks.Body = inside.ContentType, inside.Body
	tests := []struct {
		name    string
		request Request
		want    []Who
	}{
		{"nothing proven", calling("alice", phone, "udp", nil), []Who{{}}},
		{"MIKEY", calling("alice", phone, "udp", w.offering(kindPSK, "alice")), []Who{{}, {Account: "alice"}}},
		{"MIKEY that fails", calling("alice", phone, "udp", w.body(w.message(caller{psk: "bob"}))), []Who{{}}},
		{"digest", digest(calling("alice", phone, "udp", w.offering(kindPSK, "alice"))), []Who{{Account: "alice"}}},
		{"trunk", calling("carol", gateway, "udp", nil), []Who{{Trunk: "sbc"}}},
		{"dialog", inside, []Who{{Account: "alice"}}},
		{"a trunk's dialog", trunks, []Who{{Trunk: "sbc"}}},
	}
	for _, tt := range tests {
		asked = nil
		a, _ := w.gate.Admit(tt.request)
		if a != nil {
			a.Verified.Abandon()
		}
		if len(asked) != len(tt.want) {
			t.Errorf("%s: asked for %v; want %v", tt.name, asked, tt.want)
			continue
		}
		for i := range asked {
			if asked[i] != tt.want[i] {
				t.Errorf("%s: asked for %v; want %v", tt.name, asked, tt.want)
			}
		}
	}
}

// FuzzTrunkFrom: whatever is written in From, a trunk's caller is nobody's account and fit to be shown.
func FuzzTrunkFrom(f *testing.F) {
	f.Add("sip", "alice", domain)
	f.Add("sips", "%41lice", "CONF.example.com.")
	f.Add("sip", "carol", domain)
	f.Add("sip", "", "203.0.113.20")
	f.Add("tel", "+4930123", "")
	g, _ := newGate(f, Config{Policy: houseRules, Known: knownAccount, Trunks: []Trunk{sbc("udp")}})
	f.Fuzz(func(t *testing.T, scheme, user, host string) {
		r := calling("carol", gateway, "udp", nil)
		r.From = URI{scheme, user, host}
		a, refusal := g.Admit(r)
		switch {
		case refusal != nil && refusal.Status != 401 && refusal.Status != 403:
			t.Fatal(refusal)
		case refusal != nil:
		case knownAccount(g.account(a.Identity)), a.Account != "", a.Trunk != "sbc", len(a.Identity) > maxCaller:
			t.Fatalf("%+v", a)
		case strings.ContainsFunc(a.Identity, func(r rune) bool { return r <= ' ' || r > '~' }):
			t.Fatalf("%q", a.Identity)
		}
	})
}
