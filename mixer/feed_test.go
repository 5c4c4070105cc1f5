package mixer

import (
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

func TestWarmthKeepsTheLastPacketsAndPlaysTheNewestLast(t *testing.T) {
	d, err := codec.NewDecoder(l16, 8000)
	if err != nil {
		t.Fatal(err)
	}
	var w warmth
	pcm := make([]int16, 160)
	level := func(v int16) []byte {
		frame := make([]int16, 120) // 15 ms, within warmOctets
		for i := range frame {
			frame[i] = v
		}
		return l16Payload(frame)
	}
	for v := range int16(2*warmPackets + 1) {
		w.keep(level(100 * v))
	}
	if w.n != warmPackets {
		t.Fatalf("%d packets kept, want %d", w.n, warmPackets)
	}
	for i := range warmPackets {
		at := (w.next + i) % warmPackets
		if want := level(int16(100 * (warmPackets + 1 + i))); string(w.packets[at]) != string(want) {
			t.Errorf("packet %d from the oldest is not the one sent then", i)
		}
	}
	w.play(d, pcm)
	if w.n != 0 {
		t.Error("played packets are still kept")
	}
	if n := testing.AllocsPerRun(10, func() { w.keep(pcmBytes) }); n != 0 {
		t.Errorf("%.0f allocations per kept packet", n)
	}
	w.keep(make([]byte, warmOctets+1))
	if w.n != 0 {
		t.Error("packets from before one that could not be kept are still there")
	}
}

var pcmBytes = make([]byte, 80)

// Speech in SILK is told by its voice flag: what came before it is decoded only then, to warm the decoder.
func TestVoiceFlagWakesTheDecoder(t *testing.T) {
	payload := make([]byte, 60)
	payload[0] = 9 << tocConfig // SILK wideband, 20 ms
	for i := range payload[2:] {
		payload[2+i] = byte(37 * i)
	}
	r := newTable(t, RoomConfig{Mixing: true})
	s := r.sit(&fakePort{format: opusCELT, next: always(payload)})
	r.run(10)
	if n := r.pool.Stats().Decodes; n != 0 {
		t.Fatalf("%d frames decoded that hold no voice", n)
	}
	if n := s.feeds[0].warm.n; n != warmPackets {
		t.Fatalf("%d packets kept, want %d", n, warmPackets)
	}
	payload[1] = flagVoiceBit
	r.run(1)
	if r.pool.Stats().Decodes != warmPackets+1 || s.feeds[0].warm.n != 0 {
		t.Errorf("%d frames decoded, %d still kept; want %d and 0", r.pool.Stats().Decodes, s.feeds[0].warm.n, warmPackets+1)
	}
}

func TestImpossibleFormatIsTriedOnce(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	p := &fakePort{format: codec.Format{Codec: codec.PCMU, Rate: 44100}}
	r.sit(p)
	_, _, pcm := r.talkers(1, 3000)
	listener := &fakePort{format: l16}
	r.sit(listener)
	r.run(5)
	if p.sends != 0 {
		t.Errorf("%d packets of a format that does not exist", p.sends)
	}
	wantHeard(t, "listener", listener, pcm[0])
}
