package mixer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/mixer/codec"
)

func wantHeard(t *testing.T, who string, p *fakePort, want []int16) {
	t.Helper()
	if diff := cmp.Diff(want, p.samples()); diff != "" {
		t.Errorf("%s heard (-want +got):\n%.400s", who, diff)
	}
}

func TestEverybodyHearsEverybodyButHimself(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, ports, pcm := r.talkers(3, 3000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	for range 5 {
		r.run(1)
		wantHeard(t, "listener", listener, sumOf(pcm...))
		wantHeard(t, "seat 0", ports[0], sumOf(pcm[1], pcm[2]))
		wantHeard(t, "seat 1", ports[1], sumOf(pcm[0], pcm[2]))
		wantHeard(t, "seat 2", ports[2], sumOf(pcm[0], pcm[1]))
	}
}

func TestSoleSpeakerIsSentCachedSilence(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, ports, pcm := r.talkers(1, 3000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(10)
	if ports[0].silent != 10 {
		t.Errorf("speaker was sent %d silent packets, want 10", ports[0].silent)
	}
	wantHeard(t, "listener", listener, pcm[0])
}

func TestMuteFadesWithinOneTickAndComesBack(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, _, pcm := r.talkers(1, 3000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(3)
	seats[0].SetMuted(true)
	r.run(1)
	if got := listener.samples(); got[159] != 0 {
		t.Errorf("last sample of the fade = %d, want 0", got[159])
	}
	r.run(1)
	wantHeard(t, "listener", listener, make([]int16, 160))
	if seats[0].Speaking() {
		t.Error("a muted seat speaks")
	}
	seats[0].SetMuted(false)
	r.run(1)
	wantHeard(t, "listener", listener, pcm[0])
}

func TestMutedSeatIsNeverHeardNorDecoded(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, _, _ := r.talkers(1, 3000)
	seats[0].SetMuted(true)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(5)
	if listener.silent != 5 {
		t.Errorf("listener was sent %d silent packets, want 5", listener.silent)
	}
	if n := r.pool.Stats().Decodes; n != 0 {
		t.Errorf("%d frames decoded, want none", n)
	}
}

func TestDeafSeatIsSentSilence(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 3000)
	seats[0].SetDeaf(true)
	r.run(3)
	if ports[0].silent != 3 {
		t.Errorf("deaf seat was sent %d silent packets, want 3", ports[0].silent)
	}
	wantHeard(t, "the other", ports[1], pcm[0])
	seats[0].SetDeaf(false)
	r.run(1)
	wantHeard(t, "the one no longer deaf", ports[0], pcm[1])
}

func TestGainIsHeardByOthersOnly(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	seats, ports, pcm := r.talkers(2, 3000)
	seats[0].SetGain(-6.020599913) // one half
	r.run(1)
	want := make([]int16, 160)
	for i, v := range pcm[0] {
		want[i] = v / 2
	}
	wantHeard(t, "the other", ports[1], want)
	wantHeard(t, "the seat itself", ports[0], pcm[1])
	seats[0].SetGain(0)
	r.run(2) // one tick of ramp
	wantHeard(t, "the other at unity", ports[1], pcm[0])
}

func TestLoudSumIsLimitedAndMinusBusIsExact(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, ports, pcm := r.talkers(2, 30000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(3)
	wantHeard(t, "seat 0", ports[0], pcm[1])
	wantHeard(t, "seat 1", ports[1], pcm[0])
	got := listener.samples()
	for i := range got {
		full := int(pcm[0][i]) + int(pcm[1][i])
		if full*int(got[i]) < 0 {
			t.Fatalf("sample %d wrapped: sum %d became %d", i, full, got[i])
		}
	}
}

func TestJoinAndLeaveTakeEffectBetweenTicks(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, _, pcm := r.talkers(1, 2000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(2)
	seats, ports, more := r.talkers(1, 1500)
	r.run(1)
	wantHeard(t, "listener", listener, sumOf(pcm[0], more[0]))
	done := seats[0].Leave()
	select {
	case <-done:
		t.Fatal("left before the next tick")
	default:
	}
	r.run(1)
	<-done
	wantHeard(t, "listener", listener, pcm[0])
	before := ports[0].nexts + ports[0].sends
	r.run(2)
	if after := ports[0].nexts + ports[0].sends; after != before {
		t.Errorf("port was touched %d times after its seat left", after-before)
	}
}

func TestOneEncodingPerBusAndFormat(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	r.talkers(2, 3000)
	var listeners []*fakePort
	for _, f := range []codec.Format{l16, l16, l16, pcmu, pcmu} {
		p := &fakePort{format: f}
		listeners = append(listeners, p)
		r.sit(p)
	}
	r.run(3)
	before := r.pool.Stats()
	r.run(10)
	after := r.pool.Stats()
	// L16 and PCMU of the full bus, L16 of two minus buses.
	if got := after.Encodes - before.Encodes; got != 40 {
		t.Errorf("%d encodings in ten ticks, want 40", got)
	}
	if got := after.Decodes - before.Decodes; got != 20 {
		t.Errorf("%d decodings in ten ticks, want 20", got)
	}
	if listeners[0].first != listeners[1].first || listeners[3].first != listeners[4].first {
		t.Error("listeners of one format were sent different encodings")
	}
}

func TestLobbyDrainsAndSendsNothing(t *testing.T) {
	r := newTable(t, RoomConfig{})
	_, ports, _ := r.talkers(2, 3000)
	r.run(5)
	for i, p := range ports {
		if p.nexts != 5 || p.sends != 0 {
			t.Errorf("port %d: %d times Next and %d times Send, want 5 and 0", i, p.nexts, p.sends)
		}
	}
}

func TestUnconfiguredPortIsDrainedOnly(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	_, _, pcm := r.talkers(1, 3000)
	p := &fakePort{}
	r.sit(p)
	r.run(3)
	if p.nexts != 3 || p.sends != 0 {
		t.Errorf("%d times Next and %d times Send, want 3 and 0", p.nexts, p.sends)
	}
	p.format = l16
	r.run(1)
	wantHeard(t, "the port once configured", p, pcm[0])
}

func TestMixRateFollowsTheMembers(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	r.talkers(1, 3000)
	r.run(1)
	if r.rate != 8000 {
		t.Fatalf("rate = %d, want 8000", r.rate)
	}
	wide, next := voiceAt(320, 9, 3000)
	a, b := &fakePort{format: l16wide, next: next}, &fakePort{format: l16wide}
	sa := r.sit(a)
	sb := r.sit(b)
	r.run(1)
	if r.rate != 16000 {
		t.Fatalf("rate = %d, want 16000", r.rate)
	}
	if len(b.samples()) != 320 || len(wide) != 320 {
		t.Errorf("wide listener was sent %d samples, want 320", len(b.samples()))
	}
	sa.Leave()
	sb.Leave()
	r.run(2)
	if r.rate != 16000 {
		t.Error("the rate fell at once")
	}
	r.run(rateHold + 2)
	if r.rate != 8000 {
		t.Errorf("rate = %d a while after the last wide member left, want 8000", r.rate)
	}
}
