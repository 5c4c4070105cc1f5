package server

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// TestRehouseWhileOthersAreTold: the media of a call that comes to stand while the peers of others are told moves at once; it is told after them.
func TestRehouseWhileOthersAreTold(t *testing.T) {
	t.Parallel()
	s := serveTest(t, "policies: {standard: {methods: [sdes], suites: [AES_CM_128_HMAC_SHA1_80]}}\nrooms: {permanent: [{name: hall}]}\n"+
		"trunks: [{name: sbc, from: [127.0.0.7/32], transports: [udp], methods: [sdes], calls: 9}]\n")
	at := func(who SeatView) (addr netip.Addr) {
		for _, c := range s.calls.all() {
			if c.tenancy.seat.id == who.ID {
				addr = c.leg.Stream().LocalAddr().Addr()
			}
		}
		return addr
	}
	sits := func(stands func()) (v SeatView) {
		stands()
		until(t, "the call stands", func() bool {
			seats, err := s.Seats(t.Context(), "hall")
			if err == nil && len(seats) > 0 {
				v = seats[len(seats)-1]
			}
			return v.Leg != nil
		})
		return v
	}
	first := sits(newWire(t, s, "udp", "127.0.0.7").dials("hall"))
	later := newWire(t, s, "udp", "127.0.0.7")
	stands := later.dials("hall")
	free := make(chan struct{})
	done := sync.OnceFunc(func() { close(free) })
	defer done()
	for s.chores.begin(func(context.Context) { <-free }) { // of others, whose peers take their time
	}
	moved, changed := s.goesTo("127.0.0.2"), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { s.followLinks(ctx, changed) })
	defer following.Wait()
	defer cancel()
	changed <- struct{}{}
	until(t, "the first has moved", func() bool { return at(first) == moved })
	second := sits(stands)
	until(t, "so has the second", func() bool { return at(second) == moved })
	done()
	if told := later.next("INVITE"); !strings.Contains(told.text, "c=IN IP4 "+moved.String()+"\r\n") {
		t.Errorf("the peer is told\n%s", told.text)
	}
}
