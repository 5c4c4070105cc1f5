package mixer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// clockPort notes the ticks it is asked for.
type clockPort struct {
	mu    sync.Mutex
	ticks []Tick
	at    []time.Time
	hold  func(t Tick) // called inside Next
}

func (*clockPort) Ahead() {}

func (p *clockPort) Next(t Tick) codec.Frame {
	p.mu.Lock()
	p.ticks, p.at = append(p.ticks, t), append(p.at, time.Now())
	p.mu.Unlock()
	if p.hold != nil {
		p.hold(t)
	}
	return codec.Frame{}
}
func (p *clockPort) Send(Tick, codec.Packet) {}
func (p *clockPort) Format() codec.Format    { return l16 }

func (p *clockPort) seen() ([]Tick, []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Tick(nil), p.ticks...), append([]time.Time(nil), p.at...)
}

// during runs a pool in a bubble of fake time while f acts, and stops it.
func during(t *testing.T, c Config, f func(t *testing.T, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := NewPool(c)
		p.nap = elapse
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		f(t, p)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// elapse lets fake time pass.
func elapse(d time.Duration) { <-time.After(d) }

// TestSlotsLieEvenly: every slot is taken into use, and from four on no two that follow one another are further apart than the clock naps.
func TestSlotsLieEvenly(t *testing.T) {
	var used [slotsPerTick]bool
	for n, slot := range slotOrder {
		used[slot] = true
		widest, last := 0, slices.Index(used[:], true)-slotsPerTick
		for i := 1 - slotsPerTick; i < slotsPerTick; i++ {
			if used[(i+slotsPerTick)%slotsPerTick] {
				widest, last = max(widest, i-last), i
			}
		}
		if n+1 >= 4 && time.Duration(widest)*slotLength > longestNap {
			t.Errorf("%d slots: %v without one", n+1, time.Duration(widest)*slotLength)
		}
	}
	if slices.Contains(used[:], false) {
		t.Errorf("slots in use: %v", used)
	}
}

func TestClockTicksEveryRoomOnAnAbsoluteSchedule(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		var ports []*clockPort
		for range slotFill * slotsPerTick {
			port := &clockPort{}
			ports = append(ports, port)
			p.NewRoom("room", RoomConfig{Mixing: true}).Join(SeatConfig{}).Attach(port)
		}
		elapse(time.Second + tickLength)
		starts := map[time.Duration]int{}
		for i, port := range ports {
			ticks, at := port.seen()
			if len(ticks) < 49 {
				t.Fatalf("room %d: %d ticks in a second", i, len(ticks))
			}
			for k := range ticks[1:] {
				if ticks[k+1] != ticks[k]+1 || at[k+1].Sub(at[k]) != tickLength {
					t.Fatalf("room %d: tick %d after %d, %v later", i, ticks[k+1], ticks[k], at[k+1].Sub(at[k]))
				}
			}
			starts[at[0].Sub(p.epoch)%tickLength]++
		}
		if len(starts) != slotsPerTick {
			t.Errorf("rooms start at %d different times within a tick, want %d", len(starts), slotsPerTick)
		}
		if s := p.Stats(); s.Late != 0 || s.Worst != 0 || s.Rooms != len(ports) {
			t.Errorf("late %d, worst %v, rooms %d", s.Late, s.Worst, s.Rooms)
		}
	})
}

// Where nobody sits in any room the clock sleeps long; the first who comes wakes it up, also in a room that stood empty.
func TestWhoComesFirstWakesTheClock(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		r, ticks := p.NewRoom("room", RoomConfig{Mixing: true}), uint64(0)
		for range 3 {
			elapse(shedWindow*tickLength/2 + tickLength/3)
			if s := p.Stats(); s.Ticks != ticks {
				t.Errorf("%d ticks of an empty room", s.Ticks-ticks)
			}
			port, came := &clockPort{}, time.Now()
			seat := r.Join(SeatConfig{})
			seat.Attach(port)
			elapse(2 * tickLength)
			if _, at := port.seen(); len(at) != 2 || at[0].Sub(came) > tickLength {
				t.Errorf("ticks at %v, the seat was taken at %v", at, came)
			}
			seat.Leave()
			elapse(tickLength)
			ticks = p.Stats().Ticks
		}
		if s := p.Stats(); s.Late != 0 || s.Overruns != 0 {
			t.Errorf("%d ticks late, %d skipped", s.Late, s.Overruns)
		}
	})
}

