package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

func TestReplayOfACallIsRefused(t *testing.T) {
	for _, suite := range keying.Suites() {
		k, s := newTalker(t, suite, pcmu(), true)
		var recorded [][]byte
		for i := range 100 {
			b := k.seal(k.plain(uint16(i), uint32(i*160), frameOf(i, 160)))
			recorded = append(recorded, b)
			k.write(b)
			s.Next(codec.Tick(i))
		}
		before := s.Snapshot()
		for range 3 {
			for _, b := range recorded {
				k.write(b)
			}
			s.Next(codec.Tick(100))
			s.Next(codec.Tick(101))
			s.Next(codec.Tick(102))
		}
		n := s.Snapshot()
		if n.PacketsReceived != before.PacketsReceived || n.Replayed != 300 || n.LastHeard != before.LastHeard {
			t.Errorf("%s: %d accepted, %d replays counted", suite, n.PacketsReceived-before.PacketsReceived, n.Replayed)
		}
	}
}

func TestEveryBitIsAuthenticated(t *testing.T) {
	for _, suite := range keying.Suites() {
		k, s := newTalker(t, suite, pcmu(), true)
		k.say(0)
		s.Next(0)
		before := s.Snapshot()
		good := k.seal(k.plain(1, 160, frameOf(1, 160)))
		tick := codec.Tick(1)
		for i := range len(good) * 8 {
			bad := append([]byte(nil), good...)
			bad[i/8] ^= 1 << (i % 8)
			k.write(bad)
			if i%64 == 63 {
				s.Next(tick)
				tick++
			}
		}
		s.Next(tick)
		n := s.Snapshot()
		if n.PacketsReceived != before.PacketsReceived || n.LastHeard != before.LastHeard {
			t.Errorf("%s: %d packets with a wrong bit accepted", suite, n.PacketsReceived-before.PacketsReceived)
		}
		if refused := n.AuthFailed + n.ForeignSSRC + n.Malformed + n.Replayed; refused != uint64(len(good)*8) {
			t.Errorf("%s: %d refused of %d", suite, refused, len(good)*8)
		}
		k.write(good) // the window was not spoiled
		if s.Next(tick + 1); s.Snapshot().PacketsReceived != before.PacketsReceived+1 {
			t.Errorf("%s: the genuine packet was refused after its forgeries", suite)
		}
	}
}

func TestSprayChangesNothing(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	sprayer := dial(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		for range 20 {
			b := make([]byte, random.IntN(400))
			for j := range b {
				b[j] = byte(random.Uint32())
			}
			if len(b) > 12 && random.IntN(2) == 0 {
				b[0], b[1] = 0x80, 0 // looks like ours, down to the SSRC
				binary.BigEndian.PutUint32(b[8:], k.ssrc)
			}
			writeFrom(t, sprayer, b, s)
		}
		k.say(i)
		if n, ok := voice(s.Next(codec.Tick(i))); !ok || n != i {
			t.Fatalf("tick %d: frame %d, %v", i, n, ok)
		}
		s.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
	}
	n := s.Snapshot()
	if n.PacketsReceived != 100 || n.Remote != k.addr() || n.AddressChanges != 0 {
		t.Errorf("%+v", n)
	}
	if refused := n.AuthFailed + n.ForeignSSRC + n.Malformed + n.Replayed; refused != 2000 {
		t.Errorf("%d of 2000 counted", refused)
	}
}

func TestFloodBeyondTheBudgetIsLeftToTheKernel(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	for range drainBudget + 20 {
		k.write(make([]byte, 40))
	}
	s.Next(0)
	if n := s.Snapshot().Malformed; n != drainBudget {
		t.Errorf("%d read in one tick", n)
	}
}

func TestForeignSSRC(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	k.ssrc++ // authentic under the same key
	k.say(1)
	k.ssrc = s.SSRC()
	k.say(2)
	s.Next(0)
	if n := s.Snapshot(); n.PacketsReceived != 1 || n.ForeignSSRC != 2 {
		t.Errorf("%+v", n)
	}
}

