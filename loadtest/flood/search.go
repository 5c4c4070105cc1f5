package flood

import "context"

// perform finds the peak, measures the delays at half of it, and offers a multiple of it beside it.
func (f *flood) perform(ctx context.Context) error {
	peak, err := f.peak(ctx)
	if err != nil {
		return err
	}
	f.report.Peak, f.report.PerCore = peak.PerS, peak.PerCore
	if f.Rate == 0 {
		counts, err := f.run(ctx, segment{name: "half", rate: peak.PerS * restShare, long: f.Duration})
		if err != nil {
			return err
		}
		f.report.Half = counts[0]
	}
	if f.Times == 0 {
		return nil
	}
	return f.overload(ctx, peak)
}

// overload offers the rate of the peak and a multiple of it by turns, so that both meet the same machine, and in the end half of the peak
// right behind. The pair in the middle counts, by what it is worth.
func (f *flood) overload(ctx context.Context, peak *Count) error {
	plan := []segment{
		{name: "beside", rate: peak.Rate, long: f.Duration}, {name: "overload", rate: min(peak.PerS*f.Times, maxRate), long: f.Duration},
		{name: "after", rate: peak.PerS * restShare, long: f.Duration},
	}
	var pairs []pair
	for i := range rounds {
		turn := plan[:2]
		if i == rounds-1 {
			turn = plan
		}
		counts, err := f.run(ctx, turn...)
		if err != nil {
			return err
		}
		pairs = append(pairs, pair{counts[0], counts[1]})
		f.report.After = counts[len(counts)-1] // in the end that of the last turn
	}
	f.report.conclude(pairs)
	return nil
}

// peak offers the rate that was given, or climbs until the server does not keep up and halves the interval; the most good calls
// a second of any step count.
func (f *flood) peak(ctx context.Context) (best *Count, err error) {
	if f.Rate > 0 {
		counts, err := f.run(ctx, segment{name: "rate", rate: f.Rate, long: f.Duration})
		if err != nil {
			return nil, err
		}
		return counts[0], nil
	}
	err = search(f.First, func(rate float64) (held bool, err error) {
		for range tries {
			counts, err := f.run(ctx, segment{name: "search", rate: rate, long: f.Step})
			if err != nil {
				return false, err
			}
			if n := counts[0]; best == nil || n.PerS > best.PerS {
				best = n
			}
			if counts[0].held() {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	return best, nil
}

// search asks for rates from first up until one does not hold, and then for those in the middle of what is left, where the limit lies.
func search(first float64, holds func(rate float64) (bool, error)) error {
	low, high := 0.0, first
	for {
		held, err := holds(high)
		if err != nil {
			return err
		}
		if !held || high >= maxRate {
			break
		}
		low, high = high, min(high*growth, maxRate)
	}
	for range halvings {
		middle := (low + high) / 2
		held, err := holds(middle)
		if err != nil {
			return err
		}
		if held {
			low = middle
		} else {
			high = middle
		}
	}
	return nil
}
