package server

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/server/events"
	"github.com/conclave/conclave/server/store"
)

// newHouse is a server with the account alice, a registrar, and nothing else; its domain is conf.example.com.
func newHouse(t *testing.T) *Server {
	t.Helper()
	s := &Server{cfg: DevConfig(), accounts: register(t), registrar: newRegistrar(100, time.Now), ledger: newLedger(DevConfig()), events: events.New(16, time.Now), trail: openedTrail(t)}
	t.Cleanup(s.events.Close)
	s.cfg.SIP.Domain = "conf.example.com"
	enter(t, s.accounts, "alice")
	enter(t, s.accounts, "bob")
	return s
}

// registers a device of an account: "URI", "URI instance" or "URI instance reg-id", from an address.
func (s *Server) registers(t *testing.T, account, text, source string) {
	t.Helper()
	b := s.registrar.bound(t, text)
	b.account, b.source, b.transport, b.callID = account, netip.MustParseAddrPort(source), "tls", text
	b.flow = "tls|" + source
	if _, err := s.registrar.register(registration{account: account, callID: text, cseq: 1, bindings: []*binding{b}}); err != nil {
		t.Fatal(err)
	}
}

// TestTarget: a seat moves to a device of its account, however that is named, and nowhere else.
func TestTarget(t *testing.T) {
	const one, two, three = "192.0.2.1:5061", "192.0.2.2:5061", "192.0.2.3:5061"
	lists := []store.Device{{Name: "desk", URI: "sip:desk@198.51.100.9:5070;transport=tcp"}, {Name: "car", URI: "sips:car@phones.example.com"}}
	for _, c := range []struct {
		name, uri string
		have      []string // registered, with where from
		leg       string
		want      string // flow, or transport and URI of a listed one; "": none
	}{
		{"registered", "sip:alice@10.0.0.5:5062", []string{"sip:alice@10.0.0.5:5062 urn:x", one}, "", "tls|" + one},
		{"registered, with other parameters", "sip:alice@10.0.0.5:5062;transport=udp", []string{"sip:alice@10.0.0.5:5062;ob", one}, "", "tls|" + one},
		{"another port", "sip:alice@10.0.0.5", []string{"sip:alice@10.0.0.5:5062", one}, "", ""},
		{"another user", "sip:Alice@10.0.0.5:5062", []string{"sip:alice@10.0.0.5:5062", one}, "", ""},
		{"another scheme", "sips:alice@10.0.0.5:5062", []string{"sip:alice@10.0.0.5:5062", one}, "", ""},
		{"by instance", "sip:Alice@conf.example.com;gr=URN:y", []string{"sip:a@h1 urn:x", one, "sip:a@h2 urn:y", two}, one, "tls|" + two},
		{"its newest flow", "sip:alice@conf.example.com;gr=urn:x", []string{"sip:a@h1 urn:x 1", one, "sip:a@h2 urn:x 2", two}, "", "tls|" + two},
		{"by an instance that is not there", "sip:alice@conf.example.com;gr=urn:z", []string{"sip:a@h1 urn:x", one}, "", ""},
		{"by no instance", "sip:alice@conf.example.com;gr=", []string{"sip:a@h1", one}, "", ""},
		{"the only one", "sip:alice@conf.example.com", []string{"sip:a@h1", one}, three, "tls|" + one},
		{"the other one", "sip:alice@conf.example.com", []string{"sip:a@h1", one, "sip:a@h2", two}, one, "tls|" + two},
		{"the other one, of two flows", "sip:alice@conf.example.com", []string{"sip:a@h1 urn:x 1", one, "sip:a@h2 urn:x 2", two, "sip:a@h3 urn:y 1", three}, one, "tls|" + three},
		{"itself alone", "sip:alice@conf.example.com", []string{"sip:a@h1", one}, one, ""},
		{"one of two", "sip:alice@conf.example.com", []string{"sip:a@h1", one, "sip:a@h2", two}, three, ""},
		{"none", "sip:alice@conf.example.com", nil, one, ""},
		{"listed", "sip:desk@198.51.100.9:5070", nil, one, "tcp sip:desk@198.51.100.9:5070;transport=tcp"},
		{"listed, over TLS", "sips:car@phones.example.com", nil, one, "tls sips:car@phones.example.com"},
		{"listed by another name", "sip:desk@198.51.100.9", nil, one, ""},
		{"another account", "sip:bob@conf.example.com", []string{"sip:a@h1", one}, "", ""},
		{"another account's device", "sip:bob@10.0.0.7", []string{"sip:a@h1", one}, "", ""},
		{"a room", "sip:standup@conf.example.com", []string{"sip:a@h1", one}, "", ""},
		{"elsewhere", "sip:alice@example.net", []string{"sip:a@h1", one}, "", ""},
		{"a telephone", "tel:+4930123456", []string{"sip:a@h1", one}, "", ""},
		{"with header fields", "sip:a@h1?Route=%3Csip:evil.example%3E", []string{"sip:a@h1", one}, "", ""},
		{"nonsense", "alice", []string{"sip:a@h1", one}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newHouse(t)
			if err := s.accounts.update("alice", func(acc *store.Account) error { acc.Devices = lists; return nil }); err != nil {
				t.Fatal(err)
			}
			s.registers(t, "bob", "sip:bob@10.0.0.7", "192.0.2.77:5061")
			for i := 0; i < len(c.have); i += 2 {
				s.registers(t, "alice", c.have[i], c.have[i+1])
			}
			d, err := s.target("alice", c.uri, "tls|"+c.leg)
			got := d.flow
			if !d.registered && err == nil {
				got = d.transport + " " + d.uri
			}
			if got != c.want || (c.want == "") != errors.Is(err, ErrNotADevice) {
				t.Errorf("%+v %v; want %q", d, err, c.want)
			}
			if d.registered && d.destination != strings.TrimPrefix(d.flow, "tls|") {
				t.Errorf("a registered device at %s", d.destination)
			}
		})
	}
}

