package flood

import "testing"

// TestConclude: the overload is judged by what stood beside it, of the pair in the middle.
func TestConclude(t *testing.T) {
	var pairs []pair
	for _, n := range [][4]float64{{1000, 500, 900, 990}, {2000, 1800, 1000, 700}, {1000, 1000, 1000, 800}} {
		pairs = append(pairs, pair{&Count{PerS: n[0], PerCore: n[2]}, &Count{PerS: n[1], PerCore: n[3]}})
	}
	var r Report
	r.conclude(pairs)
	if r.Share != 0.9 || r.Beside.PerS != 2000 || r.Overload.PerS != 1800 || r.CoreRate != 0.8 {
		t.Errorf("share %v of %v, by processor time %v", r.Share, r.Beside.PerS, r.CoreRate)
	}
	r.conclude([]pair{{&Count{}, &Count{PerS: 1}}})
	if r.Share != 0 || r.CoreRate != 0 {
		t.Errorf("of nothing: %v and %v", r.Share, r.CoreRate)
	}
}