func TestUnstatedSSRCIsPinnedByTheFirstAuthenticPacket(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), false)
	stranger := dial(t)
	for i := range 50 { // forgeries under many SSRCs, from elsewhere: a bounded number is even tried
		b := make([]byte, 100)
		b[0] = 0x80
		binary.BigEndian.PutUint32(b[8:], uint32(i+1))
		writeFrom(t, stranger, b, s)
	}
	k.say(0)
	s.Next(0)
	n := s.Snapshot()
	if n.PeerSSRC != k.ssrc || n.PacketsReceived != 1 {
		t.Fatalf("pinned %x, received %d", n.PeerSSRC, n.PacketsReceived)
	}
	if n.AuthFailed != trialsStranger || n.ForeignSSRC != 50-trialsStranger {
		t.Errorf("%d tried, %d not", n.AuthFailed, n.ForeignSSRC)
	}
	other := k.ssrc + 1
	k.ssrc = other
	k.say(1)
	if s.Next(1); s.Snapshot().PeerSSRC == other {
		t.Error("a second SSRC took the place of the first")
	}
}

func TestAddressFollowsOnlyAuthenticFreshPackets(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	old, recorded := k.addr(), k.seal(k.plain(0, 0, frameOf(0, 160)))
	k.write(recorded)
	s.Next(0)
	thief := dial(t)
	writeFrom(t, thief, recorded, s) // replay
	forged := k.seal(k.plain(1, 160, frameOf(1, 160)))
	forged[len(forged)-1] ^= 1
	writeFrom(t, thief, forged, s)
	s.Next(1)
	if to := s.Snapshot().Remote; to != old {
		t.Fatalf("moved to %s by a packet that proves nothing", to)
	}
	late := k.seal(k.plain(1, 160, frameOf(1, 160)))
	k.say(2)
	s.Next(2)
	writeFrom(t, thief, late, s) // genuine, but older than what came from the old address
	s.Next(3)
	if to := s.Snapshot().Remote; to != old {
		t.Fatalf("moved to %s by a packet that is not the newest", to)
	}
	k.conn = dial(t) // the phone changes network
	k.say(3)
	s.Next(4)
	if n := s.Snapshot(); n.Remote != k.addr() || n.AddressChanges != 1 {
		t.Errorf("at %s after %d changes, want %s", n.Remote, n.AddressChanges, k.addr())
	}
}

func TestAddressChangesAreRateLimited(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	home, tick, seq := k.conn, codec.Tick(0), 0
	say := func() {
		k.say(seq)
		s.Next(tick)
		seq++
		tick++
	}
	say()
	for range 10 {
		k.conn = dial(t)
		say()
	}
	n := s.Snapshot()
	if n.AddressChanges != moveBurst || n.AddressRefused != 10-moveBurst {
		t.Errorf("%d changes, %d refused", n.AddressChanges, n.AddressRefused)
	}
	k.conn = home // the signalled address is always good
	if say(); s.Snapshot().Remote != k.addr() {
		t.Error("not back at the signalled address")
	}
	for range moveRefill {
		say()
	}
	k.conn = dial(t)
	if say(); s.Snapshot().Remote != k.addr() {
		t.Error("no change allowed after the budget had time to refill")
	}
	k.conn = dial(t)
	if say(); s.Snapshot().Remote == k.addr() {
		t.Error("more than one change after one refill")
	}
}

func TestReconfigureWithTheSameAddressKeepsTheLearnedOne(t *testing.T) {
	p := pcmu()
	k, s := newTalker(t, keying.AEADAES256GCM, p, true)
	p.Remote = k.addr()
	k.conn = dial(t)
	k.say(0)
	s.Next(0)
	configure(t, s, p)
	if s.Next(1); s.Snapshot().Remote != k.addr() {
		t.Error("a re-INVITE that changed nothing undid what was learned")
	}
	p.Remote = dial(t).LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
	configure(t, s, p)
	if s.Next(2); s.Snapshot().Remote != p.Remote {
		t.Error("a re-INVITE with a new address was not followed")
	}
}

