package media

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// The mixer's view of a port, restated here so that the signatures cannot drift apart.
var _ interface {
	Next(t codec.Tick) codec.Frame
	Send(t codec.Tick, p codec.Packet)
	Format() codec.Format
} = (*Stream)(nil)

func TestTwoStreamsHearEachOther(t *testing.T) {
	sizes := map[string]int{"pcmu": 160, "pcma": 160, "l16": 320}
	for _, suite := range keying.Suites() {
		for name, size := range sizes {
			t.Run(string(suite)+"/"+name, func(t *testing.T) {
				p := Params{Codec: name, PT: 96, Send: true, Receive: true}
				a, b := pair(t, suite, p)
				for i := range 100 {
					tick := codec.Tick(1000 + i)
					a.Send(tick, codec.Packet{Payload: frameOf(i, size)})
					b.Send(tick, codec.Packet{Payload: frameOf(1000+i, size)})
					if n, ok := voice(b.Next(tick)); !ok || n != i {
						t.Fatalf("b at %d: frame %d, %v", i, n, ok)
					}
					if n, ok := voice(a.Next(tick)); !ok || n != 1000+i {
						t.Fatalf("a at %d: frame %d, %v", i, n, ok)
					}
				}
				for _, s := range []*Stream{a, b} {
					n := s.Snapshot()
					if n.PacketsSent != 100 || n.PacketsReceived != 100 || n.Lost+n.Late+n.Concealed+n.AuthFailed+n.SendErrors != 0 {
						t.Errorf("%+v", n)
					}
					if n.LastHeard.IsZero() || time.Since(n.LastHeard) > time.Minute {
						t.Errorf("last heard %v", n.LastHeard)
					}
					select {
					case <-s.Heard():
					default:
						t.Error("Heard is open")
					}
				}
			})
		}
	}
}

func TestOpusGoesThroughUnchanged(t *testing.T) {
	a, b := pair(t, keying.AEADAES128GCM, Params{Codec: "opus", PT: 111, Bitrate: 24000, Send: true, Receive: true, RTCPMux: true})
	b.Next(0)
	if f := b.Format(); f.Codec != codec.Opus || f.Rate != 48000 || f.Bitrate != 24000 {
		t.Errorf("format %+v", f)
	}
	for i := range 50 {
		packet := append([]byte{0xfc}, bytes.Repeat([]byte{byte(i)}, 60)...) // CELT fullband 20 ms
		a.Send(codec.Tick(1+i), codec.Packet{Payload: packet})
		if f := b.Next(codec.Tick(1 + i)); f.Kind != codec.Voice || !bytes.Equal(f.Payload, packet) {
			t.Fatalf("tick %d: %v", i, f.Kind)
		}
	}
}

func TestPauseKeepsTimeAndIsMarked(t *testing.T) {
	a, b := pair(t, keying.AEADAES256GCM, pcmu())
	b.Next(0)
	send := func(tick codec.Tick, n int) { a.Send(tick, codec.Packet{Payload: frameOf(n, 160)}) }
	a.Next(0)
	send(1, 1)
	first := a.out.timestamp
	send(2, 2)
	if a.out.timestamp-first != 160 || a.out.packet[1]&markerBit != 0 {
		t.Errorf("running: step %d, second octet %x", a.out.timestamp-first, a.out.packet[1])
	}
	send(52, 3)
	if a.out.timestamp-first != 51*160 || a.out.packet[1]&markerBit == 0 {
		t.Errorf("after a pause: step %d, second octet %x", a.out.timestamp-first, a.out.packet[1])
	}
}

func TestFirstSequenceNumberIsLow(t *testing.T) {
	for range 20 {
		if s := open(t); s.out.sequence >= 1<<15 || s.ssrc == 0 {
			t.Errorf("sequence %d, ssrc %d", s.out.sequence, s.ssrc)
		}
	}
}

