package dtls

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	clientAddr  = netip.MustParseAddrPort("192.0.2.1:5004")
	serverAddr  = netip.MustParseAddrPort("192.0.2.2:6004")
	foreignAddr = netip.MustParseAddrPort("198.51.100.9:5004")
)

// wire is a network of packets in memory with faults.
type wire struct {
	mu    sync.Mutex
	ends  map[netip.AddrPort]*end
	sent  []packet                  // everything, before the faults
	fault func(n int, p packet) int // how often packet n of the wire arrives; nil: once
}

type packet struct {
	from, to netip.AddrPort
	data     []byte
}

func newWire() *wire { return &wire{ends: make(map[netip.AddrPort]*end)} }

// end opens an address.
func (w *wire) end(addr netip.AddrPort) *end {
	e := &end{wire: w, addr: addr, in: make(chan packet, 256), closed: make(chan struct{}), halt: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[addr] = e
	return e
}

// send carries a packet; anyone may state any source.
func (w *wire) send(p packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.data = bytes.Clone(p.data)
	copies := 1
	if w.fault != nil {
		copies = w.fault(len(w.sent), p)
	}
	w.sent = append(w.sent, p)
	for range copies {
		if e := w.ends[p.to]; e != nil {
			select {
			case e.in <- p:
			default:
			}
		}
	}
}

// log is what was sent so far.
func (w *wire) log() []packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]packet(nil), w.sent...)
}

// end is a net.PacketConn at one address.
type end struct {
	wire   *wire
	addr   netip.AddrPort
	in     chan packet
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	halt chan struct{}
}

func (e *end) ReadFrom(b []byte) (int, net.Addr, error) {
	e.mu.Lock()
	halt := e.halt
	e.mu.Unlock()
	select {
	case <-halt:
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case <-e.closed:
		return 0, nil, net.ErrClosed
	case <-halt:
		return 0, nil, os.ErrDeadlineExceeded
	case p := <-e.in:
		return copy(b, p.data), net.UDPAddrFromAddrPort(p.from), nil
	}
}

func (e *end) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-e.closed:
		return 0, net.ErrClosed
	default:
	}
	addr, _ := addrPort(to)
	e.wire.send(packet{e.addr, addr, b})
	return len(b), nil
}

func (e *end) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (e *end) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(e.addr) }

func (e *end) SetReadDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.IsZero() {
		e.halt = make(chan struct{})
	} else {
		close(e.halt)
	}
	return nil
}

func (e *end) SetWriteDeadline(time.Time) error { return nil }
func (e *end) SetDeadline(t time.Time) error    { return e.SetReadDeadline(t) }

// identity is a certificate and its fingerprint.
type identity struct {
	cert  tls.Certificate
	print Fingerprint
}

func newIdentity(t testing.TB) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<34, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, Fingerprint{"sha-256", sum[:]}}
}

var allSuites = []string{"AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"}

// couple are the configurations of a client and a server that fit.
func couple(t testing.TB) (client, server Config) {
	c, s := newIdentity(t), newIdentity(t)
	return Config{Certificate: c.cert, Client: true, Suites: allSuites, Fingerprints: []Fingerprint{s.print}, Remote: serverAddr},
		Config{Certificate: s.cert, Suites: allSuites, Fingerprints: []Fingerprint{c.print}, Remote: clientAddr}
}

// outcome of a Shake.
type outcome struct {
	*Association
	err error
}

// shake runs Shake on its own.
func shake(ctx context.Context, path net.PacketConn, c Config) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		a, err := Shake(ctx, path, c)
		done <- outcome{a, err}
	}()
	return done
}

// both runs a handshake over the wire.
func both(t *testing.T, w *wire, client, server Config) (c, s *Association) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return agreed(t, shake(ctx, w.end(clientAddr), client), shake(ctx, w.end(serverAddr), server))
}

// agreed waits for both ends of a handshake, closes them in the end, and fails the test unless they agree.
func agreed(t *testing.T, client, server <-chan outcome) (c, s *Association) {
	t.Helper()
	co, so := <-client, <-server
	for _, o := range []outcome{co, so} {
		if o.err == nil {
			t.Cleanup(func() { _ = o.Close() })
		}
	}
	if co.err != nil || so.err != nil {
		t.Fatalf("client: %v; server: %v", co.err, so.err)
	}
	mirror(t, co.Association, so.Association)
	return co.Association, so.Association
}

// mirror holds that what one end sends under the other receives under, and that the four parts differ.
func mirror(t *testing.T, a, b *Association) {
	t.Helper()
	if a.Suite != b.Suite || len(a.LocalKey) == 0 || len(a.LocalSalt) == 0 ||
		!bytes.Equal(a.LocalKey, b.RemoteKey) || !bytes.Equal(a.LocalSalt, b.RemoteSalt) ||
		!bytes.Equal(a.RemoteKey, b.LocalKey) || !bytes.Equal(a.RemoteSalt, b.LocalSalt) {
		t.Error("the ends have other keys")
	}
	if bytes.Equal(a.LocalKey, a.RemoteKey) || bytes.Equal(a.LocalSalt, a.RemoteSalt) {
		t.Error("both directions have one key")
	}
}

func addrOf(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
