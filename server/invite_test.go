package server

import (
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/gate"
	"github.com/conclave/conclave/server/store"
)

// TestLateMethod: to a caller that sent no offer we offer what both sides can do, and no key in the clear.
func TestLateMethod(t *testing.T) {
	s := &Server{accounts: register(t)}
	enter(t, s.accounts, "plain")
	enter(t, s.accounts, "certified")
	if err := s.accounts.update("certified", func(acc *store.Account) error { acc.CertFingerprints = []string{"00"}; return nil }); err != nil {
		t.Fatal(err)
	}
	all := []keying.Method{keying.SDES, keying.MIKEYPKE, keying.MIKEYDH, keying.DTLSSRTP, keying.MIKEYPSK}
	for _, test := range []struct {
		name    string
		methods []keying.Method
		secrecy string
		who     gate.Who
		secured bool
		want    keying.Method
	}{
		{"with a certificate", all, "", gate.Who{Account: "certified"}, false, keying.MIKEYDH},
		{"without", all, "", gate.Who{Account: "plain"}, false, keying.MIKEYPSK},
		{"DTLS alone, where anybody can write the ACK", []keying.Method{keying.DTLSSRTP}, "", gate.Who{Account: "plain"}, false, ""},
		{"over TLS", all, "", gate.Who{Account: "plain"}, true, keying.SDES},
		{"over TLS, with forward secrecy", all, keying.ForwardSecrecyRequired, gate.Who{Account: "plain"}, true, keying.DTLSSRTP},
		{"in the policy's order", []keying.Method{keying.MIKEYPSK, keying.MIKEYDH}, "", gate.Who{Account: "certified"}, false, keying.MIKEYPSK},
		{"trunk", all, "", gate.Who{Trunk: "sbc"}, true, keying.SDES},
		{"trunk, MIKEY alone", []keying.Method{keying.MIKEYPSK, keying.MIKEYDH}, "", gate.Who{Trunk: "sbc"}, true, ""},
		{"nothing that we can do", []keying.Method{keying.MIKEYPKE}, "", gate.Who{Account: "certified"}, true, ""},
		{"SDES alone, in the clear", []keying.Method{keying.SDES}, "", gate.Who{Account: "plain"}, false, ""},
	} {
		p := &keying.Policy{Methods: test.methods, ForwardSecrecy: test.secrecy}
		a := &admission{Admitted: &gate.Admitted{Account: test.who.Account, Trunk: test.who.Trunk}}
		if got := s.lateMethod(a, p, test.secured); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestSecured: keys in the clear are for TLS, and for trunks, whose transports the configuration names.
func TestSecured(t *testing.T) {
	for _, transport := range transportNames {
		if got := secured(transport, ""); got != (transport == "tls") {
			t.Errorf("%s of an account: %v", transport, got)
		}
		if !secured(transport, "sbc") {
			t.Errorf("%s of a trunk is not taken", transport)
		}
	}
}
