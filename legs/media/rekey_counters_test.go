package media

import (
	"errors"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// TestLateJoinTakesTheRollOverCounterOfTheAgreement: a stream that has heard nothing has only that.
func TestLateJoinTakesTheRollOverCounterOfTheAgreement(t *testing.T) {
	a, b := open(t), open(t)
	ka, kb := keysFor(keying.AESCM128SHA1x80, 0, a.SSRC(), b.SSRC())
	ka.Send.ROC, kb.Receive.ROC = 7, 7
	setKeys(t, a, ka)
	setKeys(t, b, kb)
	face(t, pcmu(), a, b)
	both(a, b, 1)
	if both(a, b, 2); a.ROC() != 7 || b.Snapshot().PacketsReceived != 2 {
		t.Fatalf("roll-over counter %d, %+v", a.ROC(), b.Snapshot())
	}
	ka, kb = keysFor(keying.AESCM128SHA1x80, 1, a.SSRC(), b.SSRC()) // says 0 for both: wrong, and without effect
	setKeys(t, a, ka)
	setKeys(t, b, kb)
	both(a, b, 3)
	both(a, b, 4)
	nothingLost(t, "rekeyed", a, b)
	if a.ROC() != 7 || rolled(a) != 7 {
		t.Errorf("roll-over counter %d, %d in the library", a.ROC(), rolled(a))
	}
}

// TestAgreementKnowsOfAWrapThatWasNotHeard: more than half a turn of the sequence numbers got lost, so that what was heard misleads.
func TestAgreementKnowsOfAWrapThatWasNotHeard(t *testing.T) {
	for _, suite := range keying.Suites() {
		a, b := rekeyed(t, suite, false)
		a.out.sequence = 60000
		both(a, b, 1)
		both(a, b, 2)
		a.out.sequence, a.out.roc = 30000, 1
		a.counters.roc.Store(1)
		ka, kb := update(suite, 1, false, a, b)
		readyKeys(t, b, kb)
		setKeys(t, a, ka)
		for i := codec.Tick(3); i < 10; i++ {
			both(a, b, i)
		}
		b.drainAll(10)
		if n := b.Snapshot(); n.PacketsReceived != 9 || n.AuthFailed+n.Replayed != 0 {
			t.Errorf("%s: %d received, %d failed, %d replayed", suite, n.PacketsReceived, n.AuthFailed, n.Replayed)
		}
	}
}

// TestControlIndexOutlivesTheKeys: RFC 3711 section 3.4.
func TestControlIndexOutlivesTheKeys(t *testing.T) {
	a, b := rekeyed(t, keying.AESCM128SHA1x80, true)
	both(a, b, 1)
	for range 5 {
		a.sendReport(false)
	}
	ka, kb := update(keying.AEADAES256GCM, 1, true, a, b)
	readyKeys(t, b, kb)
	setKeys(t, a, ka)
	a.Next(2)
	a.sendReport(false)
	if index, ok := a.keys.sending.send.Index(a.SSRC()); !ok || index != 6 {
		t.Errorf("index %d after six packets", index)
	}
	if b.Next(2); b.Snapshot().RTCPReceived != 6 || b.Snapshot().AuthFailed != 0 {
		t.Errorf("%+v", b.Snapshot())
	}
}

func TestKeyPacketsAreThoseOfTheRunningKeys(t *testing.T) {
	a, b := rekeyed(t, keying.AEADAES256GCM, false)
	if n := open(t).Snapshot().KeyPackets; n != 0 {
		t.Errorf("%d without keys", n)
	}
	for i := range 50 {
		a.Next(codec.Tick(i))
		for range 3 {
			a.Send(codec.Tick(i), codec.Packet{Payload: frameOf(i, 160)})
		}
		b.Next(codec.Tick(i))
	}
	if n, m := a.Snapshot().KeyPackets, b.Snapshot().KeyPackets; n != 150 || m != 150 {
		t.Errorf("%d sent, %d received", n, m)
	}
	ka, kb := update(keying.AEADAES256GCM, 1, false, a, b)
	readyKeys(t, b, kb)
	both(a, b, 50) // b still hears the old keys, and they are the running ones
	if n := b.Snapshot().KeyPackets; n != 151 {
		t.Errorf("%d before the switch", n)
	}
	b.SwitchKeys()
	b.Next(51)
	a.Send(51, codec.Packet{Payload: frameOf(0, 160)})
	b.Next(52)
	if n := b.Snapshot(); n.KeyPackets != 0 || n.UnderOld != 1 {
		t.Errorf("%d after the switch, %d under old keys", n.KeyPackets, n.UnderOld)
	}
	setKeys(t, a, ka)
	for i := 53; i < 60; i++ {
		both(a, b, codec.Tick(i))
	}
	if n := b.Snapshot(); n.KeyPackets != 7 || n.Rekeys != 1 {
		t.Errorf("%d under the new keys, %d rekeys", n.KeyPackets, n.Rekeys)
	}
}

// TestNoKeyReturns: neither one direction of, nor the whole of, what was given before; also while it is still alive.
func TestNoKeyReturns(t *testing.T) {
	a, b := rekeyed(t, keying.AEADAES256GCM, false)
	first, _ := update(keying.AEADAES256GCM, 0, false, a, b)
	second, _ := update(keying.AEADAES256GCM, 1, false, a, b)
	third, _ := update(keying.AEADAES256GCM, 2, false, a, b)
	a.Next(1)
	readyKeys(t, a, second)
	a.Next(2)
	running := a.keys
	readyKeys(t, a, second)
	mixed := third
	mixed.Send = first.Send
	half := third
	half.Receive = first.Receive
	newest := third
	newest.Send = second.Send
	for name, k := range map[string]keying.Keys{"older": first, "older send": mixed, "older receive": half, "newest send": newest} {
		if err := errors.Join(a.SetKeys(k), a.ReadyKeys(k)); !errors.Is(err, ErrKeyReuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.Next(3); a.keys.alive != running.alive || a.keys.sending != running.sending {
		t.Error("refused keys changed the running ones")
	}
	setKeys(t, a, third)
	a.Next(4)
	if err := a.SetKeys(second); !errors.Is(err, ErrKeyReuse) {
		t.Errorf("the keys before the last: %v", err)
	}
}
