package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
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
	started   time.Time // set once

	// addressOf finds the address of an interface; tests have their own.
	addressOf func(name string, ipv6 bool, had netip.Addr) (netip.Addr, error)

	// waits is how long moves wait for devices; tests put their own there.
	waits atomic.Pointer[patience]

	// full says that the mixer can take no further call; asked before anything is spent on one. It is the pool's; tests put their own there.
	full atomic.Pointer[func() bool]
}

var _ dialog.Host = (*Server)(nil)

// New makes a server of a configuration over a data directory, which it creates. Whatever fails is undone.
func New(cfg *Config, data string, log *slog.Logger) (_ *Server, err error) {
	if cfg, err = cfg.housed(addressOf); err != nil {
		return nil, err
	}
	s := &Server{
		started: time.Now(), cfg: cfg, addressOf: addressOf, data: data, log: log, ledger: newLedger(cfg), chores: newChores(maxChanges, changePatience),
		registrar: newRegistrar(maxBindings, time.Now), events: events.New(keptEvents, time.Now), refusals: &pace{most: refusalsTold},
		strangers: &pace{most: strangersRecorded}, known: &pace{most: refusalsRecorded},
		watchers: newWatchers(watchPace),
		journeys: newChores(maxMoves, movePatience), moves: newMoves(), calls: &calls{by: make(map[string]*call)},
	}
	s.registrar.publish = s.publish
	s.waits.Store(&patience{ringPatience, callPatience, heardPatience, turnPatience})
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	if s.webhooks, err = s.startWebhooks(); err != nil {
		s.events.Close()
		return nil, err
	}
	if s.store, err = store.Open(data); err != nil {
		s.events.Close()
		s.webhooks.Close()
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.undo() // what failed matters more
		}
	}()
	if err = s.openTrail(); err != nil {
		return nil, err
	}
	if url := cfg.Telemetry.OTLP; url != "" {
		s.tracer = traces.New(traces.Config{URL: url, Instance: cfg.SIP.Domain, Log: log})
	}
	if s.shelf, err = recording.New(filepath.Join(data, recordingsFolder), cfg.Recording.Recipients, log); err != nil {
		return nil, err
	}
	if s.tokens, err = loadTokens(s.store, time.Now); err != nil {
		return nil, err
	}
	keyer, err := s.openKeying()
	if err != nil {
		return nil, err
	}
	s.openMedia(keyer)
	if err = s.reopen(); err != nil {
		return nil, err
	}
	if s.gate, err = gate.New(gate.Config{
		Domain: cfg.SIP.Domain, Realm: cfg.SIP.Domain, Accounts: s.accounts, Keyer: keyer, Policy: s.policy,
		Trunks: cfg.gateTrunks(), Known: s.accounts.taken, Issued: s.accounts.issued, Address: cfg.Media.Address,
		Enabled: func(name string) bool { return s.accounts.enabled(name) != nil },
	}); err != nil {
		return nil, err
	}
	s.registrar.reaches = func(flow string) bool { return s.endpoint.Reaches(flow) }
	s.metrics = newMetrics(s) // the endpoint calls Admit as soon as it listens
	if s.endpoint, err = dialog.Listen(dialog.Config{
		UDP: cfg.SIP.UDP, TCP: cfg.SIP.TCP, TLS: cfg.SIP.TLS, Domain: cfg.SIP.Domain, UserAgent: "Conclave", Focus: true, Registrar: true, Events: []string{conferenceEvent},
		ServerTLS:         s.sipTLS(),
		ClientTLS:         &tls.Config{RootCAs: s.keys.authority.Roots(), MinVersion: tls.VersionTLS12},
		RequestsPerSource: cfg.Limits.RequestsPerSource, Full: s.mixerFull, Neighbours: cfg.neighbours, Log: log,
	}, s); err != nil {
		return nil, fmt.Errorf("SIP cannot listen: %w; choose other addresses under sip", err)
	}
	return s, nil
}

// mixerFull is dialog.Config.Full.
func (s *Server) mixerFull() bool { return (*s.full.Load())() }

