package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/events"
	"github.com/conclave/conclave/server/gate"
	"github.com/conclave/conclave/server/recording"
	"github.com/conclave/conclave/server/store"
	"github.com/conclave/conclave/server/traces"
	"github.com/conclave/conclave/server/trail"
	"github.com/conclave/conclave/server/webhook"
)

// Server is a running conference server. New binds its sockets and opens its store; Run serves until its context ends.
type Server struct {
	cfg       *Config
	data      string
	log       *slog.Logger
	store     *store.Bolt
	keys      *keyring
	keyer     *keying.Keyer
	replay    *keying.Replay
	guard     *keying.Guard
	dh        *keying.Pool
	accounts  *accounts
	tokens    *tokens
	gate      *gate.Gate
	endpoint  *dialog.Endpoint
	line      *legs.Line
	pool      *mixer.Pool
	lobby     *mixer.Room
	rooms     *rooms
	policies  *policies
	ledger    *ledger
	registrar *registrar
	chores    *chores
	events    *events.Ring
	refusals  *pace            // of their events
	tracer    *traces.Exporter // nil: nobody asked for traces
	trail     *trail.Trail
	strangers *pace // of the refusals in the trail, by who they are of
	known     *pace
	attendant *attendant
	shelf     *recording.Shelf
	webhooks  *webhook.Sender
	watchers  *watchers
	journeys  *chores // one for each move under way
	moves     *moves
	calls     *calls
	metrics   *metrics
	stopping  atomic.Bool
	drain     drain
	started   time.Time // set once

	strayed chan struct{} // holds one: a leg that stands by now is at an address that we had before

	// addressOf finds the address of an interface; tests have their own.
	addressOf func(name string, ipv6 bool, had netip.Addr) (netip.Addr, error)

	// waits is how long moves wait for devices; tests put their own there.
	waits atomic.Pointer[patience]

	// full says that the mixer can take no further call; asked before anything is spent on one. It is the pool's; tests put their own there.
	full atomic.Pointer[func() bool]
}

var _ dialog.Host = (*Server)(nil)

// mixerFull is dialog.Config.Full.
func (s *Server) mixerFull() bool { return (*s.full.Load())() }

// Run mixes and serves until ctx ends; then it says BYE to every leg and closes everything.
func (s *Server) Run(ctx context.Context) error {
	mixing, stop := context.WithCancel(context.Background()) // the mixer outlives ctx until the legs are gone
	defer stop()
	unlinked, err := s.watch(ctx)
	if err != nil {
		return errors.Join(err, s.close())
	}
	defer unlinked()
	mixed := make(chan error, 1)
	go func() { mixed <- s.pool.Run(mixing) }()
	defer s.keepWatch()()
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-mixed:
		mixed <- nil
	}
	s.endCalls()
	stop()
	return errors.Join(failed, <-mixed, s.close())
}

// endCalls refuses new calls, ends those that stand, and waits for those that are being set up, which end as soon as they stand
// (join).
func (s *Server) endCalls() {
	s.stopping.Store(true)
	gone := s.ledger.stop()
	s.journeys.stop()
	s.watchers.stop()
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	for _, c := range s.calls.all() {
		_ = c.leg.Hangup(ctx, "server_stop") // ErrEnded: already gone
	}
	select {
	case <-gone:
	case <-ctx.Done():
		s.log.Warn("calls did not end in time", "calls", s.ledger.total())
	}
}

// close releases what New opened. Rooms end after the endpoint, which may still bring the last requests to them.
func (s *Server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	s.watchers.close()
	err := s.endpoint.Close(ctx)
	s.chores.close()
	s.attendant.chores.close()
	s.journeys.close()
	return errors.Join(err, s.undo())
}

// undo releases what stands behind the endpoint, as far as it was opened.
func (s *Server) undo() (err error) {
	if s.rooms != nil {
		s.rooms.close()
	}
	if s.shelf != nil {
		s.shelf.Close()
	}
	if s.replay != nil {
		err = s.replay.Close()
	}
	s.events.Close()
	if s.webhooks != nil {
		s.webhooks.Close() // which sends the last of them
	}
	s.tracer.Close()
	if s.trail != nil {
		err = errors.Join(err, s.trail.Close())
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// Close releases a server that never ran.
func (s *Server) Close() error { return s.close() }

// Metrics is everything the server counts, for Prometheus.
func (s *Server) Metrics() prometheus.Gatherer { return s.metrics.registry }

// Ready says why the server should get no new calls; nil when it should.
func (s *Server) Ready(context.Context) error {
	switch {
	case s.stopping.Load():
		return fmt.Errorf("%w: stopping", ErrUnavailable)
	case s.drain.on.Load():
		return ErrDraining
	case s.ledger.total() >= s.cfg.Limits.Calls:
		return fmt.Errorf("%w: full", ErrUnavailable)
	}
	return nil
}

// Procs is the GOMAXPROCS that a program should set which serves on some cores; mixer.Procs says why.
func Procs(cores int) int { return mixer.Procs(cores) }

// GiveWay is what a program calls that serves, when it begins; mixer.GiveWay says why.
func GiveWay() error { return mixer.GiveWay() }

// uri is the identity of an account or a room of our domain.
func (s *Server) uri(name string) string { return "sip:" + name + "@" + s.cfg.SIP.Domain }