// TestListedDevices: what an account's record may hold, and that it comes back as it was put, beside what is registered.
func TestListedDevices(t *testing.T) {
	s := newHouse(t)
	good := []Device{{"desk", "sip:desk@192.0.2.7:5060"}, {"Küche", "sips:kitchen@[2001:db8::7];transport=tcp"}, {"tls", "sip:x@phones.example.com;transport=TLS"}, {"bare", "sip:192.0.2.9"}}
	if _, err := s.PatchAccount(t.Context(), "alice", AccountPatch{Devices: &good}); err != nil {
		t.Fatal(err)
	}
	s.registers(t, "alice", "sip:alice@10.0.0.5 urn:x", "192.0.2.1:5061")
	name := "Alice" // a change of anything else leaves them
	view, err := s.PatchAccount(t.Context(), "alice", AccountPatch{DisplayName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(view.Devices); n != len(good)+1 {
		t.Fatalf("%d devices", n)
	}
	for i, d := range good {
		if v := view.Devices[i]; v.Name != d.Name || v.URI != d.URI || v.Registered || v.Expires != nil || v.Transport != []string{"udp", "tls", "tls", "udp"}[i] {
			t.Errorf("%+v", v)
		}
	}
	if v := view.Devices[len(good)]; v.URI != "sip:alice@10.0.0.5" || v.Instance != "urn:x" || v.Transport != "tls" || !v.Registered || v.Expires.IsZero() {
		t.Errorf("%+v", v)
	}
	again, err := loadAccounts(s.accounts.store, "conf.example.com", nil) // as after a restart
	if err != nil {
		t.Fatal(err)
	}
	if got := again.find("alice").Devices; len(got) != len(good) || Device(got[1]) != good[1] {
		t.Errorf("after a restart: %+v", got)
	}
	if _, err := s.PatchAccount(t.Context(), "alice", AccountPatch{Devices: &[]Device{}}); err != nil || len(s.accounts.find("alice").Devices) != 0 {
		t.Errorf("not emptied: %v", err)
	}
}

func TestListedDevicesRefused(t *testing.T) {
	s := newHouse(t)
	one := func(name, uri string) []Device { return []Device{{name, uri}} }
	for name, list := range map[string][]Device{
		"no name":            one("", "sip:desk@192.0.2.7"),
		"long name":          one(strings.Repeat("x", maxDeviceName+1), "sip:desk@192.0.2.7"),
		"name with a line":   one("a\nb", "sip:desk@192.0.2.7"),
		"twice":              {{"desk", "sip:desk@192.0.2.7"}, {"desk", "sip:desk@192.0.2.8"}},
		"many":               make([]Device, maxListed+1),
		"telephone":          one("desk", "tel:+4930123456"),
		"web":                one("desk", "http://192.0.2.7"),
		"no URI":             one("desk", "desk"),
		"header fields":      one("desk", "sip:desk@192.0.2.7?Replaces=x"),
		"other parameter":    one("desk", "sip:desk@192.0.2.7;maddr=198.51.100.1"),
		"beside transport":   one("desk", "sip:desk@192.0.2.7;transport=tcp;maddr=198.51.100.1"),
		"unknown transport":  one("desk", "sip:desk@192.0.2.7;transport=sctp"),
		"sips over UDP":      one("desk", "sips:desk@192.0.2.7;transport=udp"),
		"ourselves":          one("desk", "sip:standup@Conf.example.com"),
		"nowhere":            one("desk", "sip:desk@0.0.0.0"),
		"everybody":          one("desk", "sip:desk@[ff02::1]"),
		"long":               one("desk", "sip:"+strings.Repeat("x", maxContact)+"@192.0.2.7"),
		"a line in the user": one("desk", "sip:de\r\nsk@192.0.2.7"),
		"bad port":           one("desk", "sip:desk@192.0.2.7:99999"),
	} {
		if _, err := s.PatchAccount(t.Context(), "alice", AccountPatch{Devices: &list}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.accounts.find("alice").Devices) != 0 {
		t.Error("a refused list was kept")
	}
}