// TestAsleepNothingWaits: whatever is posted to a room that sleeps is done within two ticks, by a clock that sleeps, too; also the end of the pool.
func TestAsleepNothingWaits(t *testing.T) {
	posts := map[string]func(*Room) <-chan struct{}{
		"close":    (*Room).Close,
		"announce": func(r *Room) <-chan struct{} { return r.Announce() },
		"leave":    func(r *Room) <-chan struct{} { return r.Join(SeatConfig{}).Leave() },
		"detach":   func(r *Room) <-chan struct{} { return newSeat(r, SeatConfig{}).Detach(&clockPort{}) },
	}
	for _, workers := range []int{1, 2} {
		for name, post := range posts {
			during(t, Config{Workers: workers}, func(t *testing.T, p *Pool) {
				r := p.NewRoom("room", RoomConfig{Mixing: true})
				elapse(shedWindow*tickLength/2 + tickLength/3)
				posted := time.Now()
				<-post(r)
				if took := time.Since(posted); took > 2*tickLength {
					t.Errorf("%d workers, %s: %v", workers, name, took)
				}
				elapse(shedWindow * tickLength / 4)
				r.Join(SeatConfig{}) // and the pool ends
			})
		}
	}
}

// The clock ticks small rooms itself; one that takes long is a worker's, and the others' ticks stay on time.
func TestLongTicksDoNotMakeTheClockLate(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		long := &clockPort{}
		long.hold = func(Tick) { elapse(tickLength - slotLength) }
		p.NewRoom("long", RoomConfig{}).Join(SeatConfig{}).Attach(long)
		elapse(tickLength + slotLength) // it was ticked once, by the clock
		port := &clockPort{}
		for range slotFill { // the last in a slot of its own
			port = &clockPort{}
			p.NewRoom("short", RoomConfig{}).Join(SeatConfig{}).Attach(port)
		}
		elapse(time.Second)
		ticks, at := port.seen()
		due := time.Duration(slotOrder[1]) * slotLength
		for k := range ticks {
			if late := at[k].Sub(p.epoch) % tickLength; k > 1 && late != due {
				t.Fatalf("tick %d of %d began %v after its slot", k, len(ticks), late-due)
			}
		}
		if n, _ := long.seen(); len(ticks) < 49 || len(n) < 49 {
			t.Errorf("%d and %d ticks in a second", len(ticks), len(n))
		}
	})
}

func TestLateRoomCatchesUpAFewTicksAndSkipsTheRest(t *testing.T) {
	tests := []struct {
		name           string
		held           time.Duration
		skipped, after uint64
	}{
		{"a little late", 2*tickLength + tickLength/2, 0, 10},
		{"very late", 20*tickLength + tickLength/2, 17, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			during(t, Config{Workers: 1}, func(t *testing.T, p *Pool) {
				port := &clockPort{}
				port.hold = func(k Tick) {
					if k == 10 {
						elapse(tt.held)
					}
				}
				p.NewRoom("room", RoomConfig{Mixing: true}).Join(SeatConfig{}).Attach(port)
				elapse(2 * time.Second)
				ticks, at := port.seen()
				missed := uint64(0)
				for k := range ticks[1:] {
					missed += uint64(ticks[k+1] - ticks[k] - 1)
				}
				if missed != tt.skipped || p.Stats().Overruns != tt.skipped {
					t.Errorf("%d ticks missed, %d counted, want %d", missed, p.Stats().Overruns, tt.skipped)
				}
				last := len(ticks) - 1
				if want := p.dueAt(uint64(ticks[last]) * slotsPerTick); at[last] != want {
					t.Errorf("tick %d ran at %v, due at %v", ticks[last], at[last], want)
				}
				if p.Stats().Worst < min(tt.held, catchUpTicks*tickLength)-tickLength {
					t.Errorf("worst lateness %v", p.Stats().Worst)
				}
			})
		})
	}
}

func TestPanicEndsOnlyItsRoom(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		bad, good := &clockPort{}, &clockPort{}
		bad.hold = func(k Tick) {
			if k == 5 {
				panic("a port's secret")
			}
		}
		failing := p.NewRoom("failing", RoomConfig{Mixing: true})
		seat := failing.Join(SeatConfig{})
		seat.Attach(bad)
		p.NewRoom("other", RoomConfig{Mixing: true}).Join(SeatConfig{}).Attach(good)
		<-failing.Failed()
		<-failing.Gone()
		if err := failing.Err(); !errors.Is(err, ErrPanic) || err.Error() != "mixer: panic in a tick: string" {
			t.Errorf("Err = %v", err)
		}
		<-seat.Detach(bad)
		<-seat.Leave()
		<-failing.Close()
		<-failing.Join(SeatConfig{}).Leave()
		n, _ := good.seen()
		elapse(time.Second)
		if m, _ := good.seen(); len(m) < len(n)+49 {
			t.Error("the other room did not go on")
		}
		if s := p.Stats(); s.Failed != 1 || s.Rooms != 1 {
			t.Errorf("failed %d, rooms %d; want 1 and 1", s.Failed, s.Rooms)
		}
	})
}

