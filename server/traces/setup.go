package traces

import (
	"crypto/rand"
	"sync"
	"time"
)

// Setup is the set-up of one call: steps that follow one another. A nil Setup takes everything and does nothing, which is what there is
// where nobody asked for traces.
type Setup struct {
	exporter *Exporter
	trace    [16]byte

	mu     sync.Mutex
	begun  time.Time
	ended  time.Time // zero: it goes on
	steps  []step
	attrs  map[string]string
	status int    // SIP status that it ended with
	failed string // why it failed; "": it did not
}

// step is a part of the set-up; it ends where the next begins.
type step struct {
	name  string
	begun time.Time
}

// Begin begins a set-up whose first step began then.
func (e *Exporter) Begin(name string, then time.Time) *Setup {
	if e == nil {
		return nil
	}
	s := &Setup{exporter: e, begun: then, attrs: make(map[string]string), steps: append(make([]step, 0, maxSteps), step{name, then})}
	_, _ = rand.Read(s.trace[:]) // crypto/rand never fails since Go 1.24
	return s
}

// Step ends the step that runs and begins the next.
func (s *Setup) Step(name string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.IsZero() && len(s.steps) < maxSteps {
		s.steps = append(s.steps, step{name, time.Now()})
	}
}

// Note says something about the set-up as a whole, such as its method; empty values are left out.
func (s *Setup) Note(key, value string) {
	if s == nil || value == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.IsZero() {
		s.attrs[key] = value
	}
}

// End ends the set-up, once: with a SIP status, and why it failed, "" where it did not.
func (s *Setup) End(status int, failed string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended.IsZero() {
		return
	}
	s.ended, s.status, s.failed = time.Now(), status, failed
	s.exporter.take(s)
}
