package dtls

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/dtls/v3"
)

// greeting is a ClientHello with that random value.
func greeting(random byte, cookie []byte) []byte {
	body := append([]byte{0xfe, 0xfd}, bytes.Repeat([]byte{random}, randomLen)...)
	body = append(body, 0, byte(len(cookie)))
	body = append(body, cookie...)
	body = append(body, 0, 2, 0xc0, 0x2b, 1, 0) // one cipher suite, no compression
	h := []byte{messageClientHello, 0, byte(len(body) >> 8), byte(len(body)), 0, 0, 0, 0, 0, 0, byte(len(body) >> 8), byte(len(body))}
	return plain(typeHandshake, uint64(random), append(h, body...))
}

// plain is a record in plain text.
func plain(kind byte, sequence uint64, body []byte) []byte {
	r := binary.BigEndian.AppendUint64([]byte{kind, 0xfe, 0xfd}, sequence&0xffffffffffff)
	return append(binary.BigEndian.AppendUint16(r, uint16(len(body))), body...)
}

var fatalAlert = plain(typeAlert, 7, []byte{2, 40})

// TestStrangers sprays a handshake, from its beginning on, with what strangers may send: from other hosts and from the peer's own
// host without end, with the peer's very address as a forged source for a while, which is what DTLS can bear (doc.go). The handshake
// succeeds, and nobody at another host gets an answer.
func TestStrangers(t *testing.T) {
	neighbour := netip.AddrPortFrom(clientAddr.Addr(), 40000)
	junk := [][]byte{
		nil, {22}, bytes.Repeat([]byte{22}, 1400), []byte("GET / HTTP/1.1\r\n\r\n"),
		fatalAlert, plain(typeAlert, 9, []byte{1, 0}), // close_notify
		plain(20, 3, []byte{1}), plain(23, 4, []byte("application data in clear")),
		plain(typeHandshake, 5, []byte{messageClientHello, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
		plain(typeHandshake, 6, append([]byte{11, 0xff, 0xff, 0xff, 0, 2, 0, 0, 9, 0, 0, 4}, 1, 2, 3, 4)),
	}
	for name, from := range map[string]netip.AddrPort{
		"other host": foreignAddr, "peer's host": neighbour, "all ports of the peer's translator": {}, "forged address of the peer": clientAddr,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := couple(t)
				w := newWire()
				clientAt := clientAddr
				if !from.IsValid() {
					clientAt = netip.AddrPortFrom(clientAddr.Addr(), 1024) // the client has no better place than the strangers
				}
				stop := make(chan struct{})
				spray := make(chan struct{})
				go func() {
					defer close(spray)
					tick := time.NewTicker(10 * time.Millisecond)
					defer tick.Stop()
					for i := 0; from != clientAddr || i < 30; i++ {
						select {
						case <-stop:
							return
						case <-tick.C:
							from := from
							if !from.IsValid() {
								from = netip.AddrPortFrom(clientAddr.Addr(), uint16(2000+i))
							}
							w.send(packet{from, serverAddr, greeting(byte(i), nil)})
							w.send(packet{from, serverAddr, greeting(byte(i), []byte("not the cookie"))})
							w.send(packet{from, serverAddr, junk[i%len(junk)]})
						}
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				sd := shake(ctx, w.end(serverAddr), server)
				<-time.After(200 * time.Millisecond) // the strangers come first
				start := time.Now()
				cd := shake(ctx, w.end(clientAt), client)
				c, s := <-cd, <-sd
				if took := time.Since(start); from != clientAddr && took > time.Second {
					t.Errorf("it took %v", took)
				}
				close(stop)
				<-spray
				if c.err != nil || s.err != nil {
					t.Fatalf("client: %v; server: %v", c.err, s.err)
				}
				defer c.Close()
				defer s.Close()
				mirror(t, c.Association, s.Association)
				for _, p := range w.log() {
					if p.to == foreignAddr {
						t.Fatal("another host was answered")
					}
				}
			})
		})
	}
}