func TestHoldAndResume(t *testing.T) {
	a, b := pair(t, keying.AEADAES256GCM, pcmu())
	tick := codec.Tick(10)
	exchange := func(n int) codec.Frame {
		tick++
		a.Send(tick, codec.Packet{Payload: frameOf(n, 160)})
		a.Next(tick)
		return b.Next(tick)
	}
	exchange(1)
	held := pcmu()
	held.Remote, held.Send, held.Receive = a.LocalAddr(), false, false
	configure(t, b, held)
	for i := range 100 {
		if f := exchange(i); f.Kind != codec.Silent {
			t.Fatalf("held, yet %v", f.Kind)
		}
		b.Send(tick, codec.Packet{Payload: frameOf(0, 160)})
	}
	if n := b.Snapshot(); n.PacketsReceived != 101 || n.PacketsSent != 0 {
		t.Errorf("held: %+v", n)
	}
	held.Send, held.Receive = true, true
	configure(t, b, held)
	for i := range 50 {
		if n, ok := voice(exchange(i)); !ok || n != i {
			t.Fatalf("resumed: frame %d, %v at %d", n, ok, i)
		}
	}
	if n := b.Snapshot(); n.Lost+n.Late+n.AuthFailed != 0 {
		t.Errorf("resumed: %+v", n)
	}
}

func TestFreshKeysGoOnWithoutLoss(t *testing.T) {
	a, b := pair(t, keying.AESCM128SHA1x80, pcmu())
	sequence := a.out.sequence
	for i := range 60 {
		if i == 30 {
			ka, kb := keysFor(keying.AEADAES256GCM, 5, a.SSRC(), b.SSRC())
			setKeys(t, a, ka)
			setKeys(t, b, kb)
		}
		a.Next(codec.Tick(i))
		a.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		if n, ok := voice(b.Next(codec.Tick(i))); !ok || n != i {
			t.Fatalf("frame %d, %v at %d", n, ok, i)
		}
	}
	if a.out.sequence != sequence+60 {
		t.Errorf("sequence went from %d to %d", sequence, a.out.sequence)
	}
}

// TestOldHold: a peer that holds by the unspecified address (RFC 3264 section 8.4) is sent nothing, RTCP included, until it gives an
// address again; that it may go on sending does not change that.
func TestOldHold(t *testing.T) {
	a, b := pair(t, keying.AEADAES128GCM, pcmu())
	a.Next(1)
	hold := pcmu()
	hold.Remote, hold.RTCPMux, hold.Send = netip.MustParseAddrPort("0.0.0.0:4000"), true, false
	if err := a.Configure(hold); err != nil {
		t.Fatal(err)
	}
	for k := codec.Tick(2); k < 200; k++ {
		a.Next(k)
		a.Send(k, codec.Packet{Payload: frameOf(1, 160)})
	}
	if s := a.Snapshot(); s.PacketsSent != 0 || s.RTCPSent != 0 || s.SendErrors != 0 {
		t.Errorf("sent %d packets and %d reports, %d errors, to a peer that has no address", s.PacketsSent, s.RTCPSent, s.SendErrors)
	}
	resume := pcmu()
	resume.Remote = b.LocalAddr()
	if err := a.Configure(resume); err != nil {
		t.Fatal(err)
	}
	a.Next(200)
	a.Send(200, codec.Packet{Payload: frameOf(1, 160)})
	if n, ok := voice(b.Next(201)); !ok || n != 1 {
		t.Errorf("frame %d, %v after the hold", n, ok)
	}
}

func TestCloseGivesEverythingBack(t *testing.T) {
	ports := NewPorts(loopback, 0, 0)
	s, err := Open(ports, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ports.InUse() != 1 {
		t.Errorf("%d in use", ports.InUse())
	}
	s.Next(1)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if ports.InUse() != 0 {
		t.Errorf("%d in use after Close", ports.InUse())
	}
	if f := s.Next(2); f.Kind != codec.Silent {
		t.Errorf("closed, yet %v", f.Kind)
	}
	s.Send(2, codec.Packet{Payload: frameOf(0, 160)})
	if !errors.Is(s.Configure(pcmu()), ErrClosed) || !errors.Is(s.SetKeys(keying.Keys{}), ErrClosed) {
		t.Error("a closed stream takes orders")
	}
}

func TestIPv6(t *testing.T) {
	ports := NewPorts(netip.MustParseAddr("::1"), 0, 0)
	a, err := Open(ports, Options{})
	if err != nil {
		t.Skipf("no IPv6 on this host: %v", err)
	}
	b, err := Open(ports, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}()
	connect(t, keying.AEADAES128GCM, pcmu(), a, b)
	a.Next(1)
	a.Send(1, codec.Packet{Payload: frameOf(9, 160)})
	if n, ok := voice(b.Next(1)); !ok || n != 9 {
		t.Errorf("frame %d, %v", n, ok)
	}
}
