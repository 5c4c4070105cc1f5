package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/mixer/codec"
)

// broken is a port that takes its room down with it.
type broken struct{}

func (broken) Ahead()                        {}
func (broken) Next(codec.Tick) codec.Frame   { panic("broken port") }
func (broken) Send(codec.Tick, codec.Packet) {}
func (broken) Format() codec.Format          { return codec.Format{Codec: codec.PCMU, Rate: 8000} }

// A room that the mixer lost takes no further calls into its silence: a permanent one is opened anew as it was configured, and
// one made on demand is forgotten.
func TestFailedRoom(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Rooms.Permanent = []RoomConfig{{Name: "hall", Policy: defaultPolicy, MaxSeats: 3, Locked: true}}
	pool := mixer.NewPool(mixer.Config{Workers: 1})
	table := newRooms(cfg, pool, nil, new(atomic.Bool), newLedger(cfg), func(string) bool { return false }, func(Event) {}, newAttendant(slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- pool.Run(ctx) }()
	defer func() { stop(); <-ran; table.close() }()

	if _, err := table.enter("lounge"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hall", "lounge"} {
		r := table.find(name)
		r.mix.Join(mixer.SeatConfig{}).Attach(broken{})
		<-r.finished
		again := table.find(name)
		switch {
		case again == r:
			t.Errorf("%s is still in the table", name)
		case name == "lounge" && again != nil:
			t.Error("a room made on demand came back by itself")
		case name == "hall" && (again == nil || !again.permanent || again.maxSeats != 3 || !again.locked || again.policy.Load() != r.policy.Load()):
			t.Errorf("the permanent room is %+v", again)
		}
	}
}
