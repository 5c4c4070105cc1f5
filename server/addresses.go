package server

import (
	"net"
	"net/netip"
)

// listenHosts are the addresses that the TLS certificate names beside the domain.
func (s *Server) listenHosts() []string {
	hosts := []string{s.cfg.Media.Address.String()}
	if a := s.cfg.Media.Address6; a.IsValid() {
		hosts = append(hosts, a.String())
	}
	if host, _, err := net.SplitHostPort(s.cfg.SIP.TLS); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	if s.cfg.Media.Address.IsLoopback() {
		hosts = append(hosts, "localhost")
	}
	return hosts
}

// SIPAddress is where callers reach the server over "udp", "tcp" or "tls"; the zero value where it takes no requests.
func (s *Server) SIPAddress(transport string) netip.AddrPort {
	a := s.endpoint.Addr(transport)
	if a == nil {
		return netip.AddrPort{}
	}
	return s.Reachable(a)
}

// Reachable is where others reach a listener of ours: one on every address is told by the address that media goes to, since
// 0.0.0.0 leads nobody anywhere.
func (s *Server) Reachable(a net.Addr) netip.AddrPort {
	addr, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	if addr.Addr().IsUnspecified() {
		return netip.AddrPortFrom(s.address(), addr.Port())
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
