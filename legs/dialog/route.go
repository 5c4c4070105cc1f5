package dialog

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// way is where a request of ours goes at this moment.
type way struct {
	target string
	routes []string
	to     netip.AddrPort
	st     *stream
}

// way snapshots the route and finds its flow. What is pinned goes back to where the peer has shown to be, whatever he says of a route. A
// stream that we dialled is dialled again when it is gone; one that the peer opened is the peer's to open.
func (d *Dialog) way(ctx context.Context) (way, error) {
	d.mu.Lock()
	w := way{target: d.target, routes: d.routes, to: d.peer}
	d.mu.Unlock()
	if len(w.routes) > 0 {
		first, err := parseNameAddr(w.routes[0])
		if err != nil {
			return w, err
		}
		if _, loose := first.URI.Param("lr"); !loose { // a strict router (RFC 3261 section 12.2.1.1)
			w.routes = append(slices.Clone(w.routes[1:]), "<"+w.target+">")
			w.target = first.raw
		}
		if d.first.Transport == "udp" && !d.pinned {
			w.to = d.e.hop(w.to, first.URI)
		}
	}
	if w.st = d.flow.Load(); w.st == nil {
		return w, nil
	}
	select {
	case <-w.st.done:
	default:
		return w, nil
	}
	if !d.outgoing || d.pinned {
		return w, ErrConnectionLost
	}
	st, err := d.e.streams.connect(ctx, d.first.Transport, w.st.source, d.host)
	if err != nil {
		return w, err
	}
	d.moveTo(w.st, st)
	w.st = st
	return w, nil
}

// hop is where the first of a route set leads over UDP. Whoever calls, or answers, writes his route set as he likes, and what goes there is
// sent eleven times, by us: so it leads to the address that the peer speaks from, whose port is to be believed, or to one that the Host knows to be
// the same peer's. Where it names another, a victim's or one behind a NAT, or a name, which would have us ask the DNS for him, requests go
// back to where he speaks from, with the whole route set: that is the proxy which takes them along it, unless it left the path.
func (e *Endpoint) hop(peer netip.AddrPort, route URI) netip.AddrPort {
	to, err := netip.ParseAddr(route.Host)
	to = to.Unmap()
	if err != nil || to != peer.Addr() && !(single(to) && e.cfg.Neighbours != nil && e.cfg.Neighbours(peer.Addr(), to)) {
		return peer
	}
	return netip.AddrPortFrom(to, route.port())
}

// single tells an address of one host from those of many, and of none.
func single(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// routeSet makes the route set of Record-Route values (RFC 3261 section 12.1): as they are for the callee, reversed for
// the caller.
func routeSet(recorded []string, reversed bool) []string {
	var out []string
	for _, value := range recorded {
		for _, part := range splitQuoted(value, ',') {
			out = append(out, strings.Trim(part, " \t"))
		}
	}
	if reversed {
		slices.Reverse(out)
	}
	return out
}
