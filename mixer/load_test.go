package mixer

import (
	"testing"
	"time"
)

// What a second of ticks took and how many legs it served tell what a leg costs, and that how many there is time for.
func TestCapacityFollowsTheCostOfALeg(t *testing.T) {
	p := NewPool(Config{Workers: 2})
	if p.Full() || p.Capacity() != int(tickBudget*2*float64(tickLength)/assumedCost) {
		t.Fatalf("a pool without legs: full %v, capacity %d", p.Full(), p.Capacity())
	}
	s := &shedder{pool: p}
	second := func(legs int, perLeg time.Duration) {
		p.legs.Store(int64(legs))
		p.count.legTicks.Add(uint64(legs) * shedWindow)
		p.count.busy.Add(int64(time.Duration(legs*shedWindow) * perLeg))
		s.judge()
	}
	for range 60 {
		second(100, 20*time.Microsecond)
	}
	budget := tickBudget * 2 * float64(tickLength) // of both workers
	if got, want := float64(p.Capacity()), budget/float64(20*time.Microsecond); got < want-10 || got > want+10 {
		t.Errorf("capacity %.0f at 20 us a leg, want %.0f", got, want)
	}
	if load := p.Stats().Load; load < 0.0499 || load > 0.0501 {
		t.Errorf("load %.4f, want 0.05", load)
	}
	second(100, time.Millisecond) // one bad second
	if p.Full() {
		t.Error("one bad second turned calls away")
	}
	for range 60 {
		second(100, 20*time.Microsecond)
	}
	p.legs.Store(int64(p.Capacity()))
	if !p.Full() {
		t.Error("not full with as many legs as there is time for")
	}
	p.legs.Store(1)
	if p.Full() {
		t.Error("full with one leg")
	}
	p.count.shed.Store(1)
	if !p.Full() {
		t.Error("lets calls in while it sheds")
	}
}

// A stall in a room that then empties must not keep everybody out for good: nothing would be measured any more.
func TestFullPassesWhenNobodyIsLeft(t *testing.T) {
	p := NewPool(Config{Workers: 2})
	s := &shedder{pool: p}
	window := func(legs int, busy time.Duration) {
		p.legs.Store(int64(legs))
		p.count.legTicks.Add(uint64(legs) * shedWindow)
		p.count.busy.Add(int64(busy))
		s.judge()
	}
	window(1, 9*time.Second)
	window(0, 0)
	if p.Full() {
		t.Error("full without a leg")
	}
	for range 60 {
		window(0, 0)
	}
	if want := int(tickBudget * 2 * float64(tickLength) / assumedCost); p.Capacity() < want*9/10 {
		t.Errorf("capacity %d a minute later, want %d again", p.Capacity(), want)
	}
}

// While work is shed nothing remains; and a late tick in five hundred does not keep it shed.
func TestSheddingIsTakenBackThoughAFewTicksAreLate(t *testing.T) {
	p := NewPool(Config{Workers: 2})
	s := &shedder{pool: p}
	p.legs.Store(100)
	window := func(load float64, late uint64) {
		p.count.ticks.Add(2500)
		p.count.late.Add(late)
		p.count.legTicks.Add(100 * shedWindow)
		p.count.busy.Add(int64(load * 2 * float64(shedWindow*tickLength)))
		s.judge()
	}
	window(0.9, 1000)
	if !p.Full() || p.Capacity() > 100 {
		t.Fatalf("full %v, capacity %d of 100 legs while work is shed", p.Full(), p.Capacity())
	}
	for range 2 * shedCalm {
		window(0.3, 2)
	}
	if p.Full() || p.Stats().Shed != 0 {
		t.Errorf("still at step %d, full %v", p.Stats().Shed, p.Full())
	}
}

// Every port is counted once, however it goes.
func TestLegsAreCounted(t *testing.T) {
	r := newTable(t, RoomConfig{Mixing: true})
	want := func(n int) {
		t.Helper()
		r.run(1)
		if got := r.pool.Stats().Legs; got != n {
			t.Errorf("%d legs, want %d", got, n)
		}
	}
	a, b := &fakePort{format: l16}, &fakePort{format: l16}
	first, second := r.sit(a), r.sit(b)
	moved := &fakePort{format: l16}
	first.Attach(moved)
	first.Attach(moved) // twice is once
	want(3)
	first.Detach(a)
	first.Detach(a)
	want(2)
	first.Leave()
	want(1)
	second.Attach(a)
	want(2)
	r.Close()
	if r.step(r.tick) {
		t.Fatal("the room goes on")
	}
	r.retire(nil)
	if got := r.pool.Stats().Legs; got != 0 {
		t.Errorf("%d legs in a room that ended", got)
	}
}
