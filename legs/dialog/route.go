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

// way snapshots the route and finds its flow. What is pinned goes back to where the peer has shown to be, whatever he says of a route: it
// may be a third party's. A stream that we dialled is dialled again when it is gone; one that the peer
// opened is the peer's to open.
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
			hostport := first.URI.Host
			if first.URI.Port != 0 {
				hostport = netJoin(first.URI.Host, first.URI.Port)
			}
			if w.to, _, err = resolve(ctx, "udp", hostport); err != nil {
				return w, err
			}
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
	if d.flow.CompareAndSwap(w.st, st) {
		st.users.Add(1)
		w.st.users.Add(-1)
	}
	w.st = st
	return w, nil
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
