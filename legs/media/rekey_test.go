package media

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// update is the keys of one generation for two ends, with an MKI where asked for.
func update(suite keying.Suite, generation byte, mki bool, a, b *Stream) (ka, kb keying.Keys) {
	ka, kb = keysFor(suite, generation, a.SSRC(), b.SSRC())
	if mki {
		ab, ba := []byte{0xab, 1, 2, generation}, []byte{0xba, 1, 2, generation}
		ka.Send.MKI, kb.Receive.MKI, ka.Receive.MKI, kb.Send.MKI = ab, ab, ba, ba
	}
	ka.Send.ROC, kb.Receive.ROC, ka.Receive.ROC, kb.Send.ROC = a.ROC(), a.ROC(), b.ROC(), b.ROC()
	return ka, kb
}

// rekeyed returns two streams that talk, under the first generation.
func rekeyed(t testing.TB, suite keying.Suite, mki bool) (a, b *Stream) {
	t.Helper()
	a, b = open(t), open(t)
	ka, kb := update(suite, 0, mki, a, b)
	setKeys(t, a, ka)
	setKeys(t, b, kb)
	face(t, pcmu(), a, b)
	return a, b
}

func readyKeys(t testing.TB, s *Stream, k keying.Keys) {
	t.Helper()
	if err := s.ReadyKeys(k); err != nil {
		t.Fatal(err)
	}
}

// both lets time pass for both ends, with a packet each.
func both(a, b *Stream, t codec.Tick) {
	for _, s := range []*Stream{a, b} {
		s.Next(t)
		s.Send(t, codec.Packet{Payload: frameOf(int(t), 160)})
	}
}

// rolled is the roll-over counter that the library encrypts with.
func rolled(s *Stream) uint32 {
	roc, _ := s.keys.sending.send.ROC(s.ssrc)
	return roc
}

// await drains a stream until it has accepted so many packets, for the kernel may deliver late; at most for a while.
func await(s *Stream, packets uint64) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if s.drainAll(1); s.counters.packetsReceived.Load()+s.counters.rtcpReceived.Load() >= packets {
			return
		}
		runtime.Gosched()
	}
}

// nothingLost fails when a packet was lost or refused.
func nothingLost(t testing.TB, what string, a, b *Stream) {
	t.Helper()
	for _, ends := range [][2]*Stream{{a, b}, {b, a}} {
		await(ends[0], ends[1].counters.packetsSent.Load()+ends[1].counters.rtcpSent.Load())
		n, m := ends[0].Snapshot(), ends[1].Snapshot()
		if n.PacketsReceived != m.PacketsSent || n.RTCPReceived != m.RTCPSent || n.PacketsReceived == 0 ||
			n.Lost+n.AuthFailed+n.Replayed+n.ForeignSSRC+n.Malformed+n.SendErrors != 0 {
			t.Errorf("%s: of %d packets and %d reports came %d and %d; lost %d, failed %d, replayed %d, foreign %d", what, m.PacketsSent,
				m.RTCPSent, n.PacketsReceived, n.RTCPReceived, n.Lost, n.AuthFailed, n.Replayed, n.ForeignSSRC)
		}
	}
}

// TestRekeyLosesNothing: three rekeys in a row under traffic both ways, begun from either side, confirmed late, at once and never, with
// the sequence numbers wrapping at every other place around the first switch.
func TestRekeyLosesNothing(t *testing.T) {
	for _, suite := range keying.Suites() {
		for _, mki := range []bool{false, true} {
			for before := 18; before <= 36; before += 2 {
				a, b := rekeyed(t, suite, mki)
				a.out.sequence, b.out.sequence = uint16(65536-before), uint16(65536-before-1)
				var ka, kb keying.Keys
				script := map[int]func(){
					20: func() { ka, kb = update(suite, 1, mki, a, b); readyKeys(t, b, kb) },
					25: func() { setKeys(t, a, ka) },
					30: b.SwitchKeys,
					40: func() { ka, kb = update(suite, 2, mki, a, b); readyKeys(t, a, ka); setKeys(t, b, kb); a.SwitchKeys() },
					60: func() { ka, kb = update(suite, 3, mki, a, b); readyKeys(t, b, kb) },
					62: func() { setKeys(t, a, ka) },
				}
				for i := range 600 {
					if act := script[i]; act != nil {
						act()
					}
					both(a, b, codec.Tick(i))
				}
				what := fmt.Sprintf("%s, MKI %v, wrap after %d", suite, mki, before)
				nothingLost(t, what, a, b)
				for _, s := range []*Stream{a, b} {
					if n := s.Snapshot(); n.Rekeys != 3 || s.ROC() != 1 || rolled(s) != 1 || s.keys.n != 1 || n.AddressChanges != 0 {
						t.Errorf("%s: %d rekeys, roll-over counter %d, %d keys alive", what, n.Rekeys, s.ROC(), s.keys.n)
					}
				}
				if n := a.Snapshot().UnderOld; n == 0 || n > 20 {
					t.Errorf("%s: %d packets under old keys", what, n)
				}
			}
		}
	}
}

