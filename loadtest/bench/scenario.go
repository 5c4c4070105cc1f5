package bench

import (
	"slices"
	"time"

	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
	"github.com/conclave/conclave/mixer/codec"
)

// Scenario is one row of the table.
type Scenario struct {
	Name     string   `json:"name"` // as --only takes it
	Title    string   `json:"title"`
	Legs     int      `json:"legs"`
	Rooms    int      `json:"rooms"`
	Talkers  float64  `json:"talkers"` // fraction
	Chorus   bool     `json:"chorus"`  // they talk all at once, some of a room louder than the others
	Codecs   []string `json:"codecs"`
	AllCores bool     `json:"all_cores"`     // the server may use every core
	Rekey    bool     `json:"rekey"`         // keys change all the while, so that there is garbage to collect
	Env      []string `json:"env,omitempty"` // of the server
	Rounds   int      `json:"-"`             // in a long run measured so often, in turns with its neighbours; the middle one counts. 0: once
	Long     bool     `json:"-"`             // has the long window
	Scaling  bool     `json:"-"`             // is about legs, not about the floor
	Brief    bool     `json:"-"`             // part of a short run
}

// curveTitle is that of the rows that differ in nothing but their legs.
const curveTitle = "2 of 10 talking"

var opusOnly, pcmuOnly = []string{"opus"}, []string{"pcmu"}

// Scenarios are all, in the order in which they run.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "one-of-ten", Title: "1 of 10 talking", Legs: 200, Rooms: 20, Talkers: 0.1, Codecs: opusOnly, Brief: true},
		{Name: "two-of-ten", Title: "2 of 10 talking", Legs: 200, Rooms: 20, Talkers: 0.2, Codecs: opusOnly, Brief: true},
		{Name: "two-of-ten-pcmu", Title: "2 of 10 talking", Legs: 200, Rooms: 20, Talkers: 0.2, Codecs: pcmuOnly, Brief: true},
		{Name: "three-of-200", Title: "3 of 200 talking", Legs: 200, Rooms: 1, Talkers: 0.015, Codecs: opusOnly, Brief: true},
		{Name: "all-of-ten", Title: "all of 10 talking", Legs: 100, Rooms: 10, Talkers: 1, Chorus: true, Codecs: opusOnly, Brief: true},
		{Name: "all-of-200", Title: "all of 200 talking", Legs: 200, Rooms: 1, Talkers: 1, Chorus: true, Codecs: opusOnly, Brief: true},
		{Name: "all-g711", Title: "all of 10 talking", Legs: 200, Rooms: 20, Talkers: 1, Chorus: true, Codecs: pcmuOnly, Brief: true},
		{Name: "mixed", Title: "2 of 10 talking", Legs: 200, Rooms: 20, Talkers: 0.2, Codecs: []string{"opus", "pcmu", "pcma"}, Brief: true},
		{Name: "room-of-500", Title: "5 of 500 talking, one room, all cores", Legs: 500, Rooms: 1, Talkers: 0.01, Codecs: opusOnly, AllCores: true, Long: true, Brief: true},
		{Name: "legs-50", Title: curveTitle, Legs: 50, Rooms: 5, Talkers: 0.2, Codecs: opusOnly, Rounds: rungRounds, Scaling: true},
		{Name: "legs-100", Title: curveTitle, Legs: 100, Rooms: 10, Talkers: 0.2, Codecs: opusOnly, Rounds: rungRounds, Scaling: true, Brief: true},
		{Name: "legs-200", Title: curveTitle, Legs: 200, Rooms: 20, Talkers: 0.2, Codecs: opusOnly, Rounds: rungRounds, Scaling: true},
		{Name: "legs-400", Title: curveTitle, Legs: 400, Rooms: 40, Talkers: 0.2, Codecs: opusOnly, Rounds: rungRounds, Scaling: true},
		{Name: "legs-500", Title: curveTitle, Legs: 500, Rooms: 50, Talkers: 0.2, Codecs: opusOnly, Scaling: true, Brief: true},
		{Name: "legs-500-pcmu", Title: curveTitle, Legs: 500, Rooms: 50, Talkers: 0.2, Codecs: pcmuOnly, Scaling: true},
		{Name: "idle-400", Title: "nobody talks", Legs: 400, Rooms: 40, Codecs: opusOnly, Scaling: true, Brief: true},
		{Name: "garbage-500", Title: "2 of 10 talking, new keys every " + rekeyEvery + ", " + manyCollections, Legs: 500, Rooms: 50, Talkers: 0.2, Codecs: opusOnly, Rekey: true, Env: []string{manyCollections}, Long: true, Scaling: true},
	}
}

// window is how long the scenario is measured.
func (s Scenario) window(short bool) time.Duration {
	switch {
	case s.Long && short:
		return shortLong
	case s.Long:
		return longWindow
	case short:
		return shortWindow
	case s.Rounds > 0:
		return rungWindow
	}
	return window
}

// rounds is how often it is measured.
func (s Scenario) rounds(short bool) int {
	if short {
		return 1
	}
	return max(1, s.Rounds)
}

// inTurns is the order in which scenarios are measured: neighbours that have the same rounds take turns.
func inTurns(list []Scenario, short bool) (steps []Scenario) {
	for len(list) > 0 {
		rounds, n := list[0].rounds(short), 1
		for n < len(list) && list[n].rounds(short) == rounds {
			n++
		}
		for range rounds {
			steps = append(steps, list[:n]...)
		}
		list = list[n:]
	}
	return steps
}

// options are those of the swarm that deal rooms, voices and codecs.
func (s Scenario) options() loadtest.Options {
	return loadtest.Options{Callers: s.Legs, Rooms: s.Rooms, Talkers: s.Talkers, Chorus: s.Chorus, Codecs: s.Codecs}
}

// seats are the rooms of the scenario as the model of the floor sees them. Talkers of a chorus talk all at once; others are no more
// in a room than talk at once.
func (s Scenario) seats() ([][]floor.Seat, error) {
	o, rooms := s.options(), make([][]floor.Seat, s.Rooms)
	for i := range s.Legs {
		part := o.Part(i)
		f, err := loadtest.FormatOf(part.Codec)
		if err != nil {
			return nil, err
		}
		rooms[part.Room] = append(rooms[part.Room], floor.Seat{Format: f, Talks: part.Talks})
	}
	return rooms, nil
}

// formats are those that meet in the scenario.
func (s Scenario) formats() ([]codec.Format, error) {
	var list []codec.Format
	for _, name := range s.Codecs {
		f, err := loadtest.FormatOf(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list, nil
}

// floors are the floor of the scenario in microseconds a leg and tick, encoded as the model says, and forwarded.
func (s Scenario) floors(p floor.Parts) (encoded, forwarded float64, err error) {
	rooms, err := s.seats()
	for _, seats := range rooms {
		encoded += p.Room(seats, loudest)
		forwarded += p.Forwarded(seats)
	}
	return encoded / float64(s.Legs), forwarded / float64(s.Legs), err
}
