package mixer

// aloud is the bus of what interrupts the room and nothing else: all who are deaf hear it, as all others hear the full bus.
type aloud struct {
	bus
	on bool // it is heard: something is said on it, or sounds on in its encoders
}

// reset makes room for frames of so many samples, all zeros.
func (a *aloud) reset(samples int) {
	a.bus = bus{}
	a.history.reset(samples)
}

// speakUp makes the aloud bus. From silence to it and back a listener's decoder notices nothing: its encoders begin as they began to
// send silence, and it goes on until they are at rest.
func (r *Room) speakUp() {
	a := &r.aloud
	switch {
	case r.told.all && !a.on:
		a.on = true
		a.begin(nil, r.steps)
	case !a.on:
		return
	case !r.told.all && a.rests(r.steps):
		a.on = false
		return
	}
	var heard []int32
	voices := 0
	if r.told.all {
		heard, voices = r.aside[:r.samples], 1
		r.add(heard, r.told, true)
	}
	a.fill(r.steps, heard, voices)
}

// common is the bus that a seat hears unless it has one of its own; nil where it hears nothing.
func (r *Room) common(s *Seat) *bus {
	switch {
	case !s.deaf.Load():
		return &r.full
	case r.aloud.on && !s.apart.Load():
		return &r.aloud.bus
	}
	return nil
}
