package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// e2ePatience bounds every wait of these tests: what it guards against is a hang, not slowness.
const e2ePatience = 30 * time.Second

// freePorts is DevConfig on free ports with that YAML on top.
func freePorts(t *testing.T, yaml string) *Config {
	t.Helper()
	cfg, err := ReadConfig("free ports", []byte(FreePorts), DevConfig())
	if err == nil {
		cfg, err = ReadConfig("test", []byte(yaml), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// serveTest runs a server of DevConfig on free ports with that YAML on top, until the test ends.
func serveTest(t *testing.T, yaml string) *Server {
	t.Helper()
	return serveLogging(t, yaml, slog.New(slog.DiscardHandler))
}

// serveLogging does so with a log.
func serveLogging(t *testing.T, yaml string, log *slog.Logger) *Server {
	t.Helper()
	cfg := freePorts(t, yaml)
	s, err := New(cfg, filepath.Join(t.TempDir(), "data"), log)
	if err != nil {
		t.Fatal(err)
	}
	full := func() bool { return false } // how long ticks take is the machine's matter, and that of the tests of this
	s.full.Store(&full)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
		if n, ports := s.ledger.total(), s.line.Ports.InUse(); n != 0 || ports != 0 {
			t.Errorf("%d calls and %d ports are left", n, ports)
		}
	})
	return s
}

// enrolled makes an account.
func enrolled(t *testing.T, s *Server, n NewAccount) *keying.Bundle {
	t.Helper()
	b, _, err := s.CreateAccount(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// phone is a telephone that can do nothing but SDES: its signalling is real, its sound is not needed here.
type phone struct {
	t        *testing.T
	server   *Server
	endpoint *dialog.Endpoint
}

// deaf is the dialog.Host of the phone: within its own calls it takes everything, and nobody calls it.
type deaf struct{}

func (deaf) Admit(_ *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	if d == nil {
		return nil, &dialog.Response{Status: 480}
	}
	return nil, nil
}

func (deaf) Invite(in *dialog.Incoming, _ any) { _ = in.Reject(dialog.Response{Status: 480}) }

func (deaf) Serve(in *dialog.Standalone, _ any) { _ = in.Reply(dialog.Response{Status: 480}) }

// newPhone makes a phone, with a certificate to show to a TLS server or without.
func newPhone(t *testing.T, s *Server, shows ...tls.Certificate) *phone {
	t.Helper()
	e, err := dialog.Listen(dialog.Config{
		UDP: "127.0.0.1:0", Domain: "old.example", UserAgent: "old phone",
		ClientTLS: &tls.Config{RootCAs: s.keys.authority.Roots(), Certificates: shows, MinVersion: tls.VersionTLS12},
	}, deaf{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), e2ePatience)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("phone: %v", err)
		}
	})
	return &phone{t: t, server: s, endpoint: e}
}

// attempt is one call of a phone.
type attempt struct {
	room, transport string
	from            string         // "": sip:desk@old.example
	as              *keying.Bundle // nil: it has no account
	crypto          string         // a=crypto line of an attempt before; "": of a fresh key
	fields          []dialog.HeaderField
	port            int // of its media, where it has a keypad too; 0: it takes none
}

// outcome is what came of an attempt.
type outcome struct {
	status  int
	warning string
	answer  string // body
	crypto  string // the a=crypto line of our offer
	dialog  *dialog.Dialog
}

// call offers SDES with PCMU and PCMA and waits for the final answer.
func (p *phone) call(a attempt) outcome {
	p.t.Helper()
	var key [30]byte
	_, _ = rand.Read(key[:])
	o := outcome{crypto: cmp.Or(a.crypto, "AES_CM_128_HMAC_SHA1_80 inline:"+base64.StdEncoding.EncodeToString(key[:]))}
	media := "m=audio 40000 RTP/SAVP 0 8"
	if a.port > 0 {
		media = fmt.Sprintf("m=audio %d RTP/SAVP 0 8 101\r\na=rtpmap:101 telephone-event/8000", a.port)
	}
	body := strings.Join([]string{
		"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", media,
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=crypto:1 " + o.crypto, "a=sendrecv", "",
	}, "\r\n")
	inv := dialog.Invitation{
		URI: p.server.uri(a.room), From: "sip:desk@old.example", Display: "Desk 12", Transport: a.transport,
		Destination: p.server.SIPAddress(a.transport).String(), ContentType: "application/sdp", Body: []byte(body),
		Header: a.fields,
	}
	if a.as != nil {
		inv.From, inv.Username, inv.Password = a.as.URI, a.as.Digest.Username, string(a.as.Digest.Password.Bytes())
		inv.Realm = a.as.Digest.Realm
	}
	if a.from != "" {
		inv.From = a.from
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), e2ePatience)
	defer cancel()
	d, resp, err := p.endpoint.Invite(ctx, inv)
	if err != nil {
		p.t.Fatalf("%+v: %v", a, err)
	}
	o.dialog, o.status, o.answer = d, resp.Status, string(resp.Body)
	o.warning = strings.Join(resp.Values("Warning"), " ")
	return o
}

// joins makes a call that must be taken, and gives its seat.
func (p *phone) joins(a attempt) (outcome, SeatView) {
	p.t.Helper()
	o := p.call(a)
	if o.status != 200 {
		p.t.Fatalf("%+v: %d %s", a, o.status, o.warning)
	}
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), e2ePatience)
		defer cancel()
		_ = o.dialog.Bye(ctx) // gone already where the test ended it
	})
	return o, seated(p.t, p.server, a.room)
}

// seated waits for the seat of the room's one call, which is there once the ACK has come.
func seated(t *testing.T, s *Server, room string) (view SeatView) {
	t.Helper()
	until(t, "the call has a seat", func() bool {
		seats, err := s.Seats(t.Context(), room)
		if err != nil || len(seats) != 1 || seats[0].Leg == nil {
			return false
		}
		view = seats[0]
		return true
	})
	return view
}

// until waits for what another goroutine brings about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timer := time.NewTimer(e2ePatience)
	defer timer.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-timer.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// taken is what comes from another goroutine.
func taken[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(e2ePatience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatal("nothing came")
	}
	return v
}

// measured gives the server's metrics: values by name, or by name{label="value",...}.
func measured(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	families, err := s.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}
