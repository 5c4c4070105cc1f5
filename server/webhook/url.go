package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// CheckURL says what is wrong with the URL of a hook: it is https, or http to this machine.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.Hostname() == "":
		return errors.New("is no URL; write https://HOST/PATH")
	case u.User != nil:
		return errors.New("holds a password; leave it out")
	case u.Fragment != "":
		return errors.New("has a fragment, which is never sent; remove it")
	case u.Scheme == "https", u.Scheme == "http" && local(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return errors.New("is http beyond this machine; use https")
	}
	return fmt.Errorf("has the scheme %q; use https", u.Scheme)
}

// local tells a name of this machine's loopback.
func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// newClient makes the client of one hook. It follows nobody elsewhere, and what is to stay on this machine stays there, whatever a name
// leads to.
func newClient(u *url.URL) *http.Client {
	dialer := &net.Dialer{Timeout: attemptPatience}
	if u.Scheme == "http" {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
				return fmt.Errorf("webhook: %s is not this machine", address)
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: attemptPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: attemptPatience, MaxConnsPerHost: 1, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true,
		},
	}
}
