package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conclave/conclave/mixer/codec"
)

// deck drives a playout without sockets.
type deck struct {
	t    testing.TB
	set  *settings
	play playout
	c    counters

	skipped uint64 // frames said to follow audio that was thrown away
}

func newDeck(t testing.TB, name string) *deck {
	t.Helper()
	set, err := prepare(Params{Codec: name, Remote: netip.MustParseAddrPort("127.0.0.1:4000"), RTCPMux: true, Receive: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &deck{t: t, set: set}
	d.play.init()
	return d
}

func (d *deck) add(t codec.Tick, ts int, payload []byte) {
	d.play.add(d.set, t, &header{timestamp: uint32(ts)}, payload, &d.c)
}

// next returns one letter per tick: the number of the frame, L lost, l lost with FEC, H held, dot silent.
func (d *deck) next(t codec.Tick) string {
	d.play.buffer.reclaim()
	f := d.play.next(d.set, t, &d.c)
	switch f.Kind {
	case codec.Voice:
		if f.Skipped {
			d.skipped++
		}
		n, _ := voice(f)
		return fmt.Sprint(n)
	case codec.Held:
		return "H"
	case codec.Lost:
		if f.Next != nil {
			return "l"
		}
		return "L"
	}
	return "."
}

// script plays arrivals[tick] = numbers of the 20 ms PCMU frames found then.
func (d *deck) script(arrivals [][]int) string {
	var out []string
	for t, found := range arrivals {
		for _, n := range found {
			d.add(codec.Tick(t), n*d.set.frame, frameOf(n, d.set.frame*d.set.sampleSize))
		}
		out = append(out, d.next(codec.Tick(t)))
	}
	return strings.Join(out, " ")
}

func TestPlayoutOrders(t *testing.T) {
	for _, tc := range []struct {
		name     string
		arrivals [][]int
		want     string
	}{
		{"steady", [][]int{{0}, {1}, {2}, {3}}, "0 1 2 3"},
		{"nothing yet", [][]int{{}, {}, {5}, {6}}, ". . 5 6"},
		{"pile at the start plays the newest", [][]int{{0, 1, 2, 3}, {4}, {5}}, "3 4 5"},
		{"loss", [][]int{{0}, {1}, {}, {3}, {4}}, "0 1 L 3 4"},
		{"one late packet is waited for from then on", [][]int{{0}, {1}, {}, {2, 3}, {4}, {5}, {6}}, "0 1 L 2 3 4 5"},
		{"duplicate", [][]int{{0}, {1}, {2, 2}, {3}}, "0 1 2 3"},
		{"sender stops", [][]int{{0}, {1}, {}, {}, {}, {}, {}, {}, {}}, "0 1 L L L L L . ."},
		{"talk spurt after a pause", [][]int{{0}, {}, {}, {}, {}, {}, {}, {7}, {8}}, "0 L L L L L . 7 8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := newDeck(t, "pcmu").script(tc.arrivals); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestReorderingWithinTheDelay(t *testing.T) {
	d := newDeck(t, "pcmu")
	d.script([][]int{{0}, {1}, {}, {2, 3}}) // learns to wait one tick
	got := ""
	for i, found := range [][]int{{5}, {4, 6}, {8}, {7, 9}, {10}} {
		for _, n := range found {
			d.add(codec.Tick(4+i), n*160, frameOf(n, 160))
		}
		got += d.next(codec.Tick(4+i)) + " "
	}
	if got != "3 4 5 L 7 " && got != "3 4 5 6 7 " {
		t.Errorf("got %s", got)
	}
}

func TestLostGivesTheNextPacketForFEC(t *testing.T) {
	d := newDeck(t, "opus")
	opus := func(n int) []byte { return append([]byte{0x78}, frameOf(n, 40)...) } // hybrid 20 ms
	d.add(0, 0, opus(0))
	d.next(0)
	d.play.base -= 960 // one tick of delay
	d.add(1, 960, opus(1))
	d.next(1)
	d.add(2, 2*960, opus(2))
	d.next(2)
	d.add(4, 4*960, opus(4))
	d.next(3)
	f := d.play.next(d.set, 4, &d.c)
	if f.Kind != codec.Lost || !bytes.Equal(f.Next, opus(4)) {
		t.Errorf("%v with %d octets for FEC", f.Kind, len(f.Next))
	}
	if f = d.play.next(d.set, 5, &d.c); f.Kind != codec.Voice || !bytes.Equal(f.Payload, opus(4)) {
		t.Errorf("then %v", f.Kind)
	}
}

func TestDelayGrowsWithJitterAndShrinksAfterIt(t *testing.T) {
	d := newDeck(t, "pcmu")
	tick, frames := codec.Tick(0), 0
	waiting := map[codec.Tick][]int{}
	run := func(ticks int, delay func(n int) int) (lost int) {
		for range ticks {
			due := tick + codec.Tick(delay(frames))
			waiting[due] = append(waiting[due], frames)
			frames++
			for _, n := range waiting[tick] {
				d.add(tick, n*160, frameOf(n, 160))
			}
			delete(waiting, tick)
			if strings.ContainsAny(d.next(tick), "Ll") {
				lost++
			}
			tick++
		}
		return lost
	}
	depth := func() int64 { return (d.play.delay.best - d.play.base) / 160 }
	run(200, func(int) int { return 0 })
	if depth() != 0 {
		t.Errorf("a steady stream is delayed by %d ticks", depth())
	}
	run(100, func(n int) int { return n % 4 }) // 0 to 60 ms
	if lost := run(400, func(n int) int { return n % 4 }); lost > 0 {
		t.Errorf("%d lost though the jitter was known", lost)
	}
	if depth() != 3 {
		t.Errorf("delay %d ticks under jitter of 3", depth())
	}
	run(1500, func(int) int { return 0 })
	if depth() != 0 {
		t.Errorf("%d ticks of delay are left long after the jitter", depth())
	}
	if n := d.c.discarded.Load(); n > 5 {
		t.Errorf("%d frames thrown away to get there", n)
	}
	if d.skipped != d.c.discarded.Load() {
		t.Errorf("%d frames thrown away, the decoder was told of %d", d.c.discarded.Load(), d.skipped)
	}
}

func TestOneSpikeInAHundredIsNotWorthDelay(t *testing.T) {
	d := newDeck(t, "pcmu")
	for i := range 1000 {
		late := i%200 == 199
		if late {
			d.next(codec.Tick(i))
			continue
		}
		if i%200 == 0 && i > 0 {
			d.add(codec.Tick(i), (i-1)*160, frameOf(i-1, 160))
		}
		d.add(codec.Tick(i), i*160, frameOf(i, 160))
		d.next(codec.Tick(i))
	}
	if depth := (d.play.delay.best - d.play.base) / 160; depth > 1 {
		t.Errorf("delay %d ticks", depth)
	}
}

func TestShrinkPrefersSilence(t *testing.T) {
	d := newDeck(t, "pcmu")
	quiet := bytes.Repeat([]byte{0xff}, 160)
	for i := range 100 {
		d.add(codec.Tick(i), i*160, frameOf(i, 160))
		d.next(codec.Tick(i))
	}
	d.play.base -= 3 * 160
	for i := 100; i < 110; i++ {
		d.add(codec.Tick(i), i*160, quiet)
		d.next(codec.Tick(i))
	}
	if depth := (d.play.delay.best - d.play.base) / 160; depth != 0 {
		t.Errorf("delay %d ticks after 200 ms of silence", depth)
	}
}

func TestTimestampsThatStartAnew(t *testing.T) {
	d := newDeck(t, "pcmu")
	out := d.script([][]int{{0}, {1}, {2}, {90000}, {90001}, {90002}, {90003}, {90004}})
	if want := "0 1 2 L L 90002 90003 90004"; out != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	d = newDeck(t, "pcmu") // a sender whose timestamps stand still in a pause
	arrivals := make([][]int, 60)
	arrivals[0], arrivals[1], arrivals[50], arrivals[51] = []int{0}, []int{1}, []int{2}, []int{3}
	if out := d.script(arrivals); !strings.HasSuffix(strings.TrimRight(out, " .L"), "2 3") {
		t.Errorf("got %s", out)
	}
}

func TestTicksThatWereMissedAreSkippedInTheAudio(t *testing.T) {
	d := newDeck(t, "pcmu")
	d.script([][]int{{0}, {1}, {2}})
	d.play.jumped = true
	for n := 3; n <= 8; n++ {
		d.add(8, n*160, frameOf(n, 160))
	}
	if got := d.next(8); got != "8" {
		t.Errorf("got %s", got)
	}
	if d.play.delay.best != d.play.base {
		t.Error("the pause was taken for jitter")
	}
}

func TestPlayoutProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"pcmu", "opus", "l16"}).Draw(t, "codec")
		set, err := prepare(Params{Codec: name, Remote: netip.MustParseAddrPort("127.0.0.1:4000"), RTCPMux: true})
		if err != nil {
			t.Fatal(err)
		}
		p, c := &playout{}, &counters{}
		p.init()
		tick, sent, added := codec.Tick(rapid.Uint64Range(0, 1<<40).Draw(t, "start")), 0, 0
		last := -1
		for range rapid.IntRange(1, 300).Draw(t, "ticks") {
			p.buffer.reclaim()
			for range rapid.IntRange(0, 4).Draw(t, "packets") {
				n := max(sent+rapid.IntRange(-6, 2).Draw(t, "shift"), 0)
				sent++
				payload := frameOf(n, set.frame*max(set.sampleSize, 1))
				if set.sampleSize == 0 {
					payload = append([]byte{0xf8}, frameOf(n, 40)...)
				}
				added++
				p.add(set, tick, &header{timestamp: uint32(n * set.frame)}, payload, c)
			}
			f := p.next(set, tick, c)
			if f.Kind == codec.Voice {
				if set.sampleSize == 0 {
					f.Payload = f.Payload[1:]
				}
				if n, _ := voice(f); n <= last && p.misfits == 0 && p.began != tick {
					t.Fatalf("frame %d after %d", n, last)
				} else {
					last = n
				}
			}
			if p.buffer.n > bufferPackets || len(p.buffer.free) > bufferPackets {
				t.Fatalf("%d slots, %d buffers", p.buffer.n, len(p.buffer.free))
			}
			tick++
		}
	})
}

