package codec

import (
	"bytes"
	"testing"
)

// Packets brought to any length decode to the same samples as before, and hold nothing in their padding.
func TestRepackedPacketsSoundTheSame(t *testing.T) {
	for _, f := range []Format{{Codec: Opus, Rate: 48000}, {Codec: Opus, Rate: 48000, Bitrate: 24000, Mode: ModeVoIP}} {
		e, err := NewEncoder(f, 48000)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := NewDecoder(f, 48000)
		b, _ := NewDecoder(f, 48000)
		pcm, want, got, packet := make([]int16, 960), make([]int16, 960), make([]int16, 960), make([]byte, f.FrameSize())
		for k := range 60 {
			for i := range pcm {
				pcm[i] = int16((k*i*7919)%9000 - 4500)
			}
			n, err := e.Encode(pcm, packet)
			if err != nil {
				t.Fatal(err)
			}
			celt, ok := Single(packet[:n])
			if !ok || celt != (f.Mode == ModeCELT) {
				t.Fatalf("mode %d: celt %v, single %v", f.Mode, celt, ok)
			}
			size := n + k*10
			again := Repack(make([]byte, 0, 1275), packet[:n], size)
			if len(again) != size {
				t.Fatalf("%d octets, want %d", len(again), size)
			}
			_ = a.Decode(Frame{Kind: Voice, Payload: packet[:n]}, want)
			if err := b.Decode(Frame{Kind: Voice, Payload: again}, got); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if want[i] != got[i] {
					t.Fatalf("padded to %d octets sample %d is %d, want %d", size, i, got[i], want[i])
				}
			}
			// And back: padding is taken off again.
			_, frame := split(packet[:n])
			if back := Repack(make([]byte, 0, 1275), again, 1+len(frame)); back == nil || !bytes.Equal(back[1:], frame) {
				t.Fatal("the padding does not come off again")
			}
		}
	}
}

func TestRepackRefuses(t *testing.T) {
	celt := byte(31 << 3)
	for name, p := range map[string][]byte{
		"nothing": nil, "no frame": {celt}, "two frames": {celt | 1, 1, 2}, "two of three": {celt | 3, 2, 1, 1},
		"padding longer than it": {celt | 3, 0x41, 9, 1, 2}, "endless padding": {celt | 3, 0x41, 255, 255},
		"padding and no frame": {celt | 3, 0x41, 2, 0, 0},
	} {
		if out := Repack(make([]byte, 0, 100), p, 80); out != nil {
			t.Errorf("%s: %x", name, out)
		}
		if _, ok := Single(p); ok {
			t.Errorf("%s: taken for one frame", name)
		}
	}
	long := append([]byte{celt}, make([]byte, 90)...)
	if Repack(make([]byte, 0, 100), long, 80) != nil {
		t.Error("a frame that does not fit was cut")
	}
	for name, toc := range map[string]byte{"stereo": celt | 4, "10 ms": 30 << 3, "60 ms": 3 << 3} {
		if _, ok := Single([]byte{toc, 1, 2, 3}); ok {
			t.Errorf("%s: taken for a mono frame of 20 ms", name)
		}
	}
}

func FuzzRepack(f *testing.F) {
	f.Add([]byte{31 << 3, 1, 2, 3}, 80)
	f.Add([]byte{31<<3 | 3, 0x41, 1, 7, 0}, 4)
	f.Add([]byte{31<<3 | 3, 1, 7}, 400)
	f.Fuzz(func(t *testing.T, payload []byte, size int) {
		out := Repack(make([]byte, 0, 1275), payload, size)
		if out == nil {
			return
		}
		_, was := split(payload)
		toc, is := split(out)
		if len(out) != size || toc != payload[0]&^3 || !bytes.Equal(was, is) {
			t.Fatalf("%x repacked to %d octets is %x", payload, size, out)
		}
	})
}
