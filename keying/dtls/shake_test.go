package dtls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestShake(t *testing.T) {
	for i, suite := range allSuites {
		t.Run(suite, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := couple(t)
				server.Suites = allSuites[i:] // the server's order counts
				c, s := both(t, newWire(), client, server)
				if c.Suite != suite {
					t.Errorf("suite %s", c.Suite)
				}
				if !bytes.Equal(c.PeerCertificate, server.Certificate.Certificate[0]) || !bytes.Equal(s.PeerCertificate, client.Certificate.Certificate[0]) {
					t.Error("certificate of somebody else")
				}
				if c.Remote != serverAddr || s.Remote != clientAddr {
					t.Errorf("peers at %v and %v", c.Remote, s.Remote)
				}
			})
		})
	}
}

// TestShakeFaults loses, and doubles, each packet of a handshake in turn. Both ends must still come to the same keys.
func TestShakeFaults(t *testing.T) {
	for copies, name := range []string{0: "lost", 2: "doubled", 3: "tripled"} {
		if name == "" {
			continue
		}
		for n := range 8 {
			t.Run(fmt.Sprintf("packet %d %s", n, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := couple(t)
					w := newWire()
					w.fault = func(i int, _ packet) int {
						if i == n {
							return copies
						}
						return 1
					}
					both(t, w, client, server)
				})
			})
		}
	}
}

// TestShakeLoss: a third of the packets at random.
func TestShakeLoss(t *testing.T) {
	failed := 0
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			client, server := couple(t)
			w := newWire()
			dice := mathrand.New(mathrand.NewPCG(seed, 1)) //nolint:gosec // faults, not secrets
			w.fault = func(int, packet) int { return min(1, dice.IntN(4)) }
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cd, sd := shake(ctx, w.end(clientAddr), client), shake(ctx, w.end(serverAddr), server)
			c, s := <-cd, <-sd
			if c.err == nil {
				defer c.Close()
			}
			if s.err == nil {
				defer s.Close()
			}
			if c.err != nil || s.err != nil {
				failed++
				return
			}
			mirror(t, c.Association, s.Association)
		})
	}
	if failed > 2 {
		t.Errorf("%d of 40 handshakes came to nothing in 20 s", failed)
	}
}

func TestWrongFingerprint(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := couple(t)
				wrong := &client
				if role == "server" {
					wrong = &server
				}
				wrong.Fingerprints = []Fingerprint{newIdentity(t).print, {Hash: "sha-1", Value: make([]byte, 20)}}
				w := newWire()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				cd, sd := shake(ctx, w.end(clientAddr), client), shake(ctx, w.end(serverAddr), server)
				results := map[string]outcome{"client": <-cd, "server": <-sd}
				if err := results[role].err; !errors.Is(err, ErrFingerprint) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				for name, o := range results {
					if o.err == nil {
						if name == role {
							t.Errorf("%s agreed", name)
						}
						_ = o.Close()
					}
				}
			})
		})
	}
}

// TestRightPeerAfterWrong: who has another certificate does not keep the right one out, not even from the same address.
func TestRightPeerAfterWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		sd := shake(ctx, w.end(serverAddr), server)
		impostor := client
		impostor.Certificate = newIdentity(t).cert
		path := w.end(clientAddr)
		short, stop := context.WithTimeout(ctx, 2*time.Second)
		if a, err := Shake(short, path, impostor); err == nil {
			_ = a.Close() // it has seen the server's Finished? it must not
			t.Error("the impostor was let in")
		}
		stop()
		agreed(t, shake(ctx, path, client), sd)
	})
}

func TestNoCommonSuite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		client.Suites, server.Suites = allSuites[:1], allSuites[2:]
		w := newWire()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		cd, sd := shake(ctx, w.end(clientAddr), client), shake(ctx, w.end(serverAddr), server)
		if s := <-sd; !errors.Is(s.err, ErrSuite) {
			t.Errorf("server: %v", s.err)
		}
		if c := <-cd; !errors.Is(c.err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(c.err), "alert") {
			t.Errorf("client: %v", c.err)
		}
	})
}

// TestNobody: ctx ends it, and the path can be read by others then.
func TestNobody(t *testing.T) {
	for _, role := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			config, other := couple(t)
			if !role {
				config = other
			}
			w := newWire()
			path := w.end(clientAddr)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := Shake(ctx, path, config); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			w.send(packet{foreignAddr, clientAddr, []byte("x")})
			if n, _, err := path.ReadFrom(make([]byte, 10)); n != 1 || err != nil {
				t.Errorf("the path reads %d, %v", n, err)
			}
		})
	}
}

func TestPathEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, config := range func() []Config { c, s := couple(t); return []Config{c, s} }() {
			path := newWire().end(clientAddr)
			done := shake(t.Context(), path, config)
			synctest.Wait()
			_ = path.Close()
			if o := <-done; !errors.Is(o.err, ErrPath) || !errors.Is(o.err, net.ErrClosed) {
				t.Errorf("error %v", o.err)
			}
		}
	})
}

// TestClose: twice, and after the path; the other end stays as it is.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := couple(t)
		w := newWire()
		c, s := both(t, w, client, server)
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		path := w.ends[serverAddr]
		_ = path.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if s.LocalKey[0] == 0 && bytes.Equal(s.LocalKey, make([]byte, len(s.LocalKey))) {
			t.Error("Close wiped the keys")
		}
		s.Wipe()
		if !bytes.Equal(s.LocalKey, make([]byte, len(s.LocalKey))) || !bytes.Equal(s.RemoteSalt, make([]byte, len(s.RemoteSalt))) {
			t.Error("Wipe left keys")
		}
	})
}

func TestConfig(t *testing.T) {
	good, _ := couple(t)
	for name, spoil := range map[string]func(*Config){
		"no certificate":         func(c *Config) { c.Certificate.Certificate = nil },
		"no key":                 func(c *Config) { c.Certificate.PrivateKey = nil },
		"no suite":               func(c *Config) { c.Suites = nil },
		"suite without profile":  func(c *Config) { c.Suites = []string{"AES_256_CM_HMAC_SHA1_80"} },
		"no address":             func(c *Config) { c.Remote = clientAddr; c.Remote = (Config{}).Remote },
		"no fingerprint":         func(c *Config) { c.Fingerprints = nil },
		"SHA-1 fingerprint only": func(c *Config) { c.Fingerprints = []Fingerprint{{"sha-1", make([]byte, 20)}} },
		"short fingerprint":      func(c *Config) { c.Fingerprints = []Fingerprint{{"sha-256", make([]byte, 20)}} },
	} {
		c := good
		spoil(&c)
		if _, err := Shake(t.Context(), newWire().end(clientAddr), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range allSuites {
		if !Supports(s) {
			t.Errorf("%s is not supported", s)
		}
	}
	if Supports("AES_256_CM_HMAC_SHA1_80") {
		t.Error("AES-256-CM has no profile (RFC 5764)")
	}
}