// TestReplay replays every record of a handshake, from its own source, while another one runs over the same addresses, and once
// more when it is done.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		recorded := newWire()
		c, s := both(t, recorded, client, server)
		if err := errors.Join(c.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		w := newWire()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		sd := shake(ctx, w.end(serverAddr), server)
		old := recorded.log()
		cd := shake(ctx, w.end(clientAddr), client)
		replay := func() {
			for _, p := range old {
				w.send(p)
				synctest.Wait()
			}
		}
		replay()
		co, so := <-cd, <-sd
		if co.err != nil || so.err != nil {
			t.Fatalf("client: %v; server: %v", co.err, so.err)
		}
		defer co.Close()
		defer so.Close()
		mirror(t, co.Association, so.Association)
		before := len(w.log())
		replay()
		if answers := len(w.log()) - before - len(old); answers != 0 {
			t.Errorf("%d answers to a replay after the handshake", answers)
		}
	})
}

// certificate says whether a packet begins with a Certificate, as the second flight of a client does.
func certificate(p packet) bool {
	kind, _, _, ok := message(p.data)
	return ok && kind == 11
}

// TestStallingStrangers: hosts that are allowed repeat the cookie and then fall silent, as many as there are places. A peer behind
// the same translator still gets in, within little more than attemptPatience.
func TestStallingStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		server.Hosts = []netip.Addr{foreignAddr.Addr()}
		w := newWire()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		sd := shake(ctx, w.end(serverAddr), server)
		// Strangers with a whole DTLS stack, whose second flight is lost.
		w.fault = func(_ int, p packet) int {
			if p.from.Addr() == foreignAddr.Addr() && p.from.Port() >= 7000 && certificate(p) {
				return 0
			}
			return 1
		}
		stranger := client
		stranger.Certificate = newIdentity(t).cert
		stalled, done := context.WithCancel(ctx)
		var gone []<-chan outcome
		for i := range uint16(attemptsAtOnce) {
			gone = append(gone, shake(stalled, w.end(netip.AddrPortFrom(foreignAddr.Addr(), 7000+i)), stranger))
		}
		<-time.After(500 * time.Millisecond)
		start := time.Now()
		c, err := Shake(ctx, w.end(foreignAddr), client)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s := <-sd
		if s.err != nil {
			t.Fatal(s.err)
		}
		defer s.Close()
		if took := time.Since(start); took > 2*attemptPatience {
			t.Errorf("it took %v", took)
		}
		if s.Remote != foreignAddr {
			t.Errorf("peer at %v", s.Remote)
		}
		mirror(t, c, s.Association)
		done()
		for _, g := range gone {
			if o := <-g; o.err == nil {
				t.Error("a stranger was let in")
				_ = o.Close()
			}
		}
	})
}

// TestForgedPeer forges the client's address in the middle of a handshake: alerts, and its own ClientHello with another cookie.
// The handshake goes on as if nothing had been, and the client does not hear of it.
func TestForgedPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		begun := time.Now()
		w.fault = func(n int, p packet) int {
			if n == 1 || certificate(p) && time.Since(begun) < 900*time.Millisecond {
				return 0 // the first cookie, and the certificates for a while: the time in which the stranger comes
			}
			return 1
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		sd, cd := shake(ctx, w.end(serverAddr), server), shake(ctx, w.end(clientAddr), client)
		synctest.Wait()
		_, body, _, _ := message(w.log()[0].data)
		who, _ := readHello(body)
		forged := greeting(0, []byte("another cookie"))
		copy(forged[recordHeader+handshakeHeader+2:], who.random[:])
		forged[10], forged[recordHeader+5] = 50, 1 // as the second message of the client, in a record that is not taken for a replay
		w.send(packet{clientAddr, serverAddr, forged})
		for range 20 {
			w.send(packet{clientAddr, serverAddr, fatalAlert})
			w.send(packet{serverAddr, clientAddr, fatalAlert})
			<-time.After(50 * time.Millisecond)
		}
		c, s := <-cd, <-sd
		if c.err != nil || s.err != nil {
			t.Fatalf("client: %v; server: %v", c.err, s.err)
		}
		defer c.Close()
		defer s.Close()
		mirror(t, c.Association, s.Association)
		alerts, begins := 0, make(map[[randomLen]byte]bool)
		for _, p := range w.log() {
			if p.from == serverAddr && p.data[0] == typeAlert {
				alerts++
			}
			if kind, body, _, ok := message(p.data); ok && kind == messageClientHello {
				who, _ := readHello(body)
				begins[who.random] = true
			}
		}
		if alerts != 20 || len(begins) != 1 {
			t.Errorf("%d alerts, 20 were forged; the client began %d times", alerts, len(begins))
		}
	})
}

