package flood

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// segment is a stretch of a run at one rate.
type segment struct {
	name string
	rate float64 // calls a second
	long time.Duration

	begin time.Duration // after the start of the run; set by prepare
}

// steady is from when on its good calls count for its rate.
func (s segment) steady() time.Duration { return s.begin + time.Duration(warmup*float64(s.long)) }

func (s segment) calls() int { return max(1, int(s.rate*s.long.Seconds())) }

// call is one call of a run. Its first five fields are set by prepare; the rest belongs to its lane.
type call struct {
	number  int           // in the run
	segment int           // of the run
	due     time.Duration // after the start
	who     *account
	invite  []byte
	begun   *keying.Initiation // of a sample; nil of all others

	state  state
	sent   time.Duration // first INVITE
	to     []byte        // To of the 200, with its tag
	target []byte        // URI of its Contact
	answer []byte        // body of the 200 of a sample
}

// workers is how many goroutines prepare.
func workers() int { return runtime.NumCPU() }

// prepare makes the calls of a run: every message with a crypto session bundle, RAND and timestamp of its own, signed. lane i%lanes
// sends call i, whose Via must name its socket.
func (f *flood) prepare(ctx context.Context, plan []segment, from []netip.AddrPort, sink netip.AddrPort) ([]call, error) {
	var calls []call
	begin := time.Duration(0)
	for s, seg := range plan {
		plan[s].begin = begin
		n := seg.calls()
		if len(calls)+n > maxCalls {
			return nil, fmt.Errorf("flood: more than %d calls in one run: shorten it", maxCalls)
		}
		for i := range n {
			calls = append(calls, call{
				number: len(calls), segment: s, due: begin + time.Duration(float64(i)/seg.rate*float64(time.Second)),
				who: f.accounts[len(calls)%len(f.accounts)],
			})
		}
		begin += seg.long
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	started := time.Now()
	var wg sync.WaitGroup
	for w := range workers() {
		wg.Go(func() {
			for i := w; i < len(calls) && ctx.Err() == nil; i += workers() {
				if err := f.invitation(ctx, &calls[i], from[i%lanes], sink); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if took := time.Since(started); took+begin > maxAge {
		return nil, fmt.Errorf("flood: %d messages took %s to make and would grow too old: shorten the run", len(calls), took.Round(time.Second))
	}
	return calls, nil
}

// invitation makes the INVITE of a call.
func (f *flood) invitation(ctx context.Context, c *call, from, sink netip.AddrPort) error {
	room := fmt.Sprintf("sip:%s-%d@%s", f.rooms, c.number%f.Rooms, c.who.domain)
	var ssrc [4]byte
	_, _ = rand.Read(ssrc[:]) // crypto/rand never fails since Go 1.24
	begun, err := c.who.keyer.Initiate(ctx, f.Method, keying.Call{
		Local: c.who.bundle.URI, Peer: room, Policy: f.policy, SDPIDs: "mikey", SSRC: binary.BigEndian.Uint32(ssrc[:]) | 1,
	})
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	local, err := f.local(begun, sink)
	if err == nil {
		var body []byte
		if body, err = offer.Offer(local); err == nil {
			c.invite = f.script(c, from).invite(room, body)
		}
	}
	if c.number < samples {
		c.begun = begun
	} else {
		begun.Abandon()
	}
	return err
}

// local is the caller's side of an offer.
func (f *flood) local(begun *keying.Initiation, sink netip.AddrPort) (offer.Local, error) {
	session, err := offer.NewSession(rand.Reader)
	return offer.Local{Session: session, Addr: sink, Codecs: []string{"pcmu"}, Mux: true, Keys: begun.Attributes()}, err
}

// keyed completes the exchanges of the sample, as a caller does with a 200: how many there were, and the first that did not lead to keys.
func keyed(ctx context.Context, calls []call) (checked int, failed error) {
	for i := range min(samples, len(calls)) {
		c := &calls[i]
		if c.answer != nil {
			checked++
			if err := c.complete(ctx); err != nil && failed == nil {
				failed = err
			}
		}
		c.begun.Abandon()
	}
	return checked, failed
}

func (c *call) complete(ctx context.Context) error {
	d, err := offer.Parse(c.answer)
	if err != nil {
		return err
	}
	keys, err := d.Attributes()
	if err != nil {
		return err
	}
	agreed, err := c.begun.Complete(ctx, keys)
	if err != nil {
		return err
	}
	agreed.Wipe()
	agreed.Running.Wipe()
	return nil
}
