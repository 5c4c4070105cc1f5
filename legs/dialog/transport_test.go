package dialog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestConnectionDies cuts the TCP or TLS connection under a call and under a ringing one.
func TestConnectionDies(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			_, caller, callee, call := pair(t, transport)
			st := call.flow.Load()
			_ = st.Close()
			if ev := next(t, callee, Gone); !errors.Is(ev.Err, ErrConnectionLost) {
				t.Errorf("gone: %v", ev.Err)
			}
			if err := callee.Bye(within(t, time.Second)); err != nil {
				t.Errorf("bye: %v", err)
			}
			next(t, call, Gone)
			_ = caller
		})
	}
}

// TestCallerReconnects: who dialled dials again for its next request, and the server follows.
func TestCallerReconnects(t *testing.T) {
	_, _, callee, call := pair(t, "tls")
	_ = call.flow.Load().Close()
	go func() { next(t, callee, Info).Reply(Response{Status: 200}) }()
	if res, err := call.Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
		t.Fatalf("%v %+v", err, res)
	}
	go func() { next(t, call, Info).Reply(Response{Status: 200}) }()
	if res, err := callee.Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
		t.Fatalf("%v %+v", err, res)
	}
}

func TestRingingConnectionDies(t *testing.T) {
	cause := make(chan error, 1)
	ringing := make(chan struct{})
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		close(ringing)
		<-in.Context().Done()
		cause <- context.Cause(in.Context())
	}})
	caller := open(t, &taker{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, _, err := caller.Invite(ctx, invitation("tcp", server))
		failed <- err
	}()
	<-ringing
	caller.streams.mu.Lock()
	var st *stream
	for _, s := range caller.streams.byAddr {
		st = s
	}
	caller.streams.mu.Unlock()
	_ = st.Close()
	if err := got(t, cause, "cause"); !errors.Is(err, ErrTransport) {
		t.Errorf("cause %v", err)
	}
	if err := got(t, failed, "failure"); !errors.Is(err, ErrTransport) {
		t.Errorf("caller: %v", err)
	}
}

func TestCloseUnderLoad(t *testing.T) {
	server, accepted := accepting(t)
	caller := open(t, &taker{})
	for range 20 {
		go func() { _, _, _ = caller.Invite(context.Background(), invitation("tcp", server)) }()
	}
	d := got(t, accepted, "call")
	if err := server.Close(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	for ev := range d.Inbox() {
		if ev.Kind == Gone && !errors.Is(ev.Err, ErrClosed) && !errors.Is(ev.Err, ErrRemoteBye) {
			t.Errorf("gone: %v", ev.Err)
		}
	}
}

func TestTLSPeerCertificate(t *testing.T) {
	chains := make(chan int, 1)
	server := open(t, &taker{admit: func(r *Request, _ *Dialog) (any, *Response) {
		chains <- len(r.PeerCertificates)
		return nil, &Response{Status: 403}
	}}, func(c *Config) {
		c.ServerTLS = c.ServerTLS.Clone()
		c.ServerTLS.ClientAuth = tls.RequireAnyClientCert
	})
	caller := open(t, &taker{}, func(c *Config) { c.ClientTLS.Certificates = identity().Certificates })
	if _, res, err := caller.Invite(within(t, 5*time.Second), invitation("tls", server)); err != nil || res.Status != 403 {
		t.Fatalf("%v %+v", err, res)
	}
	if n := got(t, chains, "chain"); n != 1 {
		t.Errorf("%d certificates", n)
	}
	if !strings.HasPrefix(server.Addr("tls").String(), "127.0.0.1:") || server.Addr("sctp") != nil {
		t.Error("addresses")
	}
}

// informs sends an INFO of the calling end over a connection of its own.
func informs(t *testing.T, conn net.Conn, server *Endpoint, callee, call *Dialog, seq uint32) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "INFO sip:focus@%s;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@conf.test>;tag=%s\r\nTo: <sip:room@conf.test>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d INFO\r\nContent-Length: 0\r\n\r\n",
		server.Addr("tcp"), conn.LocalAddr(), seq, call.localTag, callee.localTag, call.callID, seq); err != nil {
		t.Fatal(err)
	}
}

// TestDialogStaysOnItsTransport: what goes over TLS goes on over TLS, also when a request of the peer that was let in came in the
// clear. Keys may stand in what we send.
func TestDialogStaysOnItsTransport(t *testing.T) {
	server, _, callee, call := pair(t, "tls")
	before := callee.flow.Load()
	conn, err := net.Dial("tcp", server.Addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // of a test
	informs(t, conn, server, callee, call, call.seq+1)
	next(t, callee, Info).Reply(Response{Status: 200})
	if st := callee.flow.Load(); st != before {
		t.Errorf("the dialog moved to %s", st.id)
	}
	go func() { next(t, call, Info).Reply(Response{Status: 200}) }()
	if res, err := callee.Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 200 {
		t.Fatalf("%v %+v", err, res)
	}
}