// TestForgedRecords forges, in the middle of a handshake, from both ends' very addresses, what no genuine end sends in plain text
// there: one record of each. The handshake goes on as if nothing had been.
func TestForgedRecords(t *testing.T) {
	for name, forged := range map[string][]byte{
		"application data":              plain(23, 1<<20, []byte("in clear")),
		"heartbeat":                     plain(24, 1<<20, []byte{1, 0, 0}),
		"unknown type":                  plain(60, 1<<20, []byte{1}),
		"empty ChangeCipherSpec":        plain(20, 1<<20, nil),
		"long ChangeCipherSpec":         plain(20, 1<<20, []byte{1, 1}),
		"ChangeCipherSpec of value 2":   plain(20, 1<<20, []byte{2}),
		"alert of one octet":            plain(typeAlert, 1<<20, []byte{2}),
		"connection identifier":         plain(25, 1<<20, []byte{1, 2, 3}),
		"version 1.0":                   append([]byte{23, 0xfe, 0xff}, plain(23, 1<<20, []byte{1})[3:]...),
		"no version":                    append([]byte{23, 3, 3}, plain(23, 1<<20, []byte{1})[3:]...),
		"empty handshake":               plain(typeHandshake, 1<<20, nil),
		"next epoch, application data":  append([]byte{23, 0xfe, 0xfd, 0, 1}, plain(23, 1<<20, make([]byte, 40))[5:]...),
		"next epoch, empty":             append([]byte{23, 0xfe, 0xfd, 0, 1}, plain(23, 1<<20, nil)[5:]...),
		"next epoch, alert":             append([]byte{21, 0xfe, 0xfd, 0, 1}, plain(21, 1<<20, []byte{2, 40})[5:]...),
		"next epoch, ChangeCipherSpec":  append([]byte{20, 0xfe, 0xfd, 0, 1}, plain(20, 1<<20, []byte{1})[5:]...),
		"ChangeCipherSpec far ahead":    plain(20, 1<<20, []byte{1}),
		"old message far ahead":         plain(typeHandshake, 1<<20, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
		"handshake longer than it says": plain(typeHandshake, 1<<20, []byte{11, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 9}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := couple(t)
				w := newWire()
				begun := time.Now()
				w.fault = func(_ int, p packet) int {
					if certificate(p) && p.from == clientAddr && time.Since(begun) < 500*time.Millisecond {
						return 0
					}
					return 1
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				sd, cd := shake(ctx, w.end(serverAddr), server), shake(ctx, w.end(clientAddr), client)
				<-time.After(400 * time.Millisecond) // the server waits for the certificate, the client for the end
				w.send(packet{clientAddr, serverAddr, forged})
				w.send(packet{serverAddr, clientAddr, forged})
				c, s := <-cd, <-sd
				if c.err == nil {
					defer c.Close()
				}
				if s.err == nil {
					defer s.Close()
				}
				if c.err != nil || s.err != nil {
					t.Fatalf("client: %v; server: %v", c.err, s.err)
				}
				mirror(t, c.Association, s.Association)
				begins := make(map[[randomLen]byte]bool)
				for _, p := range w.log() {
					if kind, body, _, ok := message(p.data); ok && kind == messageClientHello {
						who, _ := readHello(body)
						begins[who.random] = true
					}
				}
				if len(begins) != 1 {
					t.Errorf("the client began %d times", len(begins))
				}
			})
		})
	}
}

