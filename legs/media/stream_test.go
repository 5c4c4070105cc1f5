package media

import (
	"bytes"
	"errors"
	"fmt"
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

func TestSetKeysRefusesReuse(t *testing.T) {
	s := open(t)
	k, _ := keysFor(keying.AEADAES256GCM, 0, s.SSRC(), 77)
	fresh, _ := keysFor(keying.AEADAES256GCM, 9, s.SSRC(), 77)
	setKeys(t, s, k)
	s.Next(1)
	running := s.keys.sending
	if err := s.SetKeys(k); err != nil {
		t.Errorf("same keys: %v", err)
	}
	if s.Next(2); s.keys.sending != running {
		t.Error("the same keys made new contexts: their counters began again")
	}
	half := k
	half.Receive = fresh.Receive
	if err := s.SetKeys(half); !errors.Is(err, ErrKeyReuse) {
		t.Errorf("half reused: %v", err)
	}
	other := fresh
	other.Send.SSRC = s.SSRC() + 1
	if err := s.SetKeys(other); !errors.Is(err, ErrSSRC) {
		t.Errorf("foreign SSRC: %v", err)
	}
	one := fresh
	one.Receive.Key, one.Receive.SSRC = one.Send.Key, s.SSRC()
	if err := s.SetKeys(one); !errors.Is(err, ErrSSRCConflict) {
		t.Errorf("one key, one SSRC: %v", err)
	}
	short := fresh
	short.Send.Key = keying.NewSecret(make([]byte, 5))
	if err := s.SetKeys(short); !errors.Is(err, ErrKeys) {
		t.Errorf("short key: %v", err)
	}
	short.Suite = "NULL_HMAC_SHA1_80"
	if err := s.SetKeys(short); !errors.Is(err, ErrSuite) {
		t.Errorf("null cipher: %v", err)
	}
	for _, err := range []error{s.SetKeys(other), s.SetKeys(short)} {
		if bytes.Contains([]byte(fmt.Sprintf("%+v", err)), fresh.Receive.Key.Bytes()) {
			t.Error("a key in an error")
		}
	}
}

func TestSetKeysLeavesTheCallersKeysAlone(t *testing.T) {
	a, b := pair(t, keying.AESCM256SHA1x80, pcmu())
	k, peers := keysFor(keying.AESCM256SHA1x80, 3, a.SSRC(), b.SSRC())
	setKeys(t, a, k)
	setKeys(t, b, peers)
	k.Wipe()
	peers.Wipe()
	a.Next(1)
	a.Send(1, codec.Packet{Payload: frameOf(1, 160)})
	if n, ok := voice(b.Next(1)); !ok || n != 1 {
		t.Errorf("frame %d, %v after the caller wiped its keys", n, ok)
	}
}

func TestConfigureRefusesNonsense(t *testing.T) {
	good := pcmu()
	good.Remote = netip.MustParseAddrPort("127.0.0.1:4000")
	for name, change := range map[string]func(*Params){
		"codec":            func(p *Params) { p.Codec = "gsm" },
		"rate":             func(p *Params) { p.Rate = 44100 },
		"opus rate":        func(p *Params) { p.Codec, p.Rate = "opus", 16000 },
		"l16 rate":         func(p *Params) { p.Codec, p.Rate = "l16", 48000 },
		"payload type":     func(p *Params) { p.PT = 128 },
		"same event type":  func(p *Params) { p.PT = 101 },
		"port zero":        func(p *Params) { p.Remote = netip.MustParseAddrPort("127.0.0.1:0") },
		"multicast":        func(p *Params) { p.Remote = netip.MustParseAddrPort("224.0.0.1:4000") },
		"unspecified":      func(p *Params) { p.Remote = netip.MustParseAddrPort("0.0.0.0:4000") },
		"family":           func(p *Params) { p.Remote = netip.MustParseAddrPort("[::1]:4000") },
		"bitrate":          func(p *Params) { p.Codec, p.Bitrate = "opus", 510000 },
		"no room for rtcp": func(p *Params) { p.Remote, p.RTCPMux = netip.MustParseAddrPort("127.0.0.1:65535"), false },
	} {
		p := good
		change(&p)
		if err := open(t).Configure(p); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(t).Configure(good); err != nil {
		t.Error(err)
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

func TestNoIndexIsUsedTwiceUnderOneKey(t *testing.T) {
	a, b := pair(t, keying.AEADAES256GCM, pcmu())
	type index struct {
		keys     *generation
		roc      uint32
		sequence uint16
	}
	seen := make(map[index]bool, 70000)
	payload := frameOf(1, 160)
	for i := range 70000 {
		tick := codec.Tick(i)
		switch i % 1000 {
		case 300: // the same tick twice, then one of the past, then a jump
			tick--
		case 600:
			tick = codec.Tick(i / 2)
		case 900:
			p := pcmu()
			p.Remote, p.Codec, p.PT = b.LocalAddr(), []string{"pcmu", "l16", "opus"}[i/1000%3], 96
			configure(t, a, p)
			a.Next(tick)
		case 950:
			if i%10000 == 9950 {
				k, _ := keysFor(keying.AEADAES256GCM, byte(1+i/10000), a.SSRC(), b.SSRC())
				setKeys(t, a, k)
				a.Next(tick)
			}
		}
		before := a.counters.packetsSent.Load()
		a.Send(tick, codec.Packet{Payload: payload})
		if a.counters.packetsSent.Load() == before {
			continue
		}
		roc, _ := a.keys.sending.send.ROC(a.ssrc)
		at := index{a.keys.sending, roc, uint16(a.out.packet[2])<<8 | uint16(a.out.packet[3])}
		if seen[at] {
			t.Fatalf("packet %d: index %d/%d again", i, at.roc, at.sequence)
		}
		seen[at] = true
	}
	if len(seen) < 69000 {
		t.Errorf("only %d packets went out", len(seen))
	}
}
