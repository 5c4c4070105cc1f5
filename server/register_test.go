package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// registers sends a REGISTER with those fields ("Name: value") and returns the answer.
func (p *phone) registers(o dialog.Outgoing, as *keying.Bundle, fields ...string) *dialog.Response {
	p.t.Helper()
	o.Method = "REGISTER"
	return p.asks(o, as, fields...)
}

func (p *phone) asks(o dialog.Outgoing, as *keying.Bundle, fields ...string) *dialog.Response {
	p.t.Helper()
	if o.URI == "" {
		o.URI = "sip:" + p.server.cfg.SIP.Domain
	}
	if o.From == "" {
		o.From = "sip:ann@" + p.server.cfg.SIP.Domain
	}
	if o.To == "" {
		o.To = o.From
	}
	if as != nil {
		o.Username, o.Password, o.Realm = as.Digest.Username, string(as.Digest.Password.Bytes()), as.Digest.Realm
	}
	if o.Transport == "" {
		o.Transport = "udp"
	}
	o.Destination = p.server.SIPAddress(o.Transport).String()
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		o.Header = append(o.Header, dialog.HeaderField{Name: name, Value: value})
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), e2ePatience)
	defer cancel()
	res, err := p.endpoint.Request(ctx, o)
	if err != nil {
		p.t.Fatalf("%s %v: %v", o.Method, fields, err)
	}
	return res
}

