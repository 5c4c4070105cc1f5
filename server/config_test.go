package server

import (
	"errors"
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/conclave/conclave/keying"
)

var updateConfig = flag.Bool("update-config", false, "rewrite the golden list of configuration problems")

// compareConfig ignores what netip types do not export.
var compareConfig = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

// The example of the interface, which other people's files are copied from, must be read as it stands.
const exampleConfig = `
sip:    {udp: "127.0.0.1:5060", tcp: "127.0.0.1:5060", tls: "127.0.0.1:5061", domain: conf.example.com}
media:  {address: 127.0.0.1, ports: "20000-29999"}
admin:  {listen: "127.0.0.1:8060"}
limits: {calls: 2000, calls_per_account: 4, seats_per_room: 500, requests_per_source: 200}   # outside a dialog, a second
rooms:
  on_demand: true                # a room is made by the first admitted caller
  policy: standard
  loudest: 6
policies:
  standard: {methods: [mikey-dh, mikey-psk, dtls-srtp], suites: [AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80],
             forward_secrecy: preferred, max_key_age: 1h, move_tgk: fresh}
trunks:                          # peers known by address range or TLS certificate instead of digest: an SBC, a load generator
  - {name: sbc, from: ["127.0.0.0/8"], transports: [udp, tcp, tls], methods: [sdes], codecs: [opus, pcmu], calls: 1000}
`

