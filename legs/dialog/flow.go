package dialog

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A flow (RFC 5626) is named by Request.Connection: transport and remote address. Over UDP that is all there is to it; a connection is
// the peer's to open, so that a request over one that is gone fails, and its name has a number too, so that it fails as well where
// somebody else has connected from there since.

// Remote is where the INVITE goes, as far as that is known without looking up a name; not valid otherwise.
func (inv Invitation) Remote() netip.AddrPort {
	address := inv.Destination
	if inv.Flow != "" {
		_, address = cutFlow(inv.Flow)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
}

// Reaches says whether a flow stands: over UDP always, as far as can be told.
func (e *Endpoint) Reaches(flow string) bool {
	transport, _ := cutFlow(flow)
	return transport == "udp" || e.streams.get(flow) != nil
}

// cutFlow takes the name of a flow apart.
func cutFlow(name string) (transport, address string) {
	transport, rest, _ := strings.Cut(name, "|")
	address, _, _ = strings.Cut(rest, "|")
	return transport, address
}

// overFlow aims a request at a flow.
func (r *errand) overFlow(name string) error {
	transport, address := cutFlow(name)
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: flow", ErrConfig)
	}
	r.transport, r.to, r.pinned = transport, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), true
	switch transport {
	case "udp":
		return r.e.udpOn()
	case "tcp", "tls":
		if r.st = r.e.streams.get(name); r.st == nil {
			return ErrNoFlow
		}
		return nil
	}
	return fmt.Errorf("%w: transport", ErrConfig)
}

// overRoute finds the way to a destination, and dials where that is needed.
func (r *errand) overRoute(ctx context.Context, transport, destination string) error {
	if r.transport = strings.ToLower(transport); r.transport == "" {
		r.transport = "udp"
	}
	if destination == "" {
		if destination = r.target.Host; r.target.Port != 0 {
			destination = netJoin(r.target.Host, r.target.Port)
		}
	}
	var err error
	if r.to, r.host, err = resolve(ctx, r.transport, destination); err != nil {
		return err
	}
	switch r.transport {
	case "udp":
		return r.e.udpOn()
	case "tcp", "tls":
		r.st, err = r.e.streams.connect(ctx, r.transport, r.to, r.host)
		return err
	}
	return fmt.Errorf("%w: transport", ErrConfig)
}

func (e *Endpoint) udpOn() error {
	if e.udp == nil {
		return fmt.Errorf("%w: UDP is off", ErrConfig)
	}
	return nil
}

// moveTo puts the dialog on another connection, unless it is on that one no longer, or has ended: each counts those who need it.
func (d *Dialog) moveTo(from, to *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.left && d.flow.CompareAndSwap(from, to) {
		to.users.Add(1)
		from.users.Add(-1)
	}
}

// leave has an ended dialog need its connection no longer.
func (d *Dialog) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = true
	if st := d.flow.Load(); st != nil {
		st.users.Add(-1)
	}
}

// hold keeps a silent connection until then, though no dialog uses it.
func (s *stream) hold(until time.Time) {
	s.heldTil.Store(until.UnixNano())
}

// needed tells that a silent connection is to stay.
func (s *stream) needed(now time.Time) bool {
	return s.users.Load() > 0 || now.UnixNano() < s.heldTil.Load()
}