func TestSequenceWrapWithReordering(t *testing.T) {
	for _, suite := range keying.Suites() {
		k, s := newTalker(t, suite, pcmu(), true)
		random := rand.New(rand.NewPCG(3, 4))
		start := 65536 - 300
		order := make([]int, 0, 600)
		var sealed [][]byte
		for i := range 600 {
			order = append(order, i)
			sealed = append(sealed, k.seal(k.plain(uint16(start+i), uint32(i*160), frameOf(i, 160))))
		}
		for i := 0; i+50 < len(order); i += 50 { // every packet comes up to 50 places from where it belongs
			random.Shuffle(50, func(a, b int) { order[i+a], order[i+b] = order[i+b], order[i+a] })
		}
		for i, n := range order {
			k.write(sealed[n])
			s.Next(codec.Tick(i))
		}
		if n := s.Snapshot(); n.PacketsReceived != 600 || n.AuthFailed+n.Replayed != 0 || n.Lost != 0 {
			t.Errorf("%s: %+v", suite, n)
		}
	}
}

func TestMKIIsCarriedAndChecked(t *testing.T) {
	a, b := open(t), open(t)
	ka, kb := keysFor(keying.AEADAES256GCM, 0, a.SSRC(), b.SSRC())
	mki := []byte{1, 2, 3, 4}
	ka.Send.MKI, kb.Receive.MKI = mki, mki
	setKeys(t, a, ka)
	setKeys(t, b, kb)
	face(t, pcmu(), a, b)
	for i := range 5 {
		a.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		b.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		if n, ok := voice(b.Next(codec.Tick(i))); !ok || n != i {
			t.Fatalf("with MKI: frame %d, %v", n, ok)
		}
		if n, ok := voice(a.Next(codec.Tick(i))); !ok || n != i {
			t.Fatalf("without: frame %d, %v", n, ok)
		}
	}
	other := open(t)
	_, kc := keysFor(keying.AEADAES256GCM, 0, a.SSRC(), other.SSRC())
	kc.Receive.MKI = []byte{1, 2, 3, 5}
	setKeys(t, other, kc)
	p := pcmu()
	p.Remote = a.LocalAddr()
	configure(t, other, p)
	p.Remote = other.LocalAddr()
	configure(t, a, p)
	a.Next(5)
	a.Send(6, codec.Packet{Payload: frameOf(6, 160)})
	if other.Next(6); other.Snapshot().AuthFailed != 1 {
		t.Errorf("%+v", other.Snapshot())
	}
}

func TestPacketsBeforeKeysAreNotKept(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	bare := open(t)
	k.to = bare
	k.say(0)
	bare.Next(0)
	if n := bare.Snapshot(); n.Unkeyed != 1 || !n.LastHeard.IsZero() {
		t.Errorf("%+v", n)
	}
	select {
	case <-s.Heard():
		t.Error("heard without a packet")
	default:
	}
}

func TestPaddingExtensionAndCSRC(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	plain := k.plain(0, 0, nil)
	plain[0] |= paddingBit | extBit | 2
	plain = append(plain, 0, 0, 0, 1, 0, 0, 0, 2)                 // CSRC list
	plain = append(plain, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0)     // one-byte extension
	plain = append(append(plain, frameOf(7, 160)...), 0, 0, 0, 4) // padding
	k.write(k.seal(plain))
	if n, ok := voice(s.Next(0)); !ok || n != 7 {
		t.Errorf("frame %d, %v", n, ok)
	}
	for i, pad := range []byte{0, 255} { // padding that cannot be
		plain = append(k.plain(uint16(1+i), 160, frameOf(1, 159)), pad)
		plain[0] |= paddingBit
		k.write(k.seal(plain))
	}
	if s.Next(1); s.Snapshot().Malformed != 2 {
		t.Errorf("%+v", s.Snapshot())
	}
}

func TestTelephoneEventAndComfortNoiseAreNoLoss(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	s.Next(0)
	for i, pt := range []uint8{101, 13} {
		k.pt = pt
		k.write(k.seal(k.plain(uint16(1+i), 160, []byte{1, 10, 0, 160})))
		if f := s.Next(codec.Tick(1 + i)); f.Kind != codec.Silent {
			t.Errorf("payload type %d: %v", pt, f.Kind)
		}
	}
	k.pt = 0
	k.say(3)
	if n, ok := voice(s.Next(3)); !ok || n != 3 {
		t.Errorf("frame %d, %v", n, ok)
	}
	if n := s.Snapshot(); n.Events != 1 || n.OtherPT != 1 || n.Lost != 0 || n.Concealed != 0 {
		t.Errorf("%+v", n)
	}
}
