package loadtest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

// booth is the callers' side of a test: one endpoint and its ports.
type booth struct {
	t        *testing.T
	house    *house
	endpoint *dialog.Endpoint
	ports    *media.Ports
	calls    atomic.Int64
}

// silent is the dialog.Host of the callers: nobody calls them.
type silent struct{}

func (silent) Admit(_ *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	if d == nil {
		return nil, &dialog.Response{Status: 480}
	}
	return nil, nil
}

func (silent) Invite(in *dialog.Incoming, _ any) { _ = in.Reject(dialog.Response{Status: 480}) }

func (silent) Serve(in *dialog.Standalone, _ any) { _ = in.Reply(dialog.Response{Status: 480}) }

func newBooth(h *house) *booth {
	h.t.Helper()
	e, err := dialog.Listen(dialog.Config{
		UDP: "127.0.0.1:0", Domain: domain, UserAgent: "booth", ClientTLS: &tls.Config{MinVersion: tls.VersionTLS12},
	}, silent{})
	if err != nil {
		h.t.Fatal(err)
	}
	b := &booth{t: h.t, house: h, endpoint: e, ports: media.NewPorts(netip.MustParseAddr("127.0.0.1"), 0, 0)}
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			h.t.Errorf("booth: %v", err)
		}
		if n := b.ports.InUse(); n > 0 {
			h.t.Errorf("booth: %d ports were not returned", n)
		}
	})
	return b
}

// phone is a caller with a leg at hand: it sends a tone, and measures how loud what it hears is.
type phone struct {
	t       *testing.T
	account string
	pitch   float64 // of its tone in Hz; no two alike, or they could cancel each other
	leg     *legs.Leg
	ended   chan legs.Ending
	heard   atomic.Uint64 // bits of the level in dB below full scale of the last ten frames
	quiet   atomic.Bool   // it sends silence
	once    sync.Once
	hush    chan struct{}
	done    chan struct{}
}

// call has an account of its own join the room by PCMU. On a machine that somebody else uses too the server may have no time for it just now, and
// says so: a phone tries again.
func (b *booth) call(bundle *keying.Bundle, room string, m keying.Method) (p *phone) {
	b.t.Helper()
	eventually(b.t, bundle.Account+" is let in", func() bool {
		var err error
		var refused *legs.Refused
		p, err = b.try(bundle, room, m, false)
		if err != nil && !(errors.As(err, &refused) && refused.Status == 503) {
			b.t.Fatal(err)
		}
		return err == nil
	})
	return p
}

// try is call for those that may be refused.
func (b *booth) try(bundle *keying.Bundle, room string, m keying.Method, late bool) (*phone, error) {
	b.t.Helper()
	keyer, err := keying.NewBundleKeyer(bundle, keying.BundleConfig{})
	if err != nil {
		return nil, err
	}
	policy := keying.StandardPolicy()
	policy.Suites = keying.Suites()
	line := &legs.Line{Domain: domain, Keyer: keyer, Ports: b.ports, Codecs: []string{"pcmu"}, CNAME: "phone", Log: slog.New(slog.DiscardHandler)}
	p := &phone{t: b.t, account: bundle.Account, pitch: float64(300 + 170*b.calls.Add(1)%2400), ended: make(chan legs.Ending, 1), hush: make(chan struct{}), done: make(chan struct{})}
	p.heard.Store(math.Float64bits(math.Inf(-1)))
	identity := "sip:" + room + "@" + domain
	p.leg, err = line.Call(within(b.t), b.endpoint, legs.Outgoing{
		Invitation: dialog.Invitation{
			URI: identity, From: bundle.URI, Transport: "udp", Destination: b.house.sip("udp"),
			Username: bundle.Digest.Username, Password: string(bundle.Digest.Password.Bytes()), Realm: bundle.Digest.Realm,
		},
		Local: bundle.URI, Peer: identity, Policy: policy, Methods: []keying.Method{m}, LateOffer: late,
	}, p)
	if err != nil {
		return nil, err
	}
	go p.run()
	b.t.Cleanup(p.hangUp)
	return p, nil
}

// Accepted implements legs.Owner.
func (*phone) Accepted(*legs.Leg) {}

// Confirmed implements legs.Owner.
func (*phone) Confirmed(*legs.Leg) {}

func (*phone) Referred(_ *legs.Leg, r *legs.Referral) { r.Refuse(dialog.Response{Status: 603}) }

func (*phone) Pressed(*legs.Leg, byte) {}

// Ended implements legs.Owner.
func (p *phone) Ended(l *legs.Leg, e legs.Ending) {
	p.stop()
	l.Release()
	p.ended <- e
}

func (p *phone) stop() {
	p.once.Do(func() { close(p.hush) })
	<-p.done
}

// hangUp ends the call if it stands.
func (p *phone) hangUp() {
	_ = p.leg.Hangup(context.Background(), "hangup") // ErrEnded: gone
	<-p.leg.Done()
}

// run ticks the stream until stop.
func (p *phone) run() {
	defer close(p.done)
	format := codec.Format{Codec: codec.PCMU, Rate: 8000}
	enc, err := codec.NewEncoder(format, 8000)
	if err != nil {
		p.t.Error(err)
		return
	}
	dec, err := codec.NewDecoder(format, 8000)
	if err != nil {
		p.t.Error(err)
		return
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	in, out, octets, window := make([]int16, 160), make([]int16, 160), make([]byte, 160), make([]int16, 1600)
	for t := codec.Tick(1); ; t++ {
		select {
		case <-p.hush:
			return
		case <-ticker.C:
		}
		if err := dec.Decode(p.leg.Stream().Next(t), in); err != nil {
			p.t.Error(err)
			return
		}
		copy(window, window[160:])
		copy(window[1440:], in)
		p.heard.Store(math.Float64bits(sound.LevelDB(window)))
		for i := range out {
			out[i] = 0
			if !p.quiet.Load() {
				out[i] = int16(8192 * math.Sin(2*math.Pi*p.pitch*float64(uint64(t)*160+uint64(i))/8000))
			}
		}
		if _, err := enc.Encode(out, octets); err != nil {
			p.t.Error(err)
			return
		}
		p.leg.Stream().Send(t, codec.Packet{Payload: octets})
	}
}

// level is how loud the last 200 ms were, dB below full scale.
func (p *phone) level() float64 { return math.Float64frombits(p.heard.Load()) }

// hears waits until the phone hears somebody.
func (p *phone) hears() {
	p.t.Helper()
	eventually(p.t, p.account+" hears somebody", func() bool { return p.level() > -25 })
}

// hearsNobody waits until the phone hears silence.
func (p *phone) hearsNobody() {
	p.t.Helper()
	eventually(p.t, p.account+" hears nobody", func() bool { return p.level() < -60 })
}

// stands holds that the call goes on with the keys it began with.
func (p *phone) stands() {
	p.t.Helper()
	select {
	case <-p.leg.Done():
		p.t.Errorf("%s's call has ended", p.account)
		return
	default:
	}
	if s := p.leg.State(); s != legs.Confirmed {
		p.t.Errorf("%s's call is %v", p.account, s)
	}
	if n := p.leg.Terms().Rekeys; n != 0 {
		p.t.Errorf("%s's call was rekeyed", p.account)
	}
}

// ends waits for the end of the call.
func (p *phone) ends(reason string) {
	p.t.Helper()
	if e := got(p.t, p.ended, "end of "+p.account+"'s call"); e.Reason != reason {
		p.t.Errorf("%s's call ended by %q (%v), want %q", p.account, e.Reason, e.Err, reason)
	}
}