func TestReadConfigExample(t *testing.T) {
	got, err := ReadConfig("example", []byte(exampleConfig), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.SIP.Domain != "conf.example.com" || got.Media.PortHigh != 29999 || len(got.Trunks) != 1 {
		t.Errorf("example read wrongly: %+v", got)
	}
	if tr := got.Trunks[0]; tr.From[0].String() != "127.0.0.0/8" || tr.Calls != 1000 || tr.Methods[0] != keying.SDES {
		t.Errorf("trunk read wrongly: %+v", tr)
	}
	if len(got.Warnings) != 0 {
		t.Errorf("warnings: %q", got.Warnings)
	}
}

func TestReadConfigTrunks(t *testing.T) {
	got, err := ReadConfig("test", []byte(`
sip: {tcp: ""}
trunks:
  - {name: plain, from: ["::ffff:192.0.2.7/120"], methods: [sdes]}
  - name: known
    certificates: ["0F:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0:0f:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0"]
    methods: [mikey-psk, dtls-srtp]
  - {name: open, from: [0.0.0.0/0], transports: [udp, tcp], methods: [sdes], codecs: [pcma], calls: 7}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []TrunkConfig{
		{Name: "plain", From: prefixes("192.0.2.0/24"), Transports: []string{"tls"}, Methods: []keying.Method{keying.SDES}, Calls: 1000},
		{
			Name: "known", Certificates: []string{"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}, Transports: []string{"tls"},
			Methods: []keying.Method{keying.MIKEYPSK, keying.DTLSSRTP}, Calls: 1000,
		},
		{
			Name: "open", From: prefixes("0.0.0.0/0"), Transports: []string{"udp", "tcp"}, Methods: []keying.Method{keying.SDES},
			Codecs: []string{"pcma"}, Calls: 7,
		},
	}
	if diff := cmp.Diff(want, got.Trunks, compareConfig); diff != "" {
		t.Error(diff)
	}
	all := strings.Join(got.Warnings, "\n")
	for _, of := range []string{"mikey-psk proves an account", "nobody comes over tcp", "trunks[2].from: 0.0.0.0/0 is everybody"} {
		if !strings.Contains(all, of) {
			t.Errorf("no warning that %s: %q", of, got.Warnings)
		}
	}
	if through := got.codecsOf("open"); len(through) != 1 || got.codecsOf("plain") != nil || got.codecsOf("") != nil {
		t.Errorf("codecs %v, %v", through, got.codecsOf("plain"))
	}
}

func prefixes(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }

func TestReadConfigEmptyIsDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "sip:\nrooms: {}\n"} {
		got, err := ReadConfig("empty", []byte(text), nil)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(DefaultConfig(), got, compareConfig); diff != "" {
			t.Errorf("%q differs from the default: %s", text, diff)
		}
	}
}

func TestReadConfigOverridesKeyByKey(t *testing.T) {
	base := DevConfig()
	got, err := ReadConfig("test", []byte(`
sip: {udp: "127.0.0.1:0", tls: ""}
media: {ports: 0}
limits: {requests_per_source: 100000}
rooms:
  empty_for: 2s
  permanent: [{name: Board, policy: strict}, {name: hall, max_seats: 9, locked: true}]
policies:
  standard: {max_key_age: 10m}
  strict: {methods: [mikey-dh], forward_secrecy: required, groups: [modp3072], min_dh_bits: 112, max_key_packets: 1000}
  old: {sha1_signatures: true, peer_profile: minisip}
`), base)
	if err != nil {
		t.Fatal(err)
	}
	want := DevConfig()
	want.SIP.UDP, want.SIP.TLS = "127.0.0.1:0", ""
	want.Media.PortLow, want.Media.PortHigh = 0, 0
	want.Limits.RequestsPerSource = 100000
	want.Rooms.EmptyFor = 2 * time.Second
	want.Rooms.Permanent = []RoomConfig{
		{Name: "board", Policy: "strict", MaxSeats: 500},
		{Name: "hall", Policy: "standard", MaxSeats: 9, Locked: true},
	}
	want.Policies["standard"].MaxKeyAge = 10 * time.Minute
	strict := newPolicy("strict")
	strict.Methods = []keying.Method{keying.MIKEYDH}
	strict.ForwardSecrecy = "required"
	strict.Groups = []keying.Group{keying.MODP3072}
	strict.MinDHBits, strict.MaxKeyPackets = 112, 1000
	want.Policies["strict"] = strict
	want.Policies["old"] = newPolicy("old")
	want.Policies["old"].SHA1Signatures, want.Policies["old"].PeerProfile = true, "minisip"
	if diff := cmp.Diff(want, got, compareConfig); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(DevConfig(), base, compareConfig); diff != "" {
		t.Errorf("reading changed the base: %s", diff)
	}
}

func TestDevConfig(t *testing.T) {
	c, err := ReadConfig("dev", nil, DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policies["standard"]
	for _, m := range keying.Methods() {
		if got, want := slices.Contains(p.Methods, m), m != keying.SDES; got != want {
			t.Errorf("%s admitted: %v, want %v", m, got, want)
		}
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("serve --dev must be quiet: %q", c.Warnings)
	}
}

// TestReadConfigAllProblemsAtOnce holds the whole text that an operator sees for a file with a fault of every kind.
func TestReadConfigAllProblemsAtOnce(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "config", "bad.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ReadConfig("bad.yaml", text, nil)
	var bad *ConfigError
	if !errors.As(err, &bad) || !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v, want a *ConfigError", err)
	}
	golden := filepath.Join("testdata", "config", "bad.golden")
	if *updateConfig {
		if err := os.WriteFile(golden, []byte(bad.Error()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), bad.Error()+"\n"); diff != "" {
		t.Error(diff)
	}
	for _, p := range bad.Problems {
		if p.Line == 0 {
			t.Errorf("no line: %s", p)
		}
		if !strings.Contains(p.Text, ";") && !strings.Contains(p.Text, ",") {
			t.Errorf("no remedy: %s", p)
		}
	}
}

func TestReadConfigRefusesWholeFiles(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"syntax":        {"sip: {udp: [", "not YAML"},
		"tab":           {"sip:\n\tudp: x\n", "not YAML"},
		"list at top":   {"- a\n- b\n", "needs keys below it"},
		"two documents": {"sip: {}\n---\nsip: {}\n", "2 documents"},
		"large":         {"#" + strings.Repeat("x", maxConfigOctets), "larger than"},
		"alias":         {"sip: &a {udp: \"\"}\nmedia: *a\n", "anchor, alias or tag"},
		"merge":         {"sip: {<<: {udp: x}}\n", "no plain key"},
		"all off":       {"sip: {udp: \"\", tcp: \"\", tls: \"\"}\n", "every transport is off"},
		"shared port":   {"sip: {udp: \"127.0.0.1:20000\"}\n", "holds the port of sip.udp"},
		"wildcard":      {"sip: {tls: \"0.0.0.0:5060\"}\n", "is taken by sip.tcp"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadConfig("f", []byte(test.text), nil)
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadConfigWarns(t *testing.T) {
	c, err := ReadConfig("f", []byte("sip: {udp: \"0.0.0.0:5060\"}\nmedia: {ports: \"20000-20099\"}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(c.Warnings, "\n"); !strings.Contains(all, "set sip.domain") || !strings.Contains(all, "room for 50 calls") {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestLoadConfig(t *testing.T) {
	if _, err := LoadConfig("", nil); err != nil {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "absent"), nil); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, ErrConfig) {
		t.Errorf("absent file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "conclave.yaml")
	if err := os.WriteFile(path, []byte(exampleConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path, DevConfig()); err != nil {
		t.Error(err)
	}
}

// FuzzReadConfig holds that no text makes the reader fall over, and that what it accepts it accepts again.
func FuzzReadConfig(f *testing.F) {
	f.Add([]byte(exampleConfig))
	f.Add([]byte("sip: {udp: \"\"}\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadConfig("fuzz", text, nil)
		if err != nil && !errors.Is(err, ErrConfig) {
			t.Fatalf("untyped error: %v", err)
		}
		if err == nil && c.Policies[c.Rooms.Policy] == nil {
			t.Fatal("accepted without the policy of its rooms")
		}
	})
}

// A second address of media makes the server take callers of both families.
func TestMediaAddress6(t *testing.T) {
	for _, tt := range []struct{ yaml, want string }{
		{`media: {address: 192.0.2.7, address6: "2001:db8::7"}`, ""},
		{`media: {address: 192.0.2.7, address6: ""}`, ""},
		{`media: {address: "2001:db8::7"}`, ""},
		{`media: {address: "2001:db8::7", address6: "2001:db8::8"}`, `media.address6: stands beside media.address 2001:db8::7, which is no IPv4 address`},
		{`media: {address6: 192.0.2.8}`, `media.address6: 192.0.2.8 is no IPv6 address`},
		{`media: {address6: "::ffff:192.0.2.8"}`, `is no IPv6 address`},
		{`media: {address6: "::"}`, `media.address6: :: is no IPv6 address that can stand in an SDP`},
		{`media: {address6: here}`, `media.address6: "here" is no IP address`},
	} {
		c, err := ReadConfig("test", []byte(tt.yaml), nil)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.yaml, err, tt.want)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.yaml, err)
		case c.Media.Address6.IsValid() != strings.Contains(tt.yaml, `address6: "2001`):
			t.Errorf("%s: read as %s", tt.yaml, c.Media.Address6)
		}
	}
	if c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
		t.Skipf("no IPv6 on this host: %v", err)
	} else {
		_ = c.Close()
	}
	s := serveTest(t, `media: {address6: "::1"}`)
	for _, family := range []string{"127.0.0.1", "::1"} {
		if at, err := s.line.Ports.For(netip.MustParseAddr(family)); err != nil || at.String() != family {
			t.Errorf("a caller at %s is sent to %s: %v", family, at, err)
		}
	}
}
