package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
	"github.com/conclave/conclave/mixer/codec"
)

// suite is the SRTP suite of all scenarios, method the way in which their keys are made: it has no part in the steady state.
const (
	suite  = keying.AEADAES256GCM
	method = keying.MIKEYPSK
)

// machine says which cores are whose.
type machine struct {
	server  []int // of the server, where it has not all
	callers []int
	all     []int
	gauge   gauge // on the first core
}

// divide gives the server the first core and the callers the others; where there is one, they share it. everywhere: the server may use all.
func divide(all []int, everywhere bool) machine {
	m := machine{server: all[:1], callers: all, all: all}
	m.gauge.measure = func(formats []codec.Format) (floor.Measured, error) { return floor.Measure(all[0], suite, formats) }
	if len(all) > 1 {
		m.callers = all[1:]
	}
	if everywhere {
		m.server = all
	}
	return m
}

// settled runs a scenario, in a long run again where it was disturbed.
func (m *machine) settled(ctx context.Context, s Scenario, short bool) (row Row, err error) {
	for range tries {
		row, err = m.measure(ctx, s, short)
		if err != nil || short || row.excuse() == "" {
			break
		}
	}
	return row, err
}

// measure runs one scenario.
func (m *machine) measure(ctx context.Context, s Scenario, short bool) (row Row, err error) {
	row.Scenario = s
	formats, err := s.formats()
	if err != nil {
		return row, err
	}
	least, err := m.gauge.around(formats, func() error { return m.load(ctx, &row, s.window(short)) })
	if err != nil {
		return row, err
	}
	return row, row.compare(least)
}

// load starts server and callers, measures while the calls stand, and ends both.
func (m *machine) load(ctx context.Context, row *Row, window time.Duration) (err error) {
	on := m.server
	if row.AllCores {
		on = m.all
	}
	s, err := serve(ctx, on, row.Env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	fresh := sample{}
	if err = fresh.scrape(ctx, s); err != nil {
		return err
	}
	if fresh.rss, err = resident(s.cmd.Process.Pid); err != nil {
		return err
	}
	callers, err := launch(ctx, m.callers, nil, nil, row.arguments(s.data(), settle+window+slack)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, callers.stop()) }()
	stand, err := s.standing(ctx, row.Legs, callers)
	if err != nil {
		return err
	}
	from, to, err := s.watch(ctx, callers, window)
	if err != nil {
		return err
	}
	row.fill(fresh, from, to, float64(stand))
	select {
	case <-callers.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	report := new(loadtest.Report)
	if err := json.Unmarshal([]byte(callers.out.String()), report); err != nil {
		return fmt.Errorf("bench: the callers gave no report (%w): %s", err, callers.said())
	}
	row.hear(report)
	return nil
}

// watch samples the server at both ends of a window, once the calls that stand have settled.
func (s *server) watch(ctx context.Context, callers *child, window time.Duration) (from, to sample, err error) {
	if err = s.rest(ctx, callers, settle); err != nil {
		return from, to, err
	}
	if from, err = s.begin(ctx, callers); err != nil {
		return from, to, err
	}
	if err = s.rest(ctx, callers, window); err != nil {
		return from, to, err
	}
	to, err = s.finish(ctx, callers)
	return from, to, err
}

// rest lets time pass, unless something ends before; callers is nil where they are no matter.
func (s *server) rest(ctx context.Context, callers *child, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var left <-chan struct{} // never, without callers
	if callers != nil {
		left = callers.ended
	}
	select {
	case <-timer.C:
		return nil
	case <-left:
		return fmt.Errorf("bench: the callers ended too early: %s", callers.said())
	case <-s.ended:
		return fmt.Errorf("bench: the server ended: %s", s.said())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arguments are those of `conclave swarm`.
func (s Scenario) arguments(data string, stay time.Duration) []string {
	args := []string{
		"swarm", "--data", data, "--json", "--callers", strconv.Itoa(s.Legs), "--rooms", strconv.Itoa(s.Rooms),
		"--talkers", strconv.FormatFloat(s.Talkers, 'g', -1, 64), "--codec", strings.Join(s.Codecs, ","), "--keying", string(method),
		"--suite", string(suite), "--ramp", strconv.Itoa(rampCalls), "--duration", stay.String(),
	}
	if s.Chorus {
		args = append(args, "--chorus")
	}
	if s.Rekey {
		args = append(args, "--script", loadtest.ScriptRekey, "--rekey-every", rekeyEvery)
	}
	return args
}