func TestAnswererSendsUnderNewKeysOnlyWhenThePeerHasThem(t *testing.T) {
	for name, prove := range map[string]func(a, b *Stream, ka keying.Keys){
		"ACK":                     func(_, b *Stream, _ keying.Keys) { b.SwitchKeys() },
		"the same keys confirmed": func(_, b *Stream, _ keying.Keys) {},
		"RTP": func(a, b *Stream, ka keying.Keys) {
			setKeys(t, a, ka)
			a.Next(20)
			a.Send(20, codec.Packet{Payload: frameOf(1, 160)})
		},
		"RTCP": func(a, b *Stream, ka keying.Keys) {
			setKeys(t, a, ka)
			a.Next(20)
			a.sendReport(false)
		},
	} {
		a, b := rekeyed(t, keying.AEADAES128GCM, false)
		both(a, b, 1)
		ka, kb := update(keying.AEADAES256GCM, 1, false, a, b)
		readyKeys(t, b, kb)
		for i := 2; i < 20; i++ {
			both(a, b, codec.Tick(i))
		}
		if n := b.Snapshot(); n.Rekeys != 0 || b.keys.n != 2 || n.UnderOld != 0 {
			t.Fatalf("%s: %d rekeys before the peer had the keys, %d alive", name, n.Rekeys, b.keys.n)
		}
		prove(a, b, ka)
		if name == "the same keys confirmed" {
			setKeys(t, b, kb)
		}
		b.Next(21)
		if n := b.Snapshot(); n.Rekeys != 1 || n.AuthFailed != 0 {
			t.Errorf("%s: %d rekeys, %d failed", name, n.Rekeys, n.AuthFailed)
		}
	}
}

func TestReadyKeysAsFirstKeysAndSwitchWithoutAny(t *testing.T) {
	a, b := open(t), open(t)
	a.SwitchKeys()
	ka, kb := update(keying.AEADAES128GCM, 1, false, a, b)
	readyKeys(t, a, ka)
	setKeys(t, b, kb)
	face(t, pcmu(), a, b)
	both(a, b, 1)
	if both(a, b, 2); a.Snapshot().PacketsSent != 2 {
		t.Errorf("%+v", a.Snapshot())
	}
	nothing := b.Snapshot()
	if nothing.Rekeys != 0 || nothing.AuthFailed != 0 {
		t.Errorf("%+v", nothing)
	}
}

// TestOldKeysEnd: a packet under old keys that came already is refused as a repetition as long as they are alive, then as a forgery;
// the keys live for 2 s after the first packet under newer ones.
func TestOldKeysEnd(t *testing.T) {
	for _, suite := range keying.Suites() {
		k, s := newTalker(t, suite, pcmu(), true)
		recorded := k.seal(k.plain(1, 160, frameOf(1, 160)))
		late := k.seal(k.plain(2, 320, frameOf(2, 160)))
		tooLate := k.seal(k.plain(3, 480, frameOf(3, 160)))
		k.write(recorded)
		s.Next(1)
		ours, theirs := keysFor(suite, 1, s.SSRC(), k.ssrc)
		g, err := newGeneration(&theirs, k.ssrc)
		if err != nil {
			t.Fatal(err)
		}
		k.ctx = g.send
		setKeys(t, s, ours)
		s.Next(2)
		k.say(4)
		tick := codec.Tick(3)
		s.Next(tick)
		for range overlapTicks - 1 {
			tick++
			s.Next(tick)
		}
		k.write(recorded)
		k.write(late)
		tick++
		n := s.Snapshot()
		if n.Replayed != 0 || s.keys.n != 2 {
			t.Fatalf("%s: %d keys alive before the end", suite, s.keys.n)
		}
		s.drainAll(tick) // the last moment, before the tick that ends them
		if n = s.Snapshot(); n.Replayed != 1 || n.AuthFailed != 0 || n.PacketsReceived != 3 || n.UnderOld != 1 {
			t.Errorf("%s: in the overlap: %d received, %d replayed, %d failed, %d under old keys", suite, n.PacketsReceived, n.Replayed,
				n.AuthFailed, n.UnderOld)
		}
		k.write(recorded)
		k.write(tooLate)
		s.Next(tick)
		if n = s.Snapshot(); n.Replayed != 1 || n.AuthFailed != 2 || n.PacketsReceived != 3 || s.keys.n != 1 {
			t.Errorf("%s: after it: %d received, %d replayed, %d failed, %d keys alive", suite, n.PacketsReceived, n.Replayed,
				n.AuthFailed, s.keys.n)
		}
	}
}

