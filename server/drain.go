package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrDraining says that the server takes no new calls, since an operator empties it (503).
var ErrDraining = errors.New("server: draining")

// drain is whether the server is being emptied: it takes no new calls, and all that belongs to those that stand goes on, among it moves, and
// the returns of owners to the seats that wait for them. It does not outlast the process: a restart is what it is for.
type drain struct {
	on atomic.Bool

	mu   sync.Mutex // held while its events are told, so that they are in order
	left int        // calls, and seats that wait for their owners, when they were counted last
}

// Drain empties the server of calls, or has it take new ones again.
func (s *Server) Drain(ctx context.Context, on bool) NodeView {
	s.setDrain(on)
	return s.Node(ctx)
}

func (s *Server) setDrain(on bool) {
	s.drain.mu.Lock()
	defer s.drain.mu.Unlock()
	if s.drain.on.Swap(on) != on {
		calls, away := s.ledger.left()
		s.drain.left = calls + away
		s.publish(Event{Type: EventNodeDraining, Data: NodeDraining{Draining: on, Calls: calls, Away: away}})
		s.log.Info("draining", "on", on, "calls", calls, "away", away)
	}
}

// watchDrain tells when the last call of a drain is over, and nobody is waited for who lost his.
func (s *Server) watchDrain() {
	s.drain.mu.Lock()
	defer s.drain.mu.Unlock()
	if !s.drain.on.Load() {
		return
	}
	had := s.drain.left
	calls, away := s.ledger.left()
	if s.drain.left = calls + away; had > 0 && s.drain.left == 0 {
		s.publish(Event{Type: EventNodeDraining, Data: NodeDraining{Draining: true}})
		s.log.Info("drained: no call is left")
	}
}
