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

func TestSampleCodecsOfAnyPtime(t *testing.T) {
	for _, name := range []string{"pcmu", "l16"} {
		for _, ms := range []int{10, 20, 30, 40, 60} {
			t.Run(fmt.Sprintf("%s/%dms", name, ms), func(t *testing.T) {
				d := newDeck(t, name)
				size := d.set.sampleSize
				samples := d.set.clock / 1000 * ms
				stream := make([]byte, 3*60*d.set.clock/1000*10*size) // a multiple of every ptime
				for i := range stream {
					stream[i] = byte(i*7 + i>>8)
				}
				var got []byte
				next := 0
				for tick := 0; len(got) < len(stream)-4*60*d.set.clock/1000*size; tick++ {
					// A packet arrives once its last sample was spoken.
					for (next+1)*samples <= (tick+1)*d.set.frame && (next+1)*samples*size <= len(stream) {
						d.add(codec.Tick(tick), next*samples, stream[next*samples*size:(next+1)*samples*size])
						next++
					}
					d.play.buffer.reclaim()
					f := d.play.next(d.set, codec.Tick(tick), &d.c)
					if f.Kind != codec.Voice {
						continue
					}
					if len(f.Payload) != d.set.frame*size {
						t.Fatalf("frame of %d octets", len(f.Payload))
					}
					got = append(got, f.Payload...)
				}
				at := bytes.Index(got, stream[8*d.set.frame*size:12*d.set.frame*size])
				if at < 0 {
					t.Fatal("the audio is not in the output")
				}
				rest := got[at:]
				if want := stream[8*d.set.frame*size:]; !bytes.HasPrefix(want, rest) {
					t.Error("samples missing or repeated after the first 160 ms")
				}
			})
		}
	}
}

func TestLongOpusPacketsAreHeld(t *testing.T) {
	for ms, toc := range map[int]byte{40: 0x50, 60: 0x58} { // SILK wideband
		d := newDeck(t, "opus")
		per := ms / 20
		got := ""
		for tick := range 6 * per {
			if tick%per == 0 {
				d.add(codec.Tick(tick), tick*960, append([]byte{toc}, frameOf(tick/per, 60)...))
			}
			d.play.buffer.reclaim()
			switch f := d.play.next(d.set, codec.Tick(tick), &d.c); f.Kind {
			case codec.Voice:
				got += "V"
			case codec.Held:
				got += "H"
			default:
				got += "x"
			}
		}
		if want := strings.Repeat("V"+strings.Repeat("H", per-1), 6); got != want {
			t.Errorf("%d ms: %s, want %s", ms, got, want)
		}
	}
}

func TestShortOpusPacketsAreJoined(t *testing.T) {
	for ms, toc := range map[int]byte{10: 0xf0, 5: 0xe8} { // CELT fullband, code 0
		d := newDeck(t, "opus")
		per := 20 / ms
		n := 0
		for tick := range 10 {
			for range per {
				d.add(codec.Tick(tick), n*48*ms, append([]byte{toc}, bytes.Repeat([]byte{byte(n)}, 20+n%9*40)...))
				n++
			}
			d.play.buffer.reclaim()
			f := d.play.next(d.set, codec.Tick(tick), &d.c)
			if tick == 0 {
				continue // the newest of the first pile begins
			}
			samples, err := codec.OpusDuration(f.Payload)
			if f.Kind != codec.Voice || err != nil || samples != 960 || f.Payload[0] != toc|3 {
				t.Fatalf("%d ms, tick %d: %v, %d samples, %v", ms, tick, f.Kind, samples, err)
			}
			first := byte(tick * per)
			size := 0
			for i := range per {
				size += 20 + (tick*per+i)%9*40
			}
			if tail := f.Payload[len(f.Payload)-size:]; tail[0] != first || tail[size-1] != first+byte(per-1) {
				t.Errorf("%d ms, tick %d: frames are not the ones that were sent", ms, tick)
			}
		}
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

// TestRestOfALongPacketIsPlayed: of a packet of 30 ms that comes when its first part was due already, the rest is played.
func TestRestOfALongPacketIsPlayed(t *testing.T) {
	d := newDeck(t, "pcmu")
	loud := bytes.Repeat([]byte{0x01}, 240)
	d.add(0, 0, loud)
	d.next(0)
	d.next(1)           // 10 ms of the first packet, then nothing
	d.add(2, 240, loud) // from 30 ms on
	if n := d.c.late.Load(); n != 0 {
		t.Fatalf("%d packets late, want none", n)
	}
	sound := 0
	for k := codec.Tick(2); k < 6; k++ {
		d.play.buffer.reclaim()
		for _, b := range d.play.next(d.set, k, &d.c).Payload {
			if b == 0x01 {
				sound++
			}
		}
	}
	if sound != 160 {
		t.Errorf("%d samples of the packet were played, want the last 160", sound)
	}
}
