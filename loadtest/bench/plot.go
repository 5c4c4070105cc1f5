package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The drawing, in its own units.
const (
	barsLeft, barsTop, barsWidth = 300, 60, 300
	barPitch, barHeight          = 30, 18
	gridLeft, gridWidth          = 700, 320
	gridSteps                    = 5
)

// bar is the share of the floor of a scenario.
type bar struct {
	Label, Value string
	Y            int
	Width, Want  float64
	Met          bool
}

// point is a server with so many legs.
type point struct{ X, Y float64 }

// mark is a line of the grid with its label.
type mark struct {
	At    float64
	Label string
}

// drawing is what the template of the plot shows.
type drawing struct {
	Bars                                   []bar
	Points, Floor                          []point
	Line, FloorLine                        string
	Across, Up                             []mark
	BarsLeft, BarsTop, BarsWidth, BarsEnd  int
	GridLeft, GridRight, GridTop, GridFoot int
	Width, Height, BarHeight               int
	One                                    float64 // where the floor itself is
	Curve                                  string  // what the rows of the curve have in common
}

// plot draws the share of the floor by scenario, and the processor time by legs.
func (r *Report) plot() ([]byte, error) {
	compared, scaling := r.some(false), r.curve()
	d := drawing{
		BarsLeft: barsLeft, BarsTop: barsTop, BarsWidth: barsWidth, BarHeight: barHeight, GridLeft: gridLeft, GridRight: gridLeft + gridWidth,
		GridTop: barsTop, Width: gridLeft + gridWidth + 40, One: barsLeft + barsWidth,
		Curve: Scenario{Title: curveTitle, Codecs: opusOnly}.Named(),
	}
	d.BarsEnd = barsTop + barPitch*max(len(compared), 8)
	d.GridFoot, d.Height = d.BarsEnd, d.BarsEnd+60
	for i, row := range compared {
		d.Bars = append(d.Bars, newBar(row, barsTop+i*barPitch))
	}
	d.curve(scaling)
	return render("performance.svg", plotText, d)
}

func newBar(row Row, y int) bar {
	want := shareEncoded
	if row.Forwarded {
		want = shareForwarded
	}
	return bar{
		Label: strings.Replace(row.Named(), ", one room, all cores", "", 1), Value: fmt.Sprintf("%.2f", row.Share), Y: y,
		Width: barsWidth * min(row.Share, 1.1), Want: barsLeft + barsWidth*want, Met: row.Share >= want,
	}
}

// curve are the rows that differ in nothing but their legs.
func (r *Report) curve() []Row {
	var list []Row
	for _, row := range r.some(true) {
		if row.Title == curveTitle && slices.Equal(row.Codecs, opusOnly) {
			list = append(list, row)
		}
	}
	return list
}

// curve places the rows in the grid.
func (d *drawing) curve(rows []Row) {
	legs, load := 0.0, 0.0
	for _, row := range rows {
		legs, load = max(legs, float64(row.Legs)), max(load, row.CorePct*float64(row.Legs))
	}
	legs, load = roundUp(legs), roundUp(load)
	x := func(v float64) float64 { return gridLeft + gridWidth*v/legs }
	y := func(v float64) float64 { return float64(d.GridFoot) - float64(d.GridFoot-d.GridTop)*v/load }
	for i := range gridSteps + 1 {
		share := float64(i) / gridSteps
		d.Across = append(d.Across, mark{y(load * share), fmt.Sprintf("%.0f %%", load*share)})
		d.Up = append(d.Up, mark{x(legs * share), fmt.Sprintf("%.0f", legs*share)})
	}
	for _, row := range rows {
		n := float64(row.Legs)
		d.Points = append(d.Points, point{x(n), y(row.CorePct * n)})
		d.Floor = append(d.Floor, point{x(n), y(row.Share * row.CorePct * n)})
	}
	d.Line, d.FloorLine = path(d.Points), path(d.Floor)
}

// path is a line through points.
func path(points []point) string {
	var b strings.Builder
	for _, p := range points {
		fmt.Fprintf(&b, "%.1f,%.1f ", p.X, p.Y)
	}
	return strings.TrimSpace(b.String())
}

// roundUp is the next number with a single digit above it that divides well into the steps of the grid.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if v <= m*unit {
			return m * unit
		}
	}
	return 10 * unit
}