// TestRegister: phones register over UDP with a digest and over TLS with the certificate of their account, and are told what is bound.
func TestRegister(t *testing.T) {
	s := serveTest(t, "")
	ann, ben := enrolled(t, s, NewAccount{Name: "ann"}), enrolled(t, s, NewAccount{Name: "ben"})
	cert, err := tls.X509KeyPair([]byte(ann.CertPEM), []byte(ann.KeyPEM.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, s, cert)

	res := p.registers(dialog.Outgoing{}, ann, "Contact: \"My phone\" <sip:ann@10.0.0.5:5062;ob>;expires=120")
	if got := res.Values("Contact"); res.Status != 200 || len(got) != 1 || got[0] != "<sip:ann@10.0.0.5:5062;ob>;expires=120" || len(res.Values("Date")) != 1 {
		t.Fatalf("%d %q", res.Status, got)
	}
	res = p.registers(dialog.Outgoing{Transport: "tls"}, nil, `Contact: <sip:ann@10.0.0.6>;+sip.instance="<urn:uuid:7>";reg-id=1`, "Supported: path, outbound")
	if got := res.Values("Contact"); res.Status != 200 || len(got) != 2 || got[0] != `<sip:ann@10.0.0.6>;expires=600;+sip.instance="<urn:uuid:7>";reg-id=1` ||
		strings.Join(res.Values("Require"), "") != "outbound" {
		t.Fatalf("%d %q %q", res.Status, got, res.Values("Require"))
	}
	view, err := s.Account(t.Context(), "ann")
	if err != nil || len(view.Devices) != 2 || view.Devices[0].Transport != "tls" || view.Devices[1].Name != "My phone" || !view.Devices[1].Registered {
		t.Fatalf("%+v %v", view.Devices, err)
	}
	if m := measured(t, s); m["conclave_registrations"] != 2 {
		t.Errorf("%v registrations", m["conclave_registrations"])
	}
	// A registered device is reached over its flow; nobody else's account has it.
	d, err := s.target("ann", "sip:ann@"+s.cfg.SIP.Domain+";gr=urn:uuid:7", "")
	if err != nil || !strings.HasPrefix(d.flow, "tls|127.0.0.1:") || d.uri != "sip:ann@10.0.0.6" {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := s.target("ben", "sip:ann@10.0.0.6", ""); err == nil {
		t.Error("ben moves to a device of ann's")
	}
	if res := p.registers(dialog.Outgoing{From: ben.URI}, ben, "Contact: <sip:ben@h>"); res.Status != 200 || len(res.Values("Contact")) != 1 {
		t.Errorf("ben's: %d %q", res.Status, res.Values("Contact"))
	}
	if res := p.registers(dialog.Outgoing{}, ann, "Contact: *", "Expires: 0"); res.Status != 200 || len(res.Values("Contact")) != 0 {
		t.Errorf("all gone: %d %q", res.Status, res.Values("Contact"))
	}
}

// TestRegisteredIsReached: a call of ours comes to a phone over the flow that it holds open, whatever its Contact says of its own network;
// once its connection is gone it is not dialled.
func TestRegisteredIsReached(t *testing.T) {
	s := serveTest(t, "")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	for _, transport := range transportNames {
		t.Run(transport, func(t *testing.T) {
			p := newPhone(t, s)
			if res := p.registers(dialog.Outgoing{Transport: transport}, ann, "Contact: <sip:ann@192.0.2.200:5099>"); res.Status != 200 {
				t.Fatal(res.Status)
			}
			d, err := s.target("ann", "sip:ann@192.0.2.200:5099", "")
			if err != nil || d.transport != transport {
				t.Fatalf("%+v %v", d, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
			defer cancel()
			invite := func() (*dialog.Response, error) {
				_, res, err := s.endpoint.Invite(ctx, dialog.Invitation{URI: d.uri, From: s.uri("hall"), Flow: d.flow})
				return res, err
			}
			if res, err := invite(); err != nil || res.Status != 480 { // deaf's word
				t.Fatalf("%v %v", res, err)
			}
			if transport == "udp" {
				return
			}
			if err := p.endpoint.Close(ctx); err != nil {
				t.Fatal(err)
			}
			until(t, "the flow is gone", func() bool {
				_, err := invite()
				return errors.Is(err, dialog.ErrNoFlow)
			})
			if d, err := s.target("ann", "sip:ann@192.0.2.200:5099", ""); !errors.Is(err, ErrNotADevice) {
				t.Errorf("a device whose flow is gone is %+v, %v", d, err)
			}
		})
	}
}

// TestRegisterRefused: what a REGISTER of a proven account is refused for, and what it leaves.
func TestRegisterRefused(t *testing.T) {
	s := serveTest(t, "")
	ann, ben := enrolled(t, s, NewAccount{Name: "ann"}), enrolled(t, s, NewAccount{Name: "ben"})
	p := newPhone(t, s)
	const instance = `;+sip.instance="<urn:uuid:7>"`
	many := make([]string, maxDevices+1)
	for i := range many {
		many[i] = fmt.Sprintf("<sip:a@h%d>", i)
	}
	for _, c := range []struct {
		name   string
		o      dialog.Outgoing
		as     *keying.Bundle
		fields []string
		status int
	}{
		{"nobody", dialog.Outgoing{}, nil, []string{"Contact: <sip:a@h>"}, 401},
		{"for somebody else", dialog.Outgoing{To: ben.URI}, ann, []string{"Contact: <sip:a@h>"}, 403},
		{"as somebody else", dialog.Outgoing{From: ben.URI}, ann, []string{"Contact: <sip:a@h>"}, 403},
		{"another domain", dialog.Outgoing{URI: "sip:example.net"}, ann, []string{"Contact: <sip:a@h>"}, 404},
		{"no URI", dialog.Outgoing{}, ann, []string{"Contact: <sip:a@>"}, 400},
		{"a telephone", dialog.Outgoing{}, ann, []string{"Contact: <tel:+49301234>"}, 400},
		{"header fields", dialog.Outgoing{}, ann, []string{"Contact: <sip:a@h?Route=x>"}, 400},
		{"long", dialog.Outgoing{}, ann, []string{"Contact: <sip:" + strings.Repeat("a", maxContact) + "@h>"}, 400},
		{"long instance", dialog.Outgoing{}, ann, []string{`Contact: <sip:a@h>;+sip.instance="<` + strings.Repeat("a", maxContact+1) + `>"`}, 400},
		{"all, for a while", dialog.Outgoing{}, ann, []string{"Contact: *", "Expires: 60"}, 400},
		{"all, for no time", dialog.Outgoing{}, ann, []string{"Contact: *"}, 400},
		{"all, and one", dialog.Outgoing{}, ann, []string{"Contact: *", "Contact: <sip:a@h>", "Expires: 0"}, 400},
		{"too brief", dialog.Outgoing{}, ann, []string{"Contact: <sip:a@h>;expires=59"}, 423},
		{"too brief as a whole", dialog.Outgoing{}, ann, []string{"Contact: <sip:a@h>", "Expires: 1"}, 423},
		{"many", dialog.Outgoing{}, ann, []string{"Contact: " + strings.Join(many, ", ")}, 403},
		{"two flows", dialog.Outgoing{}, ann, []string{"Supported: outbound", "Contact: <sip:a@h>" + instance + ";reg-id=1, <sip:a@i>" + instance + ";reg-id=2"}, 400},
		{"no number", dialog.Outgoing{}, ann, []string{"Supported: outbound", "Contact: <sip:a@h>" + instance + ";reg-id=x"}, 400},
		{"number 0", dialog.Outgoing{}, ann, []string{"Supported: outbound", "Contact: <sip:a@h>" + instance + ";reg-id=0"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := p.registers(c.o, c.as, c.fields...)
			if res.Status != c.status {
				t.Errorf("%d, want %d", res.Status, c.status)
			}
			if least := strings.Join(res.Values("Min-Expires"), ""); (c.status == 423) != (least == "60") {
				t.Errorf("Min-Expires %q", least)
			}
			if n := s.registrar.total(); n != 0 {
				t.Fatalf("%d bindings", n)
			}
		})
	}
}

// TestRegisterTimes: how long a device stays registered, by what it asks for; and a number that names no flow where the phone cannot do that.
func TestRegisterTimes(t *testing.T) {
	s := serveTest(t, "")
	ann := enrolled(t, s, NewAccount{Name: "ann"})
	p := newPhone(t, s)
	for fields, want := range map[string]time.Duration{
		"Contact: <sip:a@h>":                                    defaultRegistration,
		"Contact: <sip:a@h>|Expires: 300":                       5 * time.Minute,
		"Contact: <sip:a@h>;expires=60|Expires: 300":            time.Minute,
		"Contact: <sip:a@h>;expires=999999999":                  maxRegistration,
		"Contact: <sip:a@h>;expires=99999999999999":             defaultRegistration, // no 32-bit number of seconds
		"Contact: <sip:a@h>|Expires: soon":                      defaultRegistration,
		"Contact: <sip:a@h>;+sip.instance=\"<urn:1>\";reg-id=1": defaultRegistration,
		"Contact: <sip:a@h>;reg-id=1|Supported: outbound":       defaultRegistration, // of no instance
	} {
		res := p.registers(dialog.Outgoing{}, ann, strings.Split(fields, "|")...)
		contacts := res.Values("Contact")
		if res.Status != 200 || len(contacts) != 1 || !strings.Contains(contacts[0], ";expires="+strconv.Itoa(int(want/time.Second))) ||
			strings.Contains(contacts[0], "reg-id") || len(res.Values("Require")) != 0 {
			t.Errorf("%s: %d %q", fields, res.Status, contacts)
		}
	}
}

// TestRegisteredAccountCloses: the devices of an account that is closed are no longer to be reached, and do not come back.
func TestRegisteredAccountCloses(t *testing.T) {
	for name, closes := range map[string]func(*Server) error{
		"disabled": func(s *Server) error {
			_, err := s.PatchAccount(t.Context(), "ann", AccountPatch{Disabled: new(true)})
			return err
		},
		"deleted": func(s *Server) error { return s.DeleteAccount(t.Context(), "ann") },
	} {
		t.Run(name, func(t *testing.T) {
			s := serveTest(t, "")
			ann := enrolled(t, s, NewAccount{Name: "ann"})
			p := newPhone(t, s)
			if res := p.registers(dialog.Outgoing{}, ann, "Contact: <sip:a@h>"); res.Status != 200 {
				t.Fatal(res.Status)
			}
			if err := closes(s); err != nil {
				t.Fatal(err)
			}
			if n := s.registrar.total(); n != 0 {
				t.Errorf("%d bindings", n)
			}
			if res := p.registers(dialog.Outgoing{}, ann, "Contact: <sip:a@h>"); res.Status != 401 || s.registrar.total() != 0 {
				t.Errorf("again: %d", res.Status)
			}
		})
	}
}

// TestCertificateOfAnAccountThatWas: an account made anew under an old name is closed to the certificate of the old one.
func TestCertificateOfAnAccountThatWas(t *testing.T) {
	s := serveTest(t, "")
	old := enrolled(t, s, NewAccount{Name: "ann"})
	if err := s.DeleteAccount(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	now := enrolled(t, s, NewAccount{Name: "ann"})
	for name, c := range map[string]struct {
		bundle *keying.Bundle
		status int
	}{"old": {old, 401}, "new": {now, 200}} {
		cert, err := tls.X509KeyPair([]byte(c.bundle.CertPEM), c.bundle.KeyPEM.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		p := newPhone(t, s, cert)
		if res := p.registers(dialog.Outgoing{Transport: "tls"}, nil, "Contact: <sip:a@h>"); res.Status != c.status {
			t.Errorf("%s: %d, want %d", name, res.Status, c.status)
		}
	}
}

// TestReferOutside: a REFER outside a dialog moves a seat of whoever has proven to be its owner, to a device of his, and otherwise nothing.
func TestReferOutside(t *testing.T) {
	s := serveTest(t, "policies: {standard: {methods: [sdes], forward_secrecy: none}}")
	ann, ben := enrolled(t, s, NewAccount{Name: "ann"}), enrolled(t, s, NewAccount{Name: "ben"})
	p := newPhone(t, s)
	o, seat := p.joins(attempt{room: "hall", transport: "tls", as: ben})
	id := strings.Split(o.dialog.ID(), "|")                                                   // Call-ID, our tag, the server's
	named := fmt.Sprintf("Target-Dialog: %s;local-tag=%s;remote-tag=%s", id[0], id[2], id[1]) // as its receiver sees it
	const desk, evil = "Refer-To: <sip:desk@192.0.2.7>", "Refer-To: <sip:evil@example.net>"
	for _, c := range []struct {
		name   string
		as     *keying.Bundle
		room   string
		status int
		fields []string
	}{
		{"nobody", nil, "hall", 401, []string{desk, named}},
		{"of no dialog", ben, "hall", 400, []string{desk}},
		{"of a dialog that is not", ben, "hall", 481, []string{desk, named + "x"}},
		{"of another account's dialog", ann, "hall", 403, []string{desk, named}},
		{"in another room", ben, "attic", 403, []string{desk, named}},
		{"to no device of his", ben, "hall", 403, []string{evil, named}},
		{"with the tags the wrong way round", ben, "hall", 481, []string{desk, fmt.Sprintf("Target-Dialog: %s;local-tag=%s;remote-tag=%s", id[0], id[1], id[2])}},
		{"with header fields", ben, "hall", 403, []string{"Refer-To: <sip:desk@192.0.2.7?Route=%3Csip:example.net%3E>", named}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := dialog.Outgoing{Method: "REFER", URI: s.uri(c.room), From: ben.URI}
			if c.as != nil {
				ask.From = c.as.URI
			}
			if res := p.asks(ask, c.as, c.fields...); res.Status != c.status {
				t.Errorf("%d %q, want %d", res.Status, res.Values("Warning"), c.status)
			}
		})
	}
	if now := seated(t, s, "hall"); now.ID != seat.ID || now.Leg.ID != seat.Leg.ID {
		t.Errorf("the seat became %+v", now)
	}
}
