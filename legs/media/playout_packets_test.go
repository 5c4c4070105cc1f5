package media

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

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
