package server

import (
	"crypto/tls"
	"testing"

	"github.com/conclave/conclave/keying"
)

// shows is the certificate of an account as a TLS client has it.
func shows(t *testing.T, b *keying.Bundle) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair([]byte(b.CertPEM), b.KeyPEM.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTrespassersByTransport: in a call over TLS it is the connection, or the account's own certificate where a seat is to move, that
// counts; another connection with the true tags counts for nothing, whatever certificate it shows.
func TestTrespassersByTransport(t *testing.T) {
	t.Parallel()
	x := newScene(t, "", func(laptop *mobile) { laptop.over = "tls" })
	if x.seat.Leg.Transport != "tls" {
		t.Fatalf("ann's call is over %s", x.seat.Leg.Transport)
	}
	seq := x.made() + 100
	for _, c := range []struct {
		name, transport string
		shows           *keying.Bundle
		method          string
		as              string // account of From outside a dialog; "": within it
		status          int
		reason          string
	}{
		{"a stranger's REFER", "tls", nil, "REFER", "", 401, "no_proof"},
		{"a stranger's UPDATE", "tls", nil, "UPDATE", "", 401, "no_proof"},
		{"a stranger's BYE", "tls", nil, "BYE", "", 401, "no_proof"},
		{"a stranger's REFER over TCP", "tcp", nil, "REFER", "", 401, "no_proof"},
		{"a stranger's re-INVITE over TCP", "tcp", nil, "INVITE", "", 401, "no_proof"},
		{"a stranger's BYE over UDP", "udp", nil, "BYE", "", 401, "no_proof"},
		{"REFER with another's certificate", "tls", x.others["ben"], "REFER", "", 401, "no_proof"},
		{"REFER with the certificate of who was removed", "tls", x.others["old"], "REFER", "", 401, "no_proof"},
		{"REFER with the certificate of who is disabled", "tls", x.others["off"], "REFER", "", 401, "no_proof"},
		{"BYE with another's certificate", "tls", x.others["cid"], "BYE", "", 401, "no_proof"},
		{"UPDATE with her own certificate, which says nothing of the dialog", "tls", x.ann, "UPDATE", "", 401, "no_proof"},
		{"REFER with her own certificate, to no device", "tls", x.ann, "REFER", "", 403, "not_a_device"},
		{"REFER outside with another's certificate", "tls", x.others["ben"], "REFER", "ben", 403, "not_its_seat"},
		{"REFER outside with another's certificate, as ann", "tls", x.others["ben"], "REFER", "ann", 401, "no_proof"},
		{"REFER outside with the certificate of who is disabled", "tls", x.others["off"], "REFER", "off", 401, "no_proof"},
		{"REFER outside with her own certificate, to no device", "tls", x.ann, "REFER", "ann", 403, "not_a_device"},
		{"REFER outside by a stranger over TCP", "tcp", nil, "REFER", "ann", 401, "no_proof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var certificates []tls.Certificate
			if c.shows != nil {
				certificates = append(certificates, shows(t, c.shows))
			}
			seq++
			r := x.within(c.method, seq)
			if c.as != "" {
				r = x.outside(c.method, c.as)
			}
			w := newWire(t, x.server, c.transport, "127.0.0.1", certificates...)
			x.refused(t, gateCounter(c.reason), func() {
				if got := w.asks(r); got.status != c.status {
					t.Errorf("%d, want %d\n%s", got.status, c.status, got.text)
				}
			})
		})
	}
}