// TestPauseIsNoLoss: after comfort noise, an event, or the short packet that ends an Opus spurt (DTX), what does not come is not missing;
// before it, and once the sender spoke again, it is.
func TestPauseIsNoLoss(t *testing.T) {
	pauses := map[string]func(d *deck, tick codec.Tick, at int){
		"comfort noise": func(d *deck, tick codec.Tick, at int) {
			d.play.pause(tick, &header{timestamp: uint32(at)}, int64(d.set.frame))
		},
		"event of another clock": func(d *deck, tick codec.Tick, _ int) {
			d.play.pause(tick, &header{timestamp: 0x7fff0000}, int64(d.set.frame))
		},
		"DTX": func(d *deck, tick codec.Tick, at int) { d.add(tick, at, []byte{0xf8}) },
	}
	for name, pause := range pauses {
		t.Run(name, func(t *testing.T) {
			d := newDeck(t, "opus")
			say := func(n int) { d.add(codec.Tick(n), n*960, append([]byte{0xf8}, frameOf(n, 40)...)) }
			lost := func(from, to int) (n int) {
				for k := from; k < to; k++ {
					if s := d.next(codec.Tick(k)); s == "L" || s == "l" {
						n++
					}
				}
				return n
			}
			say(0)
			say(1)
			if n := lost(0, 3); n != 2-1 {
				t.Errorf("%d ticks concealed before the pause, want the one that is missing", n)
			}
			pause(d, 3, 3*960)
			if n := lost(3, 30); n != 0 {
				t.Errorf("%d ticks concealed in the pause", n)
			}
			say(30)
			if n := lost(30, 33); n != 2 {
				t.Errorf("%d ticks concealed after the sender spoke again, want 2", n)
			}
		})
	}
}
