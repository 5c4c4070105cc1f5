package dialog

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// short are the timers of all tests of this package: 64*T1 is 5.12 s. Shorter ones repeat messages on a busy machine only.
var short = Timers{T1: 80 * time.Millisecond, T2: 320 * time.Millisecond, T4: 320 * time.Millisecond}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// taker is a Host made of functions; the zero value admits everything and rejects every call.
type taker struct {
	admit  func(*Request, *Dialog) (any, *Response)
	invite func(*Incoming, any)
	serve  func(*Standalone, any)
}

func (k *taker) Admit(r *Request, d *Dialog) (any, *Response) {
	if k.admit == nil {
		return nil, nil
	}
	return k.admit(r, d)
}

func (k *taker) Invite(in *Incoming, admitted any) {
	if k.invite == nil {
		_ = in.Reject(Response{Status: 486})
		return
	}
	k.invite(in, admitted)
}

func (k *taker) Serve(in *Standalone, admitted any) {
	if k.serve == nil {
		_ = in.Reply(Response{Status: 405})
		return
	}
	k.serve(in, admitted)
}

var identity = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
})

func open(t *testing.T, h Host, change ...func(*Config)) *Endpoint {
	t.Helper()
	server := identity()
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(server.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	cfg := Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", ServerTLS: server,
		ClientTLS: &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12},
		Domain:    "conf.test", UserAgent: "test", Contact: "focus", Focus: true, Timers: short,
	}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, c := range change {
		c(&cfg)
	}
	e, err := Listen(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if s := e.Stats(); s.Panics != 0 {
			t.Errorf("%d panics recovered", s.Panics)
		}
	})
	return e
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// next reads one event or fails.
func next(t *testing.T, d *Dialog, want Kind) Event {
	t.Helper()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case ev, ok := <-d.Inbox():
		if !ok {
			t.Fatalf("inbox closed, want %v (%v)", want, d.Err())
		}
		if ev.Kind != want {
			t.Fatalf("event %v (%v), want %v", ev.Kind, ev.Err, want)
		}
		return ev
	case <-timer.C:
		t.Fatalf("no %v event", want)
	}
	return Event{}
}

func got[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func invitation(transport string, to *Endpoint) Invitation {
	return Invitation{
		URI: "sip:room@conf.test", From: "sip:alice@conf.test", Display: `Alice "A, B"`, Transport: transport,
		Destination: to.Addr(transport).String(), ContentType: sdpType, Body: []byte("v=0 offer\r\n"),
	}
}

// pair makes a server that accepts with "v=0 answer" and a caller, and one call between them.
func pair(t *testing.T, transport string) (server, caller *Endpoint, callee, call *Dialog) {
	t.Helper()
	accepted := make(chan *Dialog, 1)
	server = open(t, &taker{invite: func(in *Incoming, _ any) {
		d, err := in.Accept(sdpType, []byte("v=0 answer\r\n"))
		if err != nil {
			t.Errorf("accept: %v", err)
		}
		accepted <- d
	}})
	caller = open(t, &taker{}, func(c *Config) {
		c.TCP, c.TLS = "", ""
		c.Contact, c.Focus = "alice", false
	})
	call, res, err := caller.Invite(within(t, 10*time.Second), invitation(transport, server))
	if err != nil || call == nil {
		t.Fatalf("invite: %v %+v", err, res)
	}
	if string(res.Body) != "v=0 answer\r\n" || res.ContentType != sdpType {
		t.Errorf("answer %q %q", res.ContentType, res.Body)
	}
	callee = got(t, accepted, "call")
	next(t, callee, Ack)
	return server, caller, callee, call
}

func bodyOf(r *Request) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
}

// addressed is a socket that has an address and nothing else.
type addressed struct{ net.PacketConn }

func (addressed) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060} }

func source0() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:5060") }

// fixed is an offer that is there already.
func fixed(body []byte) Content {
	return func(context.Context) (string, []byte, error) { return sdpType, body, nil }
}
