package mixer

import "time"

// shedder judges once in a while whether the ticks are on time. While they are not it lets Opus encode more cheaply, then mixes fewer
// seats: what a listener loses is a faint third voice, where otherwise everybody's audio would break up. Ticks that are late although
// the workers have little to do wait for somebody else's work: shedding ours would cost voices and win nothing. It belongs to the clock.
type shedder struct {
	pool  *Pool
	ticks uint64 // as of the last judgement
	late  uint64
	calm  int // windows without a late tick, or with little to do
}

// judge is called once per shedWindow.
func (s *shedder) judge() {
	c := &s.pool.count
	ticks, late := c.ticks.Load(), c.late.Load()
	dt, dl := ticks-s.ticks, late-s.late
	load := s.pool.meter.measure(time.Duration(c.busy.Load()), c.legTicks.Load(), s.pool.workers, shedWindow*tickLength)
	s.ticks, s.late = ticks, late
	switch {
	case load > shedLoad && float64(dl) > shedShare*float64(dt):
		s.calm = 0
		s.more()
	case load > shedLoad/2 && float64(dl) > shedTolerance*float64(dt):
		s.calm = 0
	default:
		s.less()
	}
}

// more sheds one step, as far as one seat can still be mixed.
func (s *shedder) more() {
	c := &s.pool.count
	step := c.shed.Load()
	if step >= shedSteps {
		return
	}
	c.shed.Store(step + 1)
	c.sheds.Add(1)
	s.pool.log.Warn("ticks are late: shedding", "step", step+1, "loudest", s.pool.shedTo(maxLoudest), "thrift", s.pool.thrift())
}

// less takes a step back after a while of calm.
func (s *shedder) less() {
	c := &s.pool.count
	if s.calm++; s.calm < shedCalm || c.shed.Load() == 0 {
		return
	}
	s.calm = 0
	c.shed.Add(-1)
	s.pool.log.Info("ticks are on time again: shedding less", "step", c.shed.Load())
}

// shedTo is how many seats a room may mix at present, of those it would.
func (p *Pool) shedTo(loudest int) int {
	step := int(p.count.shed.Load())
	if step < 2 {
		return loudest
	}
	return min(loudest, shedSteps+1-step)
}

// thrift says whether Opus is to be encoded more cheaply at present.
func (p *Pool) thrift() bool { return p.count.shed.Load() > 0 }
