package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

func opusWithFEC() Params {
	return Params{Codec: "opus", PT: 96, RTCPMux: true, Send: true, Receive: true, FEC: true}
}

// TestModeFollowsReports: one report each 5 s; the letter is the mode after it, C or S.
func TestModeFollowsReports(t *testing.T) {
	for _, tc := range []struct {
		name    string
		reports []uint8
		want    string
	}{
		{"no loss", []uint8{0, 0, 0}, "CCC"},
		{"a little loss", []uint8{4, 4, 4, 4}, "CCCC"},
		{"one bad report is chance", []uint8{40, 0, 40, 4, 40}, "CCCCC"},
		{"loss that stays", []uint8{5, 5, 5}, "CSS"},
		{"gone for 30 s", []uint8{9, 9, 1, 0, 1, 0, 1, 0, 0}, "CSSSSSSCC"},
		{"comes again in time", []uint8{9, 9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0}, "CSSSSSSSSSSSC"},
		{"and again after it", []uint8{9, 9, 0, 0, 0, 0, 0, 0, 9, 0, 9, 9}, "CSSSSSSCCCCS"},
	} {
		var o outward
		got, was := "", false
		for i, fraction := range tc.reports {
			changed := o.report(fraction, codec.Tick(1000+i*5*ticksPerSecond))
			if changed != (o.fec != was) {
				t.Errorf("%s, report %d: changed %v", tc.name, i, changed)
			}
			was = o.fec
			got += map[bool]string{false: "C", true: "S"}[o.fec]
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestReportsInQuickSuccessionAreOne(t *testing.T) {
	var o outward
	for t0 := range codec.Tick(lossReportGap) {
		if o.report(255, t0) {
			t.Fatalf("changed by a flood of reports, %d ticks after the first", t0)
		}
	}
	if !o.report(255, lossReportGap) {
		t.Error("the next one in time does not count")
	}
	o.heard = 1 << 40 // tick numbers that began anew
	if o.report(0, 5) || o.heard != 5 {
		t.Error("reports of new tick numbers are passed over")
	}
}

// report is a receiver report of the talker's, encrypted.
func (k *talker) report(blocks ...rtcp.ReceptionReport) []byte {
	rr, err := (&rtcp.ReceiverReport{SSRC: k.ssrc, Reports: blocks}).Marshal()
	if err != nil {
		k.t.Fatal(err)
	}
	sealed, err := k.ctx.EncryptRTCP(nil, rr, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return sealed
}

// reportLoss sends one about a stream.
func (k *talker) reportLoss(about uint32, fraction uint8) {
	k.write(k.report(rtcp.ReceptionReport{SSRC: about, FractionLost: fraction}))
}

// TestLossChangesTheFormat: the reports of the peer, and of nobody else, about our stream, and no other, and only where the peer said
// that it makes use of FEC.
func TestLossChangesTheFormat(t *testing.T) {
	celt := codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}
	silk := celt
	silk.Mode = codec.ModeVoIP
	without, narrow := opusWithFEC(), pcmu()
	without.FEC, narrow.FEC = false, true
	for _, tc := range []struct {
		name   string
		params Params
		report func(k *talker, s *Stream)
		want   codec.Format
	}{
		{"the peer's", opusWithFEC(), func(k *talker, s *Stream) { k.reportLoss(s.SSRC(), 26) }, silk},
		{"of little loss", opusWithFEC(), func(k *talker, s *Stream) { k.reportLoss(s.SSRC(), 3) }, celt},
		{"about another stream", opusWithFEC(), func(k *talker, s *Stream) { k.reportLoss(s.SSRC()+1, 26) }, celt},
		{"in the clear", opusWithFEC(), func(k *talker, s *Stream) {
			rr, err := (&rtcp.ReceiverReport{SSRC: k.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: s.SSRC(), FractionLost: 26}}}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			k.write(append(rr, make([]byte, 32)...))
		}, celt},
		{"to no use", without, func(k *talker, s *Stream) { k.reportLoss(s.SSRC(), 26) }, celt},
		{"of another codec", narrow, func(k *talker, s *Stream) { k.reportLoss(s.SSRC(), 26) }, codec.Format{Codec: codec.PCMU, Rate: 8000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, s := newTalker(t, keying.AEADAES256GCM, tc.params, true)
			k.write(k.seal(k.plain(0, 0, make([]byte, 80))))
			s.Next(0)
			before := s.Format()
			tick := codec.Tick(0)
			for range lossReports {
				tc.report(k, s)
				tick += 5 * ticksPerSecond
				s.Next(tick)
			}
			if got := s.Format(); got != tc.want || s.Snapshot().FEC != (got.Mode == codec.ModeVoIP) {
				t.Errorf("%v, FEC %v, want %v", got, s.Snapshot().FEC, tc.want)
			}
			if before.FrameSize() != s.Format().FrameSize() {
				t.Errorf("packets of %d octets, then of %d: their length tells of the loss", before.FrameSize(), s.Format().FrameSize())
			}
			configure(t, s, tc.params) // a re-INVITE that changes nothing
			if s.Next(tick + 1); s.Format() != tc.want {
				t.Errorf("after a refresh %v", s.Format())
			}
			off := tc.params
			off.FEC = false
			configure(t, s, off)
			if s.Next(tick + 2); s.Format() != before {
				t.Errorf("without FEC in the answer %v", s.Format())
			}
		})
	}
}

// TestLossOnTheWayBringsFEC: two streams, one of which loses packets; the reports are their own. The one whose packets get lost, and
// only that one, changes over, and back after the loss.
func TestLossOnTheWayBringsFEC(t *testing.T) {
	a, b, clock := clockedPair(t, keying.AESCM128SHA1x80, opusWithFEC())
	var sizes [2]int
	encoders := map[codec.Mode]*codec.Encoder{}
	pcm, coded := make([]int16, 960), make([]byte, codec.MaxFrameSize)
	say := func(s *Stream, tick codec.Tick) {
		f := s.Format()
		if encoders[f.Mode] == nil {
			e, err := codec.NewEncoder(f, 48000)
			if err != nil {
				t.Fatal(err)
			}
			encoders[f.Mode] = e
		}
		n, err := encoders[f.Mode].Encode(pcm, coded)
		if err != nil {
			t.Fatal(err)
		}
		sizes[f.Mode] = n
		s.Send(tick, codec.Packet{Payload: coded[:n]})
	}
	var began, ended codec.Tick
	for tick := range codec.Tick(100 * ticksPerSecond) {
		a.Next(tick)
		if tick < 30*ticksPerSecond && tick%20 == 7 {
			a.out.sequence++ // lost on the way
		}
		say(a, tick)
		clock.at = clock.at.Add(tickMS * time.Millisecond)
		b.Next(tick)
		say(b, tick)
		switch fec := a.Format().Mode == codec.ModeVoIP; {
		case fec && began == 0:
			began = tick
		case !fec && began > 0 && ended == 0:
			ended = tick
		}
		if b.Format().Mode != codec.ModeCELT {
			t.Fatalf("tick %d: FEC towards the one who loses nothing", tick)
		}
	}
	t.Logf("FEC from %d s to %d s, loss until 30 s", began/ticksPerSecond, ended/ticksPerSecond)
	if began == 0 || began > 20*ticksPerSecond {
		t.Errorf("FEC from tick %d", began)
	}
	if ended < 50*ticksPerSecond || ended > 90*ticksPerSecond {
		t.Errorf("FEC until tick %d", ended)
	}
	if sizes[0] != sizes[1] {
		t.Errorf("packets of %d and %d octets", sizes[0], sizes[1])
	}
}
