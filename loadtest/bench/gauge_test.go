package bench

import (
	"errors"
	"slices"
	"testing"

	"github.com/conclave/conclave/loadtest/bench/floor"
	"github.com/conclave/conclave/mixer/codec"
)

// TestGauge: the floor is measured before and after every scenario, between two of the same formats once for both, and the lesser of the two is a
// scenario's.
func TestGauge(t *testing.T) {
	opus, pcmu := []codec.Format{{Codec: codec.Opus, Rate: 48000}}, []codec.Format{{Codec: codec.PCMU, Rate: 8000}}
	kernel, failing := []float64{5, 3, 4, 9, 8, 7}, errors.New("why")
	var order []string
	g := gauge{measure: func(formats []codec.Format) (m floor.Measured, err error) {
		order = append(order, "floor of "+formats[0].Codec.String())
		if len(kernel) == 0 {
			return m, failing
		}
		m.Hot.Kernel, kernel = kernel[0], kernel[1:]
		return m, nil
	}}
	scenario := func(formats []codec.Format, ends error) (float64, error) {
		m, err := g.around(formats, func() error { order = append(order, "scenario"); return ends })
		return m.Hot.Kernel, err
	}
	for i, c := range []struct {
		formats []codec.Format
		want    float64
	}{{opus, 3}, {opus, 3}, {pcmu, 8}, {opus, 0}} {
		if got, err := scenario(c.formats, nil); got != c.want || (err != nil) != (i == 3) {
			t.Errorf("scenario %d: %v, %v, want %v", i, got, err, c.want)
		}
	}
	want := []string{
		"floor of opus", "scenario", "floor of opus", "scenario", "floor of opus",
		"floor of pcmu", "scenario", "floor of pcmu",
		"floor of opus", "scenario", "floor of opus",
	}
	if !slices.Equal(order, want) {
		t.Errorf("measured %q, want %q", order, want)
	}
	kernel = []float64{1, 1}
	if _, err := scenario(pcmu, failing); !errors.Is(err, failing) {
		t.Errorf("a scenario that fails: %v", err)
	}
}