func TestDetachIsCompleteOnlyWhenNoWorkerHasThePort(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		port := &clockPort{}
		entered, hold := make(chan struct{}), make(chan struct{})
		port.hold = func(k Tick) {
			if k == 3 {
				close(entered)
				<-hold
			}
		}
		r := p.NewRoom("room", RoomConfig{Mixing: true})
		seat := r.Join(SeatConfig{})
		seat.Attach(port)
		<-entered
		done := seat.Detach(port)
		synctest.Wait()
		select {
		case <-done:
			t.Error("detached while a worker was in the port")
		default:
		}
		close(hold)
		<-done
		n, _ := port.seen()
		elapse(200 * time.Millisecond)
		if m, _ := port.seen(); len(m) != len(n) {
			t.Error("port was touched after it was detached")
		}
	})
}

func TestPortMovesFromTheLobbyToARoom(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		port := &clockPort{}
		lobby := p.NewRoom("lobby", RoomConfig{})
		waiting := lobby.Join(SeatConfig{})
		waiting.Attach(port)
		elapse(100 * time.Millisecond)
		<-waiting.Leave()
		seat := p.NewRoom("room", RoomConfig{Mixing: true}).Join(SeatConfig{})
		seat.Attach(port)
		elapse(100 * time.Millisecond)
		if n, _ := port.seen(); len(n) < 8 {
			t.Errorf("%d ticks in 200 ms", len(n))
		}
	})
}

func TestStopEndsAllRooms(t *testing.T) {
	p := NewPool(Config{})
	r := p.NewRoom("room", RoomConfig{Mixing: true})
	seat := r.Join(SeatConfig{})
	seat.Attach(&clockPort{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	<-seat.Leave()
	<-r.Gone()
	if !errors.Is(r.Err(), ErrStopped) {
		t.Errorf("Err = %v, want ErrStopped", r.Err())
	}
	late := p.NewRoom("late", RoomConfig{Mixing: true})
	<-late.Gone()
	<-late.Join(SeatConfig{}).Detach(&clockPort{})
	if err := p.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("second Run: %v, want ErrRunning", err)
	}
}

func TestCloseEndsTheRoomBetweenTicks(t *testing.T) {
	during(t, Config{Workers: 2}, func(t *testing.T, p *Pool) {
		r := p.NewRoom("room", RoomConfig{Mixing: true})
		seat := r.Join(SeatConfig{})
		port := &clockPort{}
		seat.Attach(port)
		elapse(100 * time.Millisecond)
		<-r.Close()
		if r.Err() != nil {
			t.Errorf("Err = %v", r.Err())
		}
		<-r.Close()
		n, _ := port.seen()
		elapse(100 * time.Millisecond)
		if m, _ := port.seen(); len(m) != len(n) {
			t.Error("port was touched after its room was closed")
		}
	})
}

// Everything that other goroutines may do, done at once, on the real clock. The race detector is the judge.
func TestCommandsFromManyGoroutines(t *testing.T) {
	p := NewPool(Config{Workers: 2})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	r := p.NewRoom("room", RoomConfig{Mixing: true})
	var ticked atomic.Int64
	var churn sync.WaitGroup
	for i := range 8 {
		churn.Go(func() {
			for range 4 {
				_, next := voice(uint32(i), 3000)
				port := &fakePort{format: l16, next: func(k Tick) codec.Frame { ticked.Add(1); return next(k) }}
				s := r.Join(SeatConfig{GainDB: -3})
				s.Attach(port)
				s.SetMuted(i%2 == 0)
				s.SetDeaf(i%3 == 0)
				s.SetGain(float64(i))
				_, _, _ = s.Speaking(), s.LevelDBFS(), p.Stats()
				<-s.Detach(port)
				s.Attach(port)
				<-s.Leave()
				port.sends = 0 // ours again
			}
		})
	}
	churn.Wait()
	<-r.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if p.Stats().Ticks == 0 {
		t.Error("no tick ran")
	}
}

func TestShedding(t *testing.T) {
	p := NewPool(Config{Workers: 2})
	s := &shedder{pool: p}
	load := 0.9 // of the workers' time
	window := func(ticks, late uint64) {
		p.count.ticks.Add(ticks)
		p.count.late.Add(late)
		p.count.busy.Add(int64(load * 2 * float64(shedWindow*tickLength)))
		s.judge()
	}
	load = 0.2 // the ticks wait for somebody else
	window(100, 100)
	if p.Stats().Shed != 0 {
		t.Error("shed work though there was little to do")
	}
	load = 0.9
	steps := []int{6, 3, 2, 1, 1}
	for i, want := range steps {
		window(100, 50)
		if got := p.shedTo(6); got != want || !p.thrift() {
			t.Errorf("after %d bad windows: %d seats, thrift %v; want %d seats and thrift", i+1, got, p.thrift(), want)
		}
	}
	window(100, 1) // late, but within what is tolerated: neither more nor less
	for range shedCalm * shedSteps {
		window(100, 0)
	}
	if p.shedTo(6) != 6 || p.thrift() || p.Stats().Shed != 0 {
		t.Errorf("after calm: %d seats, thrift %v", p.shedTo(6), p.thrift())
	}
	if p.Stats().Sheds != shedSteps {
		t.Errorf("%d steps counted, want %d", p.Stats().Sheds, shedSteps)
	}
}
