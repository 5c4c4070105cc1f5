package dtls

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
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
		agreed(t, cd, sd)
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
		_, s := agreed(t, shake(ctx, w.end(foreignAddr), client), sd)
		if took := time.Since(start); took > 2*attemptPatience {
			t.Errorf("it took %v", took)
		}
		if s.Remote != foreignAddr {
			t.Errorf("peer at %v", s.Remote)
		}
		done()
		for _, g := range gone {
			if o := <-g; o.err == nil {
				t.Error("a stranger was let in")
				_ = o.Close()
			}
		}
	})
}
