package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// fakeClock is a wall clock that tests move.
type fakeClock struct{ at time.Time }

func (c *fakeClock) now() time.Time { return c.at }

func clockedPair(t *testing.T, suite keying.Suite, p Params) (a, b *Stream, clock *fakeClock) {
	t.Helper()
	clock = &fakeClock{time.Unix(1_700_000_000, 0)}
	a, b = pair(t, suite, p)
	for _, s := range []*Stream{a, b} {
		s.now, s.synthetic = clock.now, true
	}
	return a, b, clock
}

func TestReportsBothWays(t *testing.T) {
	for _, suite := range keying.Suites() {
		for _, mux := range []bool{true, false} {
			p := pcmu()
			p.RTCPMux = mux
			a, b, clock := clockedPair(t, suite, p)
			for i := range 1500 { // 30 s
				tick := codec.Tick(i)
				a.Next(tick)
				a.Send(tick, codec.Packet{Payload: frameOf(i, 160)})
				clock.at = clock.at.Add(5 * time.Millisecond) // on the way from a to b
				if b.Next(tick); i%10 != 9 {
					b.Send(tick, codec.Packet{Payload: frameOf(i, 160)})
				} else {
					b.out.sequence++ // lost
				}
				clock.at = clock.at.Add(15 * time.Millisecond)
			}
			n, m := a.Snapshot(), b.Snapshot()
			if n.RTCPSent < 4 || n.RTCPSent > 12 || m.RTCPReceived < n.RTCPSent-1 || n.AuthFailed+n.Malformed+m.AuthFailed+m.Malformed != 0 {
				t.Fatalf("%s mux %v: sent %d, received %d, %+v", suite, mux, n.RTCPSent, m.RTCPReceived, n)
			}
			if n.LossPct < 8 || n.LossPct > 12 || m.RemoteLoss < 8 || m.RemoteLoss > 12 || n.Lost < 140 || n.Lost > 150 {
				t.Errorf("%s mux %v: loss %.1f here, %.1f reported, %d in all", suite, mux, n.LossPct, m.RemoteLoss, n.Lost)
			}
			if mux && (n.RTTMS < 19 || n.RTTMS > 21) {
				t.Errorf("%s: round trip %.1f ms", suite, n.RTTMS)
			}
			if n.MOS < 2 || n.MOS > 4.2 || m.MOS < 4 { // the clean side may have buffered a tick or two more when the machine was busy
				t.Errorf("MOS %.2f with loss, %.2f without", n.MOS, m.MOS)
			}
		}
	}
}

func TestCompoundIsWellFormed(t *testing.T) {
	a, b, clock := clockedPair(t, keying.AEADAES256GCM, pcmu())
	for i := range 3 {
		a.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		b.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		a.Next(codec.Tick(i))
		b.Next(codec.Tick(i))
	}
	parts, err := rtcp.Unmarshal(a.compound(nil, clock.at, true))
	if err != nil || len(parts) != 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	sr, ok := parts[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != a.SSRC() || sr.PacketCount != 3 || sr.OctetCount != 480 || len(sr.Reports) != 1 || sr.Reports[0].SSRC != b.SSRC() {
		t.Errorf("%v", parts[0])
	}
	if sec := int64(sr.NTPTime>>32) - ntpUnix; sec != clock.at.Unix() {
		t.Errorf("NTP time %d", sec)
	}
	sdes, ok := parts[1].(*rtcp.SourceDescription)
	if !ok || len(sdes.Chunks) != 1 || sdes.Chunks[0].Items[0].Text != "test" {
		t.Errorf("%v", parts[1])
	}
	if bye, ok := parts[2].(*rtcp.Goodbye); !ok || bye.Sources[0] != a.SSRC() {
		t.Errorf("%v", parts[2])
	}
	if parts, err = rtcp.Unmarshal(a.compound(nil, clock.at, false)); err != nil {
		t.Fatal(err)
	}
	if _, ok := parts[0].(*rtcp.ReceiverReport); !ok {
		t.Errorf("nothing was sent since, yet %v", parts[0])
	}
}

func TestByeIsSaidAndHeard(t *testing.T) {
	for _, mux := range []bool{true, false} {
		p := pcmu()
		p.RTCPMux = mux
		a, b := pair(t, keying.AESCM128SHA1x80, p)
		a.Next(0)
		a.Send(0, codec.Packet{Payload: frameOf(1, 160)})
		b.Next(0)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if b.Next(rtcpPollTicks); !b.Snapshot().Bye {
			t.Errorf("mux %v: no BYE", mux)
		}
	}
}

func TestReplayedAndForgedControlPackets(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	sealed := k.report()
	for i := range len(sealed) * 8 {
		bad := append([]byte(nil), sealed...)
		bad[i/8] ^= 1 << (i % 8)
		k.write(bad)
		if i%50 == 49 {
			s.Next(codec.Tick(i))
		}
	}
	if s.Next(1000); s.Snapshot().RTCPReceived != 0 || !s.Snapshot().LastHeard.IsZero() {
		t.Errorf("forged control packets were taken: %+v", s.Snapshot())
	}
	for range 5 {
		k.write(sealed)
	}
	if s.Next(1001); s.Snapshot().RTCPReceived != 1 || s.Snapshot().LastHeard.IsZero() {
		t.Errorf("%+v", s.Snapshot())
	}
}

func TestCompoundPartsBelieveNoLength(t *testing.T) {
	s := open(t)
	configure(t, s, pcmu())
	s.Next(0)
	for name, b := range map[string][]byte{
		"short":               {0x80},
		"version":             {0x40, 201, 0, 0},
		"length beyond":       {0x80, 201, 0, 9, 0, 0, 0, 1},
		"blocks beyond":       {0x9f, 201, 0, 1, 0, 0, 0, 1},
		"sender info missing": {0x80, 200, 0, 1, 0, 0, 0, 1},
		"sources beyond":      {0x9f, 203, 0, 1, 0, 0, 0, 1},
		"trailing":            {0x80, 201, 0, 1, 0, 0, 0, 1, 0x80},
	} {
		if s.compoundParts(b, 1) {
			t.Errorf("%s: taken", name)
		}
	}
	if !s.compoundParts([]byte{0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 204, 0, 0}, 1) {
		t.Error("an application packet of an unknown name is to be skipped")
	}
}
