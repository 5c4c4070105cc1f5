package media

import (
	"net"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// TestOldPortsMoveNobody: a packet that comes to where we were is heard, but where it came from is not followed.
func TestOldPortsMoveNobody(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	s.Next(0)
	was := s.LocalAddr()
	if err := s.Rebind(elsewhere); err != nil {
		t.Fatal(err)
	}
	stray := dial(t)
	if _, err := stray.WriteToUDPAddrPort(k.seal(k.plain(1, 160, frameOf(1, 160))), was); err != nil {
		t.Fatal(err)
	}
	if n, ok := voice(s.Next(1)); n != 1 || !ok {
		t.Errorf("heard frame %d (%v)", n, ok)
	}
	if n := s.Snapshot(); n.AddressChanges != 0 || n.Remote != k.addr() || n.PacketsReceived != 2 {
		t.Errorf("%+v", n)
	}
	writeFrom(t, stray, k.seal(k.plain(2, 320, frameOf(2, 160))), s)
	s.Next(2)
	if n := s.Snapshot(); n.AddressChanges != 1 || n.Remote.Port() == k.addr().Port() {
		t.Errorf("where we are he was not followed: %+v", n)
	}
}

// TestPeerThatMovesIsHeardOn: without a word in the signalling the source of the peer's packets changes. It is followed in the tick
// that finds the first one, and nothing is concealed, left out or played twice.
func TestPeerThatMovesIsHeardOn(t *testing.T) {
	const moves, ticks = 2 * steadyTicks, 300
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	fresh := dial(t)
	was := k.conn
	for n := range ticks {
		switch n {
		case moves: // the last packet on the old way is overtaken by the first on the new one
			old := k.seal(k.plain(uint16(n), uint32(n*160), frameOf(n, 160)))
			k.conn = fresh
			k.say(n + 1)
			writeFrom(t, was, old, s)
		case moves + 1:
		default:
			k.say(n)
		}
		if got, ok := voice(s.Next(codec.Tick(n))); got != n || !ok {
			t.Fatalf("tick %d: frame %d (%v)", n, got, ok)
		}
		if remote := s.Snapshot().Remote; remote != k.addr() {
			t.Fatalf("tick %d: sends to %v, the peer is at %v", n, remote, k.addr())
		}
		s.Send(codec.Tick(n), codec.Packet{Payload: frameOf(n, 160)})
	}
	n := s.Snapshot()
	if n.AddressChanges != 1 || n.Lost+n.Late+n.Concealed+n.Discarded+n.Duplicate != 0 || n.PacketsSent != ticks {
		t.Errorf("%+v", n)
	}
	for conn, want := range map[*net.UDPConn]int{was: moves, fresh: ticks - moves} {
		if got := waiting(t, conn); got < want || got > want+2 { // reports go there too
			t.Errorf("%d packets came to %v, want %d", got, conn.LocalAddr(), want)
		}
	}
}
