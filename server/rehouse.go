package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/conclave/conclave/legs"
)

// A server whose own address changes takes its calls along: their media goes on from the new address at once, with the keys that run,
// and their peers are told by re-INVITEs, one after the other.

// addressOf is the address of a network interface that we have, of a family: the one that we had, as long as it is there.
func addressOf(name string, ipv6 bool, had netip.Addr) (netip.Addr, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %s: %w", name, err)
	}
	all, err := link.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %s: %w", name, err)
	}
	if addr := choose(all, ipv6, had); addr.IsValid() {
		return addr, nil
	}
	return netip.Addr{}, fmt.Errorf("interface %s has no address of the family", name)
}

// choose is the first address that others can reach, of a family, but for the one that we had: another that came beside it, as temporary
// ones of IPv6 do every day, and which may be listed first, is no reason to move.
func choose(all []net.Addr, ipv6 bool, had netip.Addr) (first netip.Addr) {
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		addr := prefix.Addr().Unmap()
		switch {
		case err != nil, addr.Is6() != ipv6, addr.IsLinkLocalUnicast():
		case addr == had:
			return had
		case !first.IsValid():
			first = addr
		}
	}
	return first
}

// housed is the configuration with the addresses of its interface in the place of those that it names.
func (c *Config) housed(addressOf func(string, bool, netip.Addr) (netip.Addr, error)) (*Config, error) {
	if c.Media.Interface == "" {
		return c, nil
	}
	h := *c
	v4, missing4 := addressOf(c.Media.Interface, false, c.Media.Address)
	v6, missing6 := addressOf(c.Media.Interface, true, c.Media.Address6)
	switch {
	case missing4 == nil && missing6 == nil:
		h.Media.Address, h.Media.Address6 = v4, v6
	case missing4 == nil:
		h.Media.Address, h.Media.Address6 = v4, netip.Addr{}
	case missing6 == nil:
		h.Media.Address, h.Media.Address6 = v6, netip.Addr{}
	default:
		return nil, fmt.Errorf("media.interface: %w; name one that has an address", errors.Join(missing4, missing6))
	}
	return &h, nil
}

// address is where callers reach us.
func (s *Server) address() netip.Addr {
	if a := s.line.Ports.Address(false); a.IsValid() {
		return a
	}
	return s.line.Ports.Address(true)
}

// watch follows the interface of the configuration, where it names one, until what it returns is called.
func (s *Server) watch(ctx context.Context) (stop func(), err error) {
	if s.cfg.Media.Interface == "" {
		return func() {}, nil
	}
	changed, unlink, err := watchLinks()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.followLinks(ctx, changed)
	}()
	return func() {
		cancel()
		<-done
		if err := unlink(); err != nil {
			s.log.Debug("closing the watch of our addresses", "err", err)
		}
	}, nil
}

// followLinks goes where the interface of the configuration goes, and takes along who was being called meanwhile, until ctx ends.
func (s *Server) followLinks(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.strayed:
			s.gather(ctx)
			continue
		case <-changed:
		}
		timer := time.NewTimer(linksSettle) // an address that goes is followed by one that comes
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s.look(ctx)
	}
}

// look takes note of the addresses that the interface has now, and takes the legs there.
func (s *Server) look(ctx context.Context) {
	for _, ipv6 := range []bool{false, true} {
		was := s.line.Ports.Address(ipv6)
		if !was.IsValid() {
			continue
		}
		is, err := s.addressOf(s.cfg.Media.Interface, ipv6, was)
		switch {
		case err != nil:
			s.log.Warn("our address is gone and there is no other yet", "address", was.String(), "err", err)
		case is != was:
			s.log.Warn("our address has changed", "from", was.String(), "to", is.String())
			s.line.Ports.SetAddress(is)
		}
	}
	s.gather(ctx)
}

// home is the address that the stream of a leg should have.
func (s *Server) home(l *legs.Leg) netip.Addr {
	return s.line.Ports.Address(l.Stream().LocalAddr().Addr().Is6())
}

// astray says whether a leg that stands is bound to an address that we have no longer.
func (s *Server) astray(l *legs.Leg) bool { return l.Stream().LocalAddr().Addr() != s.home(l) }

// stands is told of every leg once it stands. Our address may have changed since its description was made: whoever gathered the legs then
// left out those that did not stand yet.
func (s *Server) stands(l *legs.Leg) {
	if !s.astray(l) {
		return
	}
	select {
	case s.strayed <- struct{}{}:
	default: // those who stray are about to be gathered
	}
}

// gather takes the legs that are astray to our addresses of now: the media of all at once, then it tells their peers, in turn. Legs that come
// to stand meanwhile have their media moved at once too, and their turn after the others.
func (s *Server) gather(ctx context.Context) {
	behind := make(map[*legs.Leg]bool)
	moving := s.fetch(ctx, behind)
	pace := time.NewTicker(rehousePace)
	defer pace.Stop()
	for len(moving) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-s.strayed:
			moving = append(moving, s.fetch(ctx, behind)...)
		case <-pace.C:
			if s.tell(moving[0], behind[moving[0]]) { // while too many peers do not answer the next one waits
				moving = moving[1:]
			}
		}
	}
}

// fetch moves the media of the legs that are astray, but for those that stayed behind before, and gives them.
func (s *Server) fetch(ctx context.Context, behind map[*legs.Leg]bool) []*legs.Leg {
	moving := slices.DeleteFunc(s.stray(), func(l *legs.Leg) bool { return behind[l] })
	for _, l := range moving {
		if err := roam(ctx, l, s.home(l)); err != nil {
			behind[l] = true
			s.log.Warn("a leg did not come along at once", "leg", l.ID(), "err", err)
		}
	}
	return moving
}

// tell begins to tell a peer our new address; a leg that stayed behind comes along with that.
func (s *Server) tell(l *legs.Leg, behind bool) (begun bool) {
	return s.chores.begin(func(ctx context.Context) {
		how := l.Reinvite
		if behind {
			how = func(ctx context.Context) error { return l.Roam(ctx, s.home(l), true) }
		}
		if err := how(ctx); err != nil {
			s.log.Info("a peer did not take our new address", "leg", l.ID(), "err", err)
		}
	})
}

// roam takes the media of one leg to another address, which one that is busy does not keep the others from.
func roam(ctx context.Context, l *legs.Leg, to netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, roamPatience)
	defer cancel()
	return l.Roam(ctx, to, false)
}

// stray are the legs that stand and are astray: those of seats that speak first, since most would miss them, then in the order of joining.
// Those that do not stand yet cannot be told; they are looked at when they do.
func (s *Server) stray() []*legs.Leg {
	type place struct {
		leg    *legs.Leg
		silent int
		joined time.Time
	}
	var places []place
	for _, c := range s.calls.all() {
		if state := c.leg.State(); state != legs.Confirmed && state != legs.Held || !s.astray(c.leg) {
			continue
		}
		p := place{c.leg, 1, c.tenancy.seat.joined}
		if c.tenancy.seat.mix.Speaking() {
			p.silent = 0
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(a.silent-b.silent, a.joined.Compare(b.joined)) })
	all := make([]*legs.Leg, len(places))
	for i, p := range places {
		all[i] = p.leg
	}
	return all
}
