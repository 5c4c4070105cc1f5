package dialog

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func notifier(c *Config) { c.Events = []string{"conference"} }

// TestSubscribe: a SUBSCRIBE makes a subscription that a later one renews, turns elsewhere and ends; one that comes late, or is refused,
// moves nothing; and whoever takes no subscriptions says so.
func TestSubscribe(t *testing.T) {
	subscriptions, renewed := make(chan *Dialog, 1), make(chan *Dialog, 8)
	var status atomic.Int64
	server := open(t, &taker{
		admit: func(_ *Request, d *Dialog) (any, *Response) { return d, nil },
		serve: func(in *Standalone, admitted any) {
			if d := in.Renews(); d != admitted.(*Dialog) {
				t.Errorf("admitted for %v, renews %v", admitted, d)
			}
			if d := in.Renews(); d != nil {
				if _, err := in.Subscribe(); !errors.Is(err, ErrMalformed) {
					t.Errorf("a subscription within one: %v", err)
				}
				_ = in.Reply(Response{Status: int(status.Load())})
				renewed <- d
				return
			}
			d, err := in.Subscribe()
			if err != nil {
				t.Errorf("subscribe: %v", err)
			}
			if err := in.Reply(Response{Status: 200}); err != nil {
				t.Errorf("reply: %v", err)
			}
			subscriptions <- d
		},
	}, notifier)
	p := newPeer(t, server)
	p.send(p.message("SUBSCRIBE", "a", "", 5, "", "Event: conference"))
	first := p.final(5)
	d := got(t, subscriptions, "subscription")
	tag, _ := first.To().Params.Get("tag")
	allow, events := first.GetHeader("Allow"), first.GetHeader("Allow-Events")
	if first.StatusCode != 200 || first.Contact() == nil || tag != d.localTag || allow == nil || !strings.Contains(allow.Value(), "SUBSCRIBE") || events == nil || events.Value() != "conference" {
		t.Fatalf("answer %v", first)
	}
	notify := func(at *peer) {
		t.Helper()
		answered := make(chan error, 1)
		go func() {
			_, err := d.Send(within(t, 5*time.Second), "NOTIFY", []HeaderField{{"Event", "conference"}, {"Subscription-State", "active"}}, "", nil)
			answered <- err
		}()
		req := at.request(sip.NOTIFY)
		if to, _ := req.To().Params.Get("tag"); to != "me" {
			t.Errorf("NOTIFY %v", req)
		}
		at.answer(req, server.Addr("udp"), 200, "", "")
		if err := got(t, answered, "answer"); err != nil {
			t.Fatal(err)
		}
	}
	notify(p)

	elsewhere := newPeer(t, server)
	for _, c := range []struct {
		seq, reply, want int
		from             *peer
	}{{6, 403, 403, elsewhere}, {5, 200, 500, elsewhere}, {6, 200, 200, elsewhere}, {6, 200, 500, p}, {9, 200, 200, elsewhere}} {
		status.Store(int64(c.reply))
		c.from.send(c.from.message("SUBSCRIBE", newTag(), tag, c.seq, "", "Event: conference"))
		if res := c.from.final(uint32(c.seq)); res.StatusCode != c.want {
			t.Errorf("%+v: %d", c, res.StatusCode)
		}
		if c.want != 500 && got(t, renewed, "renewal") != d {
			t.Error("another subscription was renewed")
		}
	}
	notify(elsewhere)
	p.send(p.message("NOTIFY", "n", tag, 20, ""))
	if res := p.final(20); res.StatusCode != 481 {
		t.Errorf("something else within it: %d", res.StatusCode)
	}
	if err := d.Bye(within(t, time.Second)); err != nil {
		t.Error(err)
	}
	elsewhere.send(elsewhere.message("SUBSCRIBE", "z", tag, 21, ""))
	if res := elsewhere.final(21); res.StatusCode != 481 {
		t.Errorf("after its end: %d", res.StatusCode)
	}
}

// TestSubscriptionsEndWithTheEndpoint: what is left is told at the end, and nobody waits for it.
func TestSubscriptionsEndWithTheEndpoint(t *testing.T) {
	subscriptions := make(chan *Dialog, 1)
	server := open(t, &taker{serve: func(in *Standalone, _ any) {
		d, err := in.Subscribe()
		if err == nil {
			err = in.Reply(Response{Status: 200})
		}
		if err != nil {
			t.Error(err)
		}
		subscriptions <- d
	}}, notifier)
	p := newPeer(t, server)
	p.send(p.message("SUBSCRIBE", "a", "", 1, ""))
	p.final(1)
	d := got(t, subscriptions, "subscription")
	if err := server.Close(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	<-d.Done()
	if !errors.Is(d.Err(), ErrClosed) {
		t.Errorf("ended with %v", d.Err())
	}
}
