package server

import (
	"crypto/tls"
	"fmt"
	"net/netip"
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

// AdminTLS is the TLS of the admin API: nil on loopback without a certificate of its own, otherwise the configured
// certificate or one of the server's own authority.
func (s *Server) AdminTLS() (*tls.Config, error) {
	c := s.cfg.Admin
	if c.Cert == "" && s.cfg.AdminLoopback() {
		return nil, nil
	}
	cert := s.keys.tls
	if c.Cert != "" {
		var err error
		if cert, err = tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return nil, fmt.Errorf("%w: admin.cert and admin.key: %w", ErrConfig, err)
		}
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}, nil
}
