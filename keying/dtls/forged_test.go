package dtls

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

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
		agreed(t, cd, sd)
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
				agreed(t, cd, sd)
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
		agreed(t, cd, sd)
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
		agreed(t, cd, sd)
	})
}
