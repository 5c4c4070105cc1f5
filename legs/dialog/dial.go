package dialog

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// connect returns a connection to that address, dialling when there is none. host is what a TLS peer must prove to be;
// a connection verified for another name is not reused (CVE-2020-15260's class).
func (s *streams) connect(ctx context.Context, transport string, to netip.AddrPort, host string) (*stream, error) {
	place := transport + "|" + to.String()
	if st := s.at(place); st != nil {
		if transport == "tls" && st.name != host {
			return nil, fmt.Errorf("%w: that address is in use under another name", ErrTransport)
		}
		return st, st.ready(ctx)
	}
	result := s.flights.DoChan(place+"|"+host, func() (any, error) {
		if st := s.at(place); st != nil && (transport != "tls" || st.name == host) {
			return st, nil
		}
		return s.dial(transport, to, host)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		st := r.Val.(*stream) //nolint:forcetypeassert // our own function's result
		return st, st.ready(ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *streams) dial(transport string, to netip.AddrPort, host string) (*stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // Close must not wait for a dial
		select {
		case <-s.done:
			cancel()
		case <-stop:
		}
	}()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	if transport == "tls" {
		conf := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.clientTLS != nil {
			conf = s.clientTLS.Clone()
		}
		if conf.ServerName == "" {
			conf.ServerName = host
		}
		t := tls.Client(c, conf)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("%w: TLS: %w", ErrTransport, err)
		}
		c = t
	}
	st := s.wrap(c, transport, host, false)
	if !s.register(st) {
		_ = c.Close()
		return nil, ErrClosed
	}
	s.deliver(st)
	return st, nil
}

// resolve turns host:port (or host with the transport's default port) into an address.
func resolve(ctx context.Context, transport, hostport string) (netip.AddrPort, string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, "5060"
		if transport == "tls" {
			port = "5061"
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, "", fmt.Errorf("%w: port", ErrConfig)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), uint16(n)), host, nil
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(list) == 0 {
		return netip.AddrPort{}, "", fmt.Errorf("%w: %s does not resolve", ErrTransport, host)
	}
	best := list[0]
	for _, a := range list {
		if a.Unmap().Is4() {
			best = a
			break
		}
	}
	return netip.AddrPortFrom(best.Unmap(), uint16(n)), host, nil
}