// openKeying loads keys and accounts and makes the Keyer on top of them.
func (s *Server) openKeying() (*keying.Keyer, error) {
	var err error
	if s.keys, err = loadKeys(s.store, s.cfg.SIP.Domain, s.listenHosts()); err != nil {
		return nil, err
	}
	if s.accounts, err = loadAccounts(s.store, s.cfg.SIP.Domain, s.keys.authority.Roots()); err != nil {
		return nil, err
	}
	if lost := s.accounts.outside(s.cfg.Policies); len(lost) > 0 {
		s.log.Warn("accounts cannot call: their policy is not in the configuration; add it, or give them another by the admin API",
			"accounts", len(lost), "first", lost[:min(len(lost), mostNamed)])
	}
	if s.replay, err = keying.NewReplay(keying.ReplayConfig{
		Entries: replayEntries, Skew: keySkew, Ceiling: ceiling{s.store},
	}); err != nil {
		return nil, err
	}
	if s.guard, err = keying.NewGuard(keying.GuardConfig{Entries: guardEntries}); err != nil {
		return nil, err
	}
	s.dh = keying.NewPool(keying.PoolConfig{
		Workers: orCores(s.cfg.Limits.DHWorkers, 2), Queue: s.cfg.Limits.DHQueue, Deadline: dhDeadline,
	})
	return keying.New(keying.Config{
		Own: s.keys.own, Directory: s.accounts, Issued: s.accounts.issued, Replay: s.replay, Guard: s.guard, Pool: s.dh,
	})
}

// policy is what whoever it is must keep to in a room, whether the room is open yet or not (gate.Config.Policy).
func (s *Server) policy(room string, who gate.Who) *keying.Policy {
	return s.policies.of(s.rooms.policy(room), who)
}

// sipTLS is the TLS of the signalling. A client is asked for a certificate, and need not have one: trunks may be known by theirs, and
// accounts register and move by theirs. What counts is its fingerprint, which the gate compares, and not who issued it.
func (s *Server) sipTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.keys.tls}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
}

// openMedia makes the mixer, its lobby, the rooms and what the legs share.
func (s *Server) openMedia(keyer *keying.Keyer) {
	s.pool = mixer.NewPool(mixer.Config{Workers: orCores(s.cfg.Media.Workers, 1), Log: s.log})
	full := s.pool.Full
	s.full.Store(&full)
	s.attendant = newAttendant(s.log)
	s.lobby = s.pool.NewRoom("lobby", mixer.RoomConfig{})
	s.policies = newPolicies(s.cfg, s.accounts.policyOf)
	s.rooms = newRooms(s.cfg, s.pool, s.accounts.taken, s.publish, s.attendant, s.log)
	s.line = &legs.Line{
		Domain: s.cfg.SIP.Domain, Keyer: keyer, Codecs: s.cfg.Media.Codecs, MediaTimeout: s.cfg.Media.Timeout, Log: s.log,
		Renew: true, OnRekey: s.rekeyed, OnShaken: s.shaken, OnHold: s.onHold,
		Ports:  media.NewPorts(s.cfg.Media.Address, s.cfg.Media.PortLow, s.cfg.Media.PortHigh, s.cfg.Media.Address6),
		Ledger: media.NewLedger(), CNAME: s.cfg.SIP.Domain,
	}
}

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
	s.drain()
	stop()
	return errors.Join(failed, <-mixed, s.close())
}

// drain refuses new calls, ends those that stand, and waits for those that are being set up, which end as soon as they stand
// (join).
func (s *Server) drain() {
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
	s.webhooks.Close() // which sends the last of them
	s.tracer.Close()
	if s.trail != nil {
		err = errors.Join(err, s.trail.Close())
	}
	return errors.Join(err, s.store.Close())
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
	case s.ledger.total() >= s.cfg.Limits.Calls:
		return fmt.Errorf("%w: full", ErrUnavailable)
	}
	return nil
}

// Procs is the GOMAXPROCS that a program should set which serves on some cores; mixer.Procs says why.
func Procs(cores int) int { return mixer.Procs(cores) }

// orCores is n, or one for every so many cores where n leaves it open. GOMAXPROCS says something else: see main.
func orCores(n, share int) int {
	if n > 0 {
		return n
	}
	return max(1, runtime.NumCPU()/share)
}

// uri is the identity of an account or a room of our domain.
func (s *Server) uri(name string) string { return "sip:" + name + "@" + s.cfg.SIP.Domain }
