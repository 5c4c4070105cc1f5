package media

import (
	"errors"
	"fmt"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// TestStatedSSRCIsPinnedBeforeAnythingIsHeard: also for older keys whose agreement did not state it.
func TestStatedSSRCIsPinnedBeforeAnythingIsHeard(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), false)
	if s.Next(1); s.Snapshot().PeerSSRC != 0 {
		t.Fatalf("%x", s.Snapshot().PeerSSRC)
	}
	ours, _ := keysFor(keying.AEADAES256GCM, 1, s.SSRC(), k.ssrc)
	readyKeys(t, s, ours)
	if s.Next(2); s.Snapshot().PeerSSRC != k.ssrc {
		t.Errorf("%x is not pinned", s.Snapshot().PeerSSRC)
	}
	k.ssrc++
	k.say(1) // authentic under the first keys, but not the peer's any more
	k.ssrc--
	k.say(2)
	if s.Next(3); s.Snapshot().PacketsReceived != 1 || s.Snapshot().ForeignSSRC != 1 || s.Snapshot().AuthFailed != 0 {
		t.Errorf("%+v", s.Snapshot())
	}
}

// TestPeerChangesItsSSRCWithTheKeys: the old stream goes on until the new one is heard, and then it is over.
func TestPeerChangesItsSSRCWithTheKeys(t *testing.T) {
	for _, stated := range []bool{true, false} {
		k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), stated)
		k.say(1)
		s.Next(1)
		old, oldSSRC := k.ctx, k.ssrc
		fresh := k.ssrc + 1
		told := fresh
		if !stated {
			told = 0
		}
		ours, _ := keysFor(keying.AEADAES256GCM, 1, s.SSRC(), told)
		_, theirs := keysFor(keying.AEADAES256GCM, 1, s.SSRC(), fresh)
		setKeys(t, s, ours)
		k.say(2)
		if s.Next(2); s.Snapshot().PeerSSRC != oldSSRC || s.Snapshot().PacketsReceived != 2 {
			t.Fatalf("stated %v: %+v", stated, s.Snapshot())
		}
		g, err := newGeneration(&theirs, fresh)
		if err != nil {
			t.Fatal(err)
		}
		k.ctx, k.ssrc = g.send, fresh
		k.say(40)
		if s.Next(3); s.Snapshot().PeerSSRC != fresh || s.Snapshot().PacketsReceived != 3 || s.keys.n != 1 {
			t.Fatalf("stated %v: %+v", stated, s.Snapshot())
		}
		k.ctx, k.ssrc = old, oldSSRC
		k.say(3)
		if s.Next(4); s.Snapshot().PeerSSRC != fresh || s.Snapshot().PacketsReceived != 3 || s.Snapshot().ForeignSSRC != 1 {
			t.Errorf("stated %v: %+v", stated, s.Snapshot())
		}
	}
}

// TestPeerKeepsItsKey: a peer may answer new keys of ours with the key that it has (RFC 4568 allows it). Its stream goes on as it was,
// replay window and roll-over counter too, and ours goes on under the new key, its counters with it.
func TestPeerKeepsItsKey(t *testing.T) {
	for _, suite := range keying.Suites() {
		for _, mki := range []bool{false, true} {
			a, b := rekeyed(t, suite, mki)
			a.out.sequence, b.out.sequence = 65530, 65532
			for i := range 40 {
				if i == 10 || i == 20 {
					ka, kb := update(suite, byte(i), mki, a, b)
					kept, _ := update(suite, 0, mki, a, b)
					ka.Receive = kept.Receive
					readyForNewPeer(t, b, kb)
					setKeys(t, a, ka)
				}
				both(a, b, codec.Tick(i))
			}
			what := fmt.Sprintf("%s, MKI %v", suite, mki)
			nothingLost(t, what, a, b)
			n := a.Snapshot()
			if n.Rekeys != 2 || a.keys.n != 1 || a.ROC() != 1 || rolled(a) != 1 || n.UnderOld != 0 {
				t.Errorf("%s: %d rekeys, %d keys alive, roll-over counter %d, %d in the library", what, n.Rekeys, a.keys.n, a.ROC(), rolled(a))
			}
			if n.KeyPackets < 20 || n.KeyPackets > 30 {
				t.Errorf("%s: %d packets since the last agreement", what, n.KeyPackets)
			}
		}
	}
}

// readyForNewPeer has b receive under the peer's new key and send under its old one, as a phone does that keeps its key.
func readyForNewPeer(t *testing.T, b *Stream, k keying.Keys) {
	t.Helper()
	g, err := newGeneration(&k, b.SSRC())
	if err != nil {
		t.Fatal(err)
	}
	g.send = b.keys.sending.send
	b.takeKeys([]*generation{g})
}

// TestKeptKeyIsTheRunningOne: only the key that the peer sends under now may be kept, and ours never.
func TestKeptKeyIsTheRunningOne(t *testing.T) {
	a, b := rekeyed(t, keying.AEADAES128GCM, true)
	agreed := func(send, receive byte) keying.Keys {
		k, _ := update(keying.AEADAES128GCM, send, true, a, b)
		other, _ := update(keying.AEADAES128GCM, receive, true, a, b)
		k.Receive = other.Receive
		return k
	}
	setKeys(t, a, agreed(1, 0))
	setKeys(t, a, agreed(2, 2))
	moved := agreed(3, 2)
	moved.Receive.MKI = []byte{9, 9, 9, 9}
	for name, k := range map[string]keying.Keys{
		"ours": agreed(2, 3), "ours of before": agreed(1, 3), "the peer's of before": agreed(3, 0), "ours of before and the peer's": agreed(0, 2),
		"both of before": agreed(1, 0), "another identifier": moved,
	} {
		if err := a.SetKeys(k); !errors.Is(err, ErrKeyReuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.ReadyKeys(agreed(3, 2)); !errors.Is(err, ErrKeyReuse) {
		t.Errorf("offered by the peer: %v", err)
	}
	setKeys(t, a, agreed(2, 2)) // the last ones again
	setKeys(t, a, agreed(3, 2))
}

// TestPeerResetsItsCounter: where a peer's roll-over counter begins anew at a rekey, against RFC 3711 section 3.3.1, the next rekey is
// guessed from where it went on, not from where it once was; packets under its older keys that come late change nothing in that.
func TestPeerResetsItsCounter(t *testing.T) {
	old, fresh := &generation{number: 1, index: 3<<16 | 7}, &generation{number: 2, index: 8}
	var p peer
	for _, step := range []struct {
		k    *generation
		want uint64
	}{{old, 3<<16 | 7}, {fresh, 8}, {old, 8}, {&generation{number: 2, index: 6}, 8}, {&generation{number: 2, index: 9}, 9}} {
		if p.note(step.k); !p.indexed || p.index != step.want {
			t.Errorf("after %d of generation %d: %d, want %d", step.k.index, step.k.number, p.index, step.want)
		}
	}
}
