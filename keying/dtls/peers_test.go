package dtls

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/dtls/v3"
)

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