// TestPeerBeginsAnew: what an address has begun before ends when it begins anew and repeats that cookie: flights of both would
// confuse the peer.
func TestPeerBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		deaf := true
		w.fault = func(_ int, p packet) int {
			if deaf && p.from == clientAddr && certificate(p) {
				return 0
			}
			return 1
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		sd := shake(ctx, w.end(serverAddr), server)
		path := w.end(clientAddr)
		short, stop := context.WithTimeout(ctx, time.Second)
		if a, err := Shake(short, path, client); err == nil {
			_ = a.Close()
			t.Error("a handshake without the client's certificate")
		}
		stop()
		cd := shake(ctx, path, client)
		<-time.After(100 * time.Millisecond)
		begun := len(w.log())
		<-time.After(2 * time.Second)
		randoms := make(map[string]bool)
		for _, p := range w.log()[begun:] {
			if kind, body, _, ok := message(p.data); ok && p.from == serverAddr && kind == 2 && len(body) > 34 {
				randoms[string(body[2:34])] = true
			}
		}
		if len(randoms) != 1 {
			t.Errorf("the server goes on with %d handshakes", len(randoms))
		}
		w.mu.Lock()
		deaf = false
		w.mu.Unlock()
		c, s := <-cd, <-sd
		if c.err != nil || s.err != nil {
			t.Fatalf("client: %v; server: %v", c.err, s.err)
		}
		defer c.Close()
		defer s.Close()
		mirror(t, c.Association, s.Association)
	})
}

// TestForgedServer: while a client waits for an answer, the server's address is forged, with alerts, cookies and a ServerHello that
// leads nowhere. The client gets there in a later attempt.
func TestForgedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		cd := shake(ctx, w.end(clientAddr), client)
		synctest.Wait()
		verify := append([]byte{messageHelloVerify, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 7, 0xfe, 0xfd, 4}, 1, 2, 3, 4)
		body := append([]byte{0xfe, 0xfd}, bytes.Repeat([]byte{9}, randomLen)...)
		body = append(body, 0, 0xc0, 0x2b, 0)
		serverHello := append([]byte{2, 0, 0, byte(len(body)), 0, 1, 0, 0, 0, 0, 0, byte(len(body))}, body...)
		for _, from := range []netip.AddrPort{serverAddr, foreignAddr} {
			for _, forged := range [][]byte{fatalAlert, plain(typeHandshake, 0, verify), fatalAlert, plain(typeHandshake, 1, serverHello)} {
				w.send(packet{from, clientAddr, forged})
				synctest.Wait()
			}
		}
		sd := shake(ctx, w.end(serverAddr), server)
		c, s := <-cd, <-sd
		if c.err != nil || s.err != nil {
			t.Fatalf("client: %v; server: %v", c.err, s.err)
		}
		defer c.Close()
		defer s.Close()
		mirror(t, c.Association, s.Association)
	})
}

// TestAfterwards: once the handshake is done, nothing in plain text reaches it, and records of its own do not fill it up.
func TestAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		c, _ := both(t, w, client, server)
		for range 100 {
			if _, err := c.conn.Write([]byte("nobody reads this")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		before := len(w.log())
		// The last but one has the form of a flight repeated, which would have the server repeat its own.
		finished := append([]byte{20, 0, 0, 4, 0, 9, 0, 0, 0, 0, 0, 4}, 1, 2, 3, 4)
		for _, forged := range [][]byte{fatalAlert, greeting(1, nil), plain(typeHandshake, 77, finished), {22, 1, 2}} {
			w.send(packet{clientAddr, serverAddr, forged})
			synctest.Wait()
		}
		if answers := len(w.log()) - before - 4; answers != 0 {
			t.Errorf("%d answers to plain text", answers)
		}
		before = len(w.log())
		_ = c.Close()
		synctest.Wait()
		if said := len(w.log()) - before; said != 2 {
			t.Errorf("%d farewells, want one of each end: the association does not listen any more", said)
		}
	})
}

