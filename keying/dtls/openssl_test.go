package dtls

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// opensslProfile is what OpenSSL calls a suite, and the length of all four parts of its keys.
var opensslProfile = map[string]struct {
	name   string
	length int
}{
	"AEAD_AES_256_GCM":        {"SRTP_AEAD_AES_256_GCM", 88},
	"AEAD_AES_128_GCM":        {"SRTP_AEAD_AES_128_GCM", 56},
	"AES_CM_128_HMAC_SHA1_80": {"SRTP_AES128_CM_SHA1_80", 60},
}

// TestOpenSSL makes a handshake with OpenSSL's own client and server, in each suite: both must export the same octets.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine: DTLS-SRTP is tested against itself alone")
	}
	for _, suite := range allSuites {
		t.Run("client/"+suite, func(t *testing.T) {
			path := listen(t)
			_, server := couple(t)
			o := startOpenSSL(t, suite, "s_client", "-connect", path.LocalAddr().String())
			server.Fingerprints = []Fingerprint{o.print}
			server.Suites = []string{suite}
			server.Remote = netip.MustParseAddrPort("127.0.0.1:9") // it comes from a port of its own
			o.agrees(t, path, server)
		})
		t.Run("server/"+suite, func(t *testing.T) {
			client, _ := couple(t)
			o := startOpenSSL(t, suite, "s_server", "-accept", "127.0.0.1:0", "-Verify", "1")
			client.Fingerprints = []Fingerprint{o.print}
			client.Suites = []string{suite}
			client.Remote = netip.MustParseAddrPort(o.after(t, "ACCEPT "))
			o.agrees(t, listen(t), client)
		})
	}
}

func listen(t *testing.T) net.PacketConn {
	t.Helper()
	path, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = path.Close() })
	return path
}

// openssl is a running openssl with the lines that it writes.
type openssl struct {
	print Fingerprint
	lines chan string
}

func startOpenSSL(t *testing.T, suite string, args ...string) *openssl {
	t.Helper()
	who := newIdentity(t)
	file := filepath.Join(t.TempDir(), "peer.pem")
	key, err := x509.MarshalPKCS8PrivateKey(who.cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: who.cert.Certificate[0]})
	_ = pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := opensslProfile[suite]
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "openssl", append(args, "-dtls1_2", "-cert", file, "-key", file, "-use_srtp", p.name,
		"-keymatexport", exporterLabel, "-keymatexportlen", fmt.Sprint(p.length))...)
	stdin, err := cmd.StdinPipe() // open: openssl leaves when it ends
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &openssl{who.print, make(chan string, 1000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			o.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = stdin.Close()
		_ = cmd.Wait()
		_ = in.Close()
		<-read
	})
	return o
}

// after waits for a line that begins so, and gives the rest of it.
func (o *openssl) after(t *testing.T, prefix string) string {
	t.Helper()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	var seen []string
	for {
		select {
		case line := <-o.lines:
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
				return rest
			}
			seen = append(seen, line)
		case <-patience.C:
			t.Fatalf("openssl did not say %q but:\n%s", prefix, strings.Join(seen, "\n"))
		}
	}
}

// agrees runs our side and compares the keys with what openssl exports.
func (o *openssl) agrees(t *testing.T, path net.PacketConn, c Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, err := Shake(ctx, path, c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	parts := [][]byte{a.RemoteKey, a.LocalKey, a.RemoteSalt, a.LocalSalt}
	if c.Client {
		parts = [][]byte{a.LocalKey, a.RemoteKey, a.LocalSalt, a.RemoteSalt}
	}
	want := strings.ToUpper(hex.EncodeToString(bytes.Join(parts, nil)))
	if got := o.after(t, "Keying material: "); got != want {
		t.Error("openssl has other keys")
	}
}
