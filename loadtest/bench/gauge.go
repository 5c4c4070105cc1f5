package bench

import (
	"slices"

	"github.com/conclave/conclave/loadtest/bench/floor"
	"github.com/conclave/conclave/mixer/codec"
)

// gauge measures the floor before and after scenarios. What it is after one it is before the next, where the same formats meet: measured once for
// both, since nothing runs in between, it leaves the ladder time for more rounds.
type gauge struct {
	measure func(formats []codec.Format) (floor.Measured, error)
	formats []codec.Format // of last
	last    *floor.Measured
}

// around measures the floor before and after f, of which the lesser counts, part by part.
func (g *gauge) around(formats []codec.Format, f func() error) (least floor.Measured, err error) {
	if g.last == nil || !slices.Equal(g.formats, formats) {
		if err = g.again(formats); err != nil {
			return least, err
		}
	}
	before := *g.last
	g.last = nil // too old, should f fail
	if err = f(); err != nil {
		return least, err
	}
	if err = g.again(formats); err != nil {
		return least, err
	}
	return before.Least(*g.last), nil
}

// again measures the floor now.
func (g *gauge) again(formats []codec.Format) error {
	m, err := g.measure(formats)
	if err == nil {
		g.formats, g.last = formats, &m
	}
	return err
}
