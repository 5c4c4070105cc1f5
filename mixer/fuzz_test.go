package mixer

import (
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// Whatever an authenticated peer puts into its packets, the room goes on, and everybody is sent packets of constant length.
func FuzzPayload(f *testing.F) {
	f.Add(byte(0), []byte{})
	f.Add(byte(0), []byte{0x08, 0x80, 0x00, 0x01})
	f.Add(byte(1), []byte{0xFB, 0x83, 0xFF})
	f.Add(byte(2), make([]byte, 160))
	formats := []codec.Format{opusCELT, {Codec: codec.Opus, Rate: 48000, Mode: codec.ModeVoIP}, pcmu, l16wide}
	other := recorded(f, pcmu, 3)
	f.Fuzz(func(t *testing.T, which byte, payload []byte) {
		format := formats[int(which)%len(formats)]
		r := newTable(t, RoomConfig{Mixing: true})
		ears := []*fakePort{
			{format: format, next: func(k Tick) codec.Frame {
				kinds := [...]codec.Kind{codec.Voice, codec.Voice, codec.Held, codec.Lost, codec.Silent}
				return codec.Frame{Kind: kinds[k%5], Payload: payload, Next: payload}
			}},
			{format: pcmu, next: other},
			{format: opusCELT},
		}
		for _, p := range ears {
			r.sit(p)
		}
		for range 12 {
			r.run(1)
			for i, p := range ears {
				if p.heardN != p.format.FrameSize() {
					t.Fatalf("port %d was sent %d octets, want %d", i, p.heardN, p.format.FrameSize())
				}
			}
		}
	})
}