// TestRekeyWhileHeld: nobody sends, so that nothing proves anything. The old keys end all the same, sending goes over, and after
// minutes the roll-over counter still goes on, whatever the agreement said of it.
func TestRekeyWhileHeld(t *testing.T) {
	for _, stated := range []bool{true, false} {
		a, b := rekeyed(t, keying.AEADAES256GCM, false)
		a.out.sequence, b.out.sequence = 65530, 65531
		tick := codec.Tick(0)
		for range 12 {
			tick++
			both(a, b, tick)
		}
		hold := pcmu()
		hold.Send, hold.Receive, hold.Remote = false, false, b.LocalAddr()
		configure(t, a, hold)
		hold.Remote = a.LocalAddr()
		configure(t, b, hold)
		ka, kb := update(keying.AEADAES256GCM, 1, false, a, b)
		if !stated {
			ka.Receive.ROC, kb.Receive.ROC = 0, 0
		}
		readyKeys(t, b, kb)
		setKeys(t, a, ka)
		a.report.scheduled, b.report.scheduled = true, true
		a.report.due, b.report.due = 1<<40, 1<<40 // not even reports
		for range overlapLongest + 1 {
			tick++
			a.report.due, b.report.due = tick+1, tick+1
			both(a, b, tick)
		}
		for _, s := range []*Stream{a, b} {
			if n := s.Snapshot(); s.keys.n != 1 || n.Rekeys != 1 {
				t.Errorf("held: %d keys alive, %d rekeys", s.keys.n, n.Rekeys)
			}
		}
		hold.Send, hold.Receive = true, true
		configure(t, b, hold)
		hold.Remote = b.LocalAddr()
		configure(t, a, hold)
		for range 20 {
			tick++
			both(a, b, tick)
		}
		nothingLost(t, "held", a, b)
	}
}

// TestPostsThatWait: keys posted while no worker looks are all taken, in their order, as far as they can be alive.
func TestPostsThatWait(t *testing.T) {
	a, b := rekeyed(t, keying.AEADAES256GCM, false)
	both(a, b, 1)
	a.drainAll(1)
	var ka, kb keying.Keys
	for i := range rememberedKeys + 4 {
		ka, kb = update(keying.AEADAES256GCM, byte(1+i), false, a, b)
		setKeys(t, a, ka)
		readyKeys(t, b, kb)
	}
	b.Next(2)
	a.Next(2)
	if a.keys.n != maxGenerations || b.keys.n != maxGenerations {
		t.Fatalf("%d and %d alive", a.keys.n, b.keys.n)
	}
	a.Send(2, codec.Packet{Payload: frameOf(2, 160)})
	b.Next(3)
	b.Send(3, codec.Packet{Payload: frameOf(2, 160)})
	a.Next(3)
	if n, m := a.Snapshot(), b.Snapshot(); n.PacketsReceived == 0 || m.PacketsReceived == 0 || n.AuthFailed+m.AuthFailed != 0 {
		t.Errorf("%+v\n%+v", n, m)
	}
}

// TestStraysOnTheControlSocketAreRead: under rtcp-mux nothing belongs there; it is counted all the same, and changes no address.
func TestStraysOnTheControlSocketAreRead(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(1)
	s.Next(1)
	sealed := k.report()
	to := k.to.LocalAddr()
	for _, b := range [][]byte{sealed, make([]byte, 40)} {
		if _, err := dial(t).WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr(), to.Port()+1)); err != nil {
			t.Fatal(err)
		}
	}
	for i := codec.Tick(2); i <= rtcpStray; i++ {
		s.Next(i)
	}
	if n := s.Snapshot(); n.Malformed != 1 || n.RTCPReceived != 1 || s.peer.rtcp.where != k.addr() {
		t.Errorf("%d malformed, %d reports, RTCP goes to %s", n.Malformed, n.RTCPReceived, s.peer.rtcp.where)
	}
}
