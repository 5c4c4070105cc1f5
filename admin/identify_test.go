package admin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"
)

// issuer is an authority of clients.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{{127, 0, 0, 1}},
	}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert, key}
}

// issue makes the certificate of a client in those organizational units.
func (i *issuer) issue(t *testing.T, use x509.ExtKeyUsage, until time.Time, units ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "ops", OrganizationalUnit: units}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, shape, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestCertificates asks over TLS with certificates of clients. Those of another authority, for another use, or out of date end the
// handshake; those without one role prove nobody.
func TestCertificates(t *testing.T) {
	ours, others := newIssuer(t), newIssuer(t)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	_, hash, err := NewToken()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Server: newFake(), Tokens: []TokenHash{hash}, Log: slog.New(slog.DiscardHandler), TLS: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{ours.cert.Raw}, PrivateKey: ours.key}},
		ClientCAs:    roots, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS13,
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	soon, client := time.Now().Add(time.Hour), x509.ExtKeyUsageClientAuth
	for name, test := range map[string]struct {
		shows       *tls.Certificate
		get, hangUp int // 0: no handshake
	}{
		"none":               {nil, 401, 401},
		"viewer":             {new(ours.issue(t, client, soon, "viewer")), 200, 403},
		"operator":           {new(ours.issue(t, client, soon, "sales", "operator")), 200, 404},
		"admin":              {new(ours.issue(t, client, soon, "admin")), 200, 404},
		"no role":            {new(ours.issue(t, client, soon, "sales")), 401, 401},
		"two roles":          {new(ours.issue(t, client, soon, "viewer", "admin")), 401, 401},
		"another case":       {new(ours.issue(t, client, soon, "Admin")), 401, 401},
		"expired":            {new(ours.issue(t, client, time.Now().Add(-time.Minute), "admin")), 0, 0},
		"a server's":         {new(ours.issue(t, x509.ExtKeyUsageServerAuth, soon, "admin")), 0, 0},
		"another authority":  {new(others.issue(t, client, soon, "admin")), 0, 0},
		"somebody else's CA": {new(others.issue(t, client, soon, "viewer")), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
			if test.shows != nil { // sent whatever the server asks for
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.shows, nil }
			}
			transport := &http.Transport{TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			for method, want := range map[string]int{"GET": test.get, "DELETE": test.hangUp} {
				path := map[string]string{"GET": "/v1/rooms", "DELETE": "/v1/rooms/demo/seats/s0"}[method]
				req, err := http.NewRequestWithContext(t.Context(), method, "https://"+l.Addr().String()+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := transport.RoundTrip(req)
				if err != nil {
					if want != 0 {
						t.Errorf("%s: %v", method, err)
					}
					continue
				}
				resp.Body.Close() //nolint:errcheck // a test's own
				if resp.StatusCode != want {
					t.Errorf("%s: %d, want %d", method, resp.StatusCode, want)
				}
			}
		})
	}
}
