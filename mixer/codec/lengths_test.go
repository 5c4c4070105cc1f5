package codec

import (
	"math"
	"testing"

	"github.com/hraban/opus"
)

// TestLongPackets sends packets of two and three frames; the ticks in between are Held.
func TestLongPackets(t *testing.T) {
	for _, f := range []Format{pcmu, l16wide} {
		for _, frames := range []int{2, 3, 6} {
			e, d := make2(t, f, f.Rate)
			pcm, dst := make([]int16, f.Rate/50), make([]byte, MaxFrameSize)
			var packet []byte
			var said, heard []int16
			for n := range 12 {
				tone(pcm, f.Rate, 500, 8000, n*len(pcm))
				size, err := e.Encode(pcm, dst)
				if err != nil {
					t.Fatal(err)
				}
				packet = append(packet, dst[:size]...)
				said = append(said, pcm...)
				if (n+1)%frames != 0 {
					continue
				}
				for i := range frames {
					frame := Frame{Kind: Held}
					if i == 0 {
						frame = Frame{Kind: Voice, Payload: packet}
					}
					got := make([]int16, f.Rate/50)
					if err := d.Decode(frame, got); err != nil {
						t.Fatal(err)
					}
					heard = append(heard, got...)
				}
				packet = packet[:0]
			}
			for i := range said {
				if off := int(said[i]) - int(heard[i]); off > 300 || off < -300 {
					t.Fatalf("%v, %d frames a packet: sample %d is %d, said %d", f, frames, i, heard[i], said[i])
				}
			}
		}
	}
}

// TestOpusOfEveryDuration decodes packets of 2.5 to 60 ms of a tone, each where it is due, and wants an unbroken tone.
func TestOpusOfEveryDuration(t *testing.T) {
	const rate, hz = 48000, 400
	for _, tenths := range []int{100, 200, 400, 600} {
		encoder, err := opus.NewEncoder(rate, 1, opus.AppVoIP)
		if err != nil {
			t.Fatal(err)
		}
		if err := encoder.SetBitrate(64000); err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(celt, rate)
		if err != nil {
			t.Fatal(err)
		}
		samples := tenths * rate / 10000
		pcm, dst := make([]int16, samples), make([]byte, 1500)
		said, due := 0, 0
		var out []int16
		for tick := range 60 {
			frame := Frame{Kind: Held}
			if due <= tick*960 {
				tone(pcm, rate, hz, 8000, said)
				n, err := encoder.Encode(pcm, dst)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := OpusDuration(dst[:n]); err != nil || got != samples {
					t.Fatalf("%d samples: OpusDuration %d, %v", samples, got, err)
				}
				frame = Frame{Kind: Voice, Payload: dst[:n]}
				said += samples
				due += max(samples, 960)
			}
			got := make([]int16, 960)
			if err := d.Decode(frame, got); err != nil {
				t.Fatal(err)
			}
			out = append(out, got...)
		}
		if amplitude, rest := level(out[20*960:], rate, hz); tenths >= 200 && (math.Abs(amplitude-8000) > 1000 || rest > 1500) {
			t.Errorf("%d samples a packet: tone at %.0f, rest %.0f", samples, amplitude, rest)
		}
	}
}
