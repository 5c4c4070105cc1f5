package loadtest

import (
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/mixer/codec"
)

var swarmFormats = []codec.Format{
	{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate},
	{Codec: codec.PCMU, Rate: 8000}, {Codec: codec.PCMA, Rate: 8000}, {Codec: codec.L16, Rate: 16000},
}

// stroke is what a talker does from a tick on.
type stroke struct {
	tick int
	at   level
	mark bool
}

// perform plays a reel by a score and decodes it, all of it or what tapes keep of it.
func perform(t *testing.T, r *reel, score []stroke, ticks int, hear func(tick int, payload []byte)) {
	t.Helper()
	d, now := deck{reel: r}, stroke{}
	for tick := range ticks {
		mark := false
		for _, s := range score {
			if s.tick == tick {
				now, mark = s, s.mark
			}
		}
		frame := d.next(now.at, mark)
		if len(frame) == 0 {
			t.Fatalf("tick %d: nothing to say at level %d", tick, now.at)
		}
		hear(tick, frame)
	}
}

// TestReelIsHeard: at every level a talker is heard as he would be live, whenever the levels change, and marks are found.
func TestReelIsHeard(t *testing.T) {
	const talker = 77
	for _, f := range swarmFormats {
		for _, c := range []struct {
			name    string
			chorus  bool
			score   []stroke
			windows map[int]level // by the tick at which the ear opens
		}{
			{"turns", false, []stroke{{5, loud, false}, {105, silent, false}, {317, loud, false}}, map[int]level{15: loud, 70: loud, 170: silent, 330: loud, 390: loud}},
			{"chorus", true, []stroke{{0, low, false}, {87, loud, false}, {203, low, false}}, map[int]level{20: low, 60: low, 100: loud, 160: loud, 220: low, 300: low}},
		} {
			r, err := newReel(talker, f, c.chorus)
			if err != nil {
				t.Fatal(err)
			}
			dec, err := codec.NewDecoder(f, swarmRate)
			if err != nil {
				t.Fatal(err)
			}
			ear, pcm, open, judged := sound.NewEar(swarmRate), make([]int16, swarmRate/ticksPerSecond), level(0), 0
			perform(t, r, c.score, 450, func(tick int, payload []byte) {
				if err := dec.Decode(codec.Frame{Kind: codec.Voice, Payload: payload}, pcm); err != nil {
					t.Fatal(err)
				}
				if want, ok := c.windows[tick]; ok {
					open = want
					ear.Open()
				}
				if !ear.Listen(pcm) {
					return
				}
				judged++
				h := ear.Heard()
				db := h.TalkerDB(talker)
				j := h.Judge([]int{talker}, -1)
				switch {
				case len(j.Foreign) > 0:
					t.Errorf("%s, %s: at tick %d foreign tones %v", f.Codec, c.name, tick, j.Foreign)
				case open == loud && (db < -1 || db > 1), open == low && (db < -13 || db > -11), open == silent && h.LevelDB > -70:
					t.Errorf("%s, %s: at tick %d level %d is heard at %.1f dB, all at %.1f dBFS", f.Codec, c.name, tick, open, db, h.LevelDB)
				}
			})
			if judged != len(c.windows) {
				t.Errorf("%s, %s: %d windows judged", f.Codec, c.name, judged)
			}
		}
	}
}

// TestMarkOnReel: a mark begins with the frame that is said to hold it, wherever in a strip it comes.
func TestMarkOnReel(t *testing.T) {
	for _, f := range swarmFormats {
		r, err := newReel(12, f, false)
		if err != nil {
			t.Fatal(err)
		}
		for at := 60; at < 110; at += 7 {
			begin := newTape(f, 0, stopwatchTicks)
			perform(t, r, []stroke{{0, loud, false}, {at, loud, true}}, at+60, func(tick int, payload []byte) {
				if tick > at-5-leadTicks && len(begin.frames) < cap(begin.frames) {
					begin.add(0, 0, codec.Frame{Kind: codec.Voice, Payload: payload})
				}
			})
			watch := sound.NewStopwatch(swarmRate, stopwatchSpan)
			watch.Start()
			if err := begin.play(make([]int16, swarmRate/ticksPerSecond), watch.Listen); err != nil {
				t.Fatal(err)
			}
			after, ok := watch.Found()
			if late := after - 4*tickLength; !ok || late < -time.Millisecond || late > 8*time.Millisecond {
				t.Errorf("%s: the mark at tick %d was found %v late (%v)", f.Codec, at, late, ok)
			}
		}
	}
}

// TestTapeHearsWhatACallHears: the frames before a window bring a fresh decoder to where one is that heard the whole call.
func TestTapeHearsWhatACallHears(t *testing.T) {
	for _, f := range swarmFormats {
		r, err := newReel(140, f, false)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := codec.NewDecoder(f, swarmRate)
		if err != nil {
			t.Fatal(err)
		}
		pcm, live := make([]int16, swarmRate/ticksPerSecond), []int16(nil)
		const begin = 90
		tape := newTape(f, 3, earTicks)
		perform(t, r, []stroke{{0, loud, false}}, begin+leadTicks+earTicks, func(tick int, payload []byte) {
			frame := codec.Frame{Kind: codec.Voice, Payload: payload}
			if tick == begin+leadTicks+5 {
				frame = codec.Frame{Kind: codec.Lost, Next: payload}
			}
			if err := dec.Decode(frame, pcm); err != nil {
				t.Fatal(err)
			}
			if tick >= begin+leadTicks {
				live = append(live, pcm...)
			}
			if full := tick >= begin && tape.add(time.Duration(tick)*tickLength, time.Second, frame); full != (tick == begin+leadTicks+earTicks-1) {
				t.Errorf("%s: full at tick %d: %v", f.Codec, tick, full)
			}
		})
		var taped []int16
		if err := tape.play(pcm, func(pcm []int16) bool { taped = append(taped, pcm...); return false }); err != nil {
			t.Fatal(err)
		}
		worst := 0
		for i := range live {
			worst = max(worst, int(live[i])-int(taped[i]), int(taped[i])-int(live[i]))
		}
		if len(taped) != len(live) || worst > 8 {
			t.Errorf("%s: %d samples of %d, at most %d apart", f.Codec, len(taped), len(live), worst)
		}
		if came, ok := tape.arrivedAt(30 * time.Millisecond); tape.from != (begin+leadTicks)*tickLength || tape.to != tape.from+sound.Window || came != time.Second || !ok {
			t.Errorf("%s: window from %v, packet at %v", f.Codec, tape.from, came)
		}
		if _, ok := tape.arrivedAt(sound.Window); ok {
			t.Errorf("%s: a packet beyond the end", f.Codec)
		}
	}
}

// TestSpeakingAndListeningAreCheap: between windows a caller allocates nothing.
func TestSpeakingAndListeningAreCheap(t *testing.T) {
	r, err := newReel(3, swarmFormats[1], false)
	if err != nil {
		t.Fatal(err)
	}
	d := deck{reel: r}
	if n := testing.AllocsPerRun(200, func() { d.next(loud, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
