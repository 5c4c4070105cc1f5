package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
)

// AdminLoopback says whether the admin API listens where only this machine reaches it.
func (c *Config) AdminLoopback() bool {
	a, err := netip.ParseAddrPort(c.Admin.Listen)
	return err == nil && a.Addr().IsLoopback()
}

// AdminHosts are the names by which the admin API is asked for: those of the configuration, and the address by which an API that
// listens on every one of ours is reached.
func (s *Server) AdminHosts() []string {
	return append([]string{s.cfg.Media.Address.String()}, s.cfg.Admin.Hosts...)
}

// AdminTLS is the TLS of the admin API: nil on loopback without a certificate of its own or of its clients', otherwise with the
// configured certificate or one of the server's own authority. A client may show a certificate of admin.client_ca instead of a token.
func (s *Server) AdminTLS() (*tls.Config, error) {
	c := s.cfg.Admin
	if c.Cert == "" && c.ClientCA == "" && s.cfg.AdminLoopback() {
		return nil, nil
	}
	cert := s.keys.tls
	if c.Cert != "" {
		var err error
		if cert, err = tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return nil, fmt.Errorf("%w: admin.cert and admin.key: %w", ErrConfig, err)
		}
	}
	made := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	if c.ClientCA != "" {
		text, err := os.ReadFile(c.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("%w: admin.client_ca: %w", ErrConfig, err)
		}
		made.ClientCAs, made.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !made.ClientCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%w: admin.client_ca: %s holds no certificate in PEM", ErrConfig, c.ClientCA)
		}
	}
	return made, nil
}