// TestWhoseKeys: the first key and salt of the exported octets are the client's (RFC 5764 section 4.2), by another client than ours.
func TestWhoseKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := couple(t)
		mine := newIdentity(t)
		server.Fingerprints = []Fingerprint{mine.print}
		w := newWire()
		sd := shake(t.Context(), w.end(serverAddr), server)
		peer, err := pion.ClientWithOptions(w.end(clientAddr), addrOf(serverAddr), pion.WithInsecureSkipVerify(true),
			pion.WithSRTPProtectionProfiles(pion.SRTP_AES128_CM_HMAC_SHA1_80), pion.WithCertificates(mine.cert))
		if err != nil {
			t.Fatal(err)
		}
		if err := peer.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := <-sd
		if s.err != nil {
			t.Fatal(s.err)
		}
		state, _ := peer.ConnectionState()
		m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 60)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m, bytes.Join([][]byte{s.RemoteKey, s.LocalKey, s.RemoteSalt, s.LocalSalt}, nil)) {
			t.Error("keys of the wrong end")
		}
		_ = s.Close()
		_ = peer.Close()
	})
}

// TestPoorPeers are clients and a server that lack what DTLS-SRTP wants of them: refused.
func TestPoorPeers(t *testing.T) {
	mine := newIdentity(t)
	profile := pion.WithSRTPProtectionProfiles(pion.SRTP_AEAD_AES_128_GCM)
	noEMS := pion.WithExtendedMasterSecret(pion.DisableExtendedMasterSecret)
	anyone := pion.WithInsecureSkipVerify(true)
	for _, tt := range []struct {
		name    string
		options []pion.ClientOption
		want    error
		says    string
	}{
		{"no extended master secret", []pion.ClientOption{anyone, noEMS, profile, pion.WithCertificates(mine.cert)}, ErrHandshake, "Extended Master Secret"},
		{"no certificate", []pion.ClientOption{anyone, profile}, ErrHandshake, "client verification"},
		{"no SRTP", []pion.ClientOption{anyone, pion.WithCertificates(mine.cert)}, ErrSuite, ""},
		{"SRTP with a short tag", []pion.ClientOption{anyone, pion.WithSRTPProtectionProfiles(pion.SRTP_AES128_CM_HMAC_SHA1_32), pion.WithCertificates(mine.cert)}, ErrSuite, ""},
		{"cipher of no kind of ours", []pion.ClientOption{anyone, profile, pion.WithCertificates(mine.cert), pion.WithCipherSuites(pion.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)}, ErrHandshake, "cipher suites"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := couple(t)
				server.Fingerprints = []Fingerprint{mine.print}
				w := newWire()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				sd := shake(ctx, w.end(serverAddr), server)
				peer, err := pion.ClientWithOptions(w.end(clientAddr), addrOf(serverAddr), tt.options...)
				if err != nil {
					t.Fatal(err)
				}
				_ = peer.HandshakeContext(ctx)
				s := <-sd
				_ = peer.Close()
				if !errors.Is(s.err, tt.want) || !strings.Contains(s.err.Error(), tt.says) {
					t.Errorf("server: %v", s.err)
				}
			})
		})
	}
	t.Run("server without extended master secret", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, _ := couple(t)
			client.Fingerprints = []Fingerprint{mine.print}
			w := newWire()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			peer, err := pion.ServerWithOptions(w.end(serverAddr), addrOf(clientAddr), noEMS, profile, pion.WithCertificates(mine.cert))
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = peer.HandshakeContext(ctx)
			}()
			_, err = Shake(ctx, w.end(clientAddr), client)
			if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "Extended Master Secret") {
				t.Errorf("client: %v", err)
			}
			<-served
			_ = peer.Close()
		})
	})
}
