package bench

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest"
)

// TestTurns: the rungs of the ladder are measured in turns, the rest once, and of the rounds the middle one counts, unless one does not count at all.
func TestTurns(t *testing.T) {
	list, err := (&Command{Only: []string{"one-of-ten", "legs-50", "legs-100", "legs-200", "legs-400", "legs-500"}}).scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var order []int
	times := []float64{2, 9, 3, 1, 8}
	r, failing := &Report{}, 0
	run := func() (bool, error) {
		order, r.Rows = nil, nil
		return r.run(t.Context(), list, io.Discard, io.Discard, func(s Scenario) (Row, error) {
			order = append(order, s.Legs)
			row := Row{Scenario: s, CPU: times[(len(order)-2)/4%len(times)]}
			if len(order) == failing {
				row.Failed = []string{"why"}
			}
			return row, nil
		})
	}
	if failed, err := run(); failed || err != nil {
		t.Fatal(failed, err)
	}
	ladder := []int{50, 100, 200, 400}
	if want := slices.Concat([]int{200}, slices.Repeat(ladder, len(times)), []int{500}); !slices.Equal(order, want) {
		t.Errorf("measured %v, want %v", order, want)
	}
	if len(r.Rows) != len(list) {
		t.Fatalf("%d rows of %d scenarios", len(r.Rows), len(list))
	}
	for i, row := range r.Rows {
		if row.Name != list[i].Name || row.Turns != list[i].rounds(false) || len(row.TurnsCPU) != row.Turns {
			t.Errorf("row %d: %s, %d turns, %v", i, row.Name, row.Turns, row.TurnsCPU)
		}
		if slices.Contains(ladder, row.Legs) && row.Scaling && (row.CPU != 3 || !slices.Equal(row.TurnsCPU, times)) {
			t.Errorf("row %d: %v us, the middle one of %v, want %v", i, row.CPU, row.TurnsCPU, times)
		}
	}
	failing = 7 // legs-100, the second time
	if failed, err := run(); !failed || err != nil || len(r.Rows[2].Failed) != 1 {
		t.Errorf("failed %v, %v: %+v", failed, err, r.Rows[2])
	}
	r.Short = true
	if _, err := run(); err != nil || len(order) != len(list) || list[1].window(true) != shortWindow || list[1].window(false) != rungWindow {
		t.Errorf("a short run takes %d steps in windows of %v, %v", len(order), list[1].window(true), err)
	}
}

func TestSeatsAreThoseOfTheSwarm(t *testing.T) {
	for _, s := range Scenarios() {
		rooms, err := s.seats()
		if err != nil {
			t.Fatal(err)
		}
		legs, talking := 0, 0
		for _, room := range rooms {
			legs += len(room)
			for _, seat := range room {
				if seat.Talks {
					talking++
				}
			}
		}
		if want := int(math.Round(float64(s.Legs) * s.Talkers)); legs != s.Legs || talking != want || !s.Chorus && talking > 5*s.Rooms {
			t.Errorf("%s: %d legs, %d of whom talk; want %d, %d", s.Name, legs, talking, s.Legs, want)
		}
	}
}

func TestOptions(t *testing.T) {
	c := Command{Only: []string{"nonsense"}}
	if _, err := c.scenarios(); !errors.Is(err, loadtest.ErrOptions) {
		t.Error(err)
	}
	c.Only = []string{"mixed", "one-of-ten"}
	if list, err := c.scenarios(); err != nil || len(list) != 2 || list[0].Name != "one-of-ten" {
		t.Errorf("%v, %v", list, err)
	}
	long, err := (&Command{}).scenarios()
	short, err2 := (&Command{Short: true}).scenarios()
	if err = errors.Join(err, err2); err != nil || len(short) >= len(long) {
		t.Errorf("%d scenarios in a long run, %d in a short one, %v", len(long), len(short), err)
	}
	if m := divide([]int{0, 1, 2}, false); !slices.Equal(m.server, []int{0}) || !slices.Equal(m.callers, []int{1, 2}) {
		t.Errorf("%+v", m)
	}
	if m := divide([]int{4}, false); !slices.Equal(m.server, m.callers) {
		t.Errorf("%+v", m)
	}
	if m := divide([]int{0, 1}, true); !slices.Equal(m.server, m.all) {
		t.Errorf("%+v", m)
	}
	s := Scenario{Legs: 40, Rooms: 4, Talkers: .25, Chorus: true, Codecs: []string{"opus", "pcmu"}, Rekey: true}
	line := strings.Join(s.arguments("d", 7*time.Second), " ")
	for _, want := range []string{"swarm --data d --json", "--callers 40 --rooms 4 --talkers 0.25 --codec opus,pcmu", "--duration 7s", "--chorus", "--script rekey"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q lacks %q", line, want)
		}
	}
}

// TestAtPace: the share at pace is told of rooms of ten in which two talk at most, in which its parts were measured.
func TestAtPace(t *testing.T) {
	for _, s := range Scenarios() {
		row := Row{Scenario: s, PacedShare: 0.5}
		want := "–"
		if s.Legs == 10*s.Rooms && !s.Chorus {
			want = "0.50"
		}
		if got := row.AtPace(); got != want {
			t.Errorf("%s: %s, want %s", s.Name, got, want)
		}
	}
}
