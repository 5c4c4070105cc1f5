package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"runtime"
	"time"

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
)

// New makes a server of a configuration over a data directory, which it creates. Whatever fails is undone.
func New(cfg *Config, data string, log *slog.Logger) (*Server, error) {
	cfg, err := cfg.housed(addressOf)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	s := unopened(cfg, data, log)
	for _, open := range []func() error{
		s.openOutlets, s.openStore, s.openTrail, s.openShelf, s.openKeying, s.openMedia, s.reopen, s.openGate,
		s.openEndpoint, // last: what it hears is served at once
	} {
		if err := open(); err != nil {
			_ = s.undo() // what failed matters more
			return nil, err
		}
	}
	return s, nil
}

// unopened is a server that has opened nothing yet.
func unopened(cfg *Config, data string, log *slog.Logger) *Server {
	s := &Server{
		started: time.Now(), cfg: cfg, addressOf: addressOf, strayed: make(chan struct{}, 1), data: data, log: log, ledger: newLedger(cfg), chores: newChores(maxChanges, changePatience),
		registrar: newRegistrar(maxBindings, time.Now), events: events.New(keptEvents, time.Now), refusals: &pace{most: refusalsTold},
		strangers: &pace{most: strangersRecorded}, known: &pace{most: refusalsRecorded},
		watchers: newWatchers(watchPace),
		journeys: newChores(maxMoves, movePatience), moves: newMoves(), calls: &calls{by: make(map[string]*call)},
	}
	s.registrar.publish = s.publish
	s.registrar.reaches = func(flow string) bool { return s.endpoint.Reaches(flow) }
	s.waits.Store(&patience{ringPatience, callPatience, heardPatience, turnPatience})
	return s
}

// openOutlets begins to send events and traces to those that the configuration names.
func (s *Server) openOutlets() error {
	if url := s.cfg.Telemetry.OTLP; url != "" {
		s.tracer = traces.New(traces.Config{URL: url, Instance: s.cfg.SIP.Domain, Log: s.log})
	}
	return s.startWebhooks()
}

// openStore opens the store, and loads the tokens of the API.
func (s *Server) openStore() (err error) {
	if s.store, err = store.Open(s.data); err != nil {
		return err
	}
	s.tokens, err = loadTokens(s.store, time.Now)
	return err
}

// openShelf finds the recordings.
func (s *Server) openShelf() (err error) {
	s.shelf, err = recording.New(s.cfg.Recording.shelf(s.data, s.log))
	return err
}

// openKeying loads keys and accounts and makes the Keyer on top of them.
func (s *Server) openKeying() (err error) {
	if s.keys, err = loadKeys(s.store, s.cfg.SIP.Domain, s.listenHosts()); err != nil {
		return err
	}
	if s.accounts, err = loadAccounts(s.store, s.cfg.SIP.Domain, s.keys.authority.Roots()); err != nil {
		return err
	}
	if lost := s.accounts.outside(s.cfg.Policies); len(lost) > 0 {
		s.log.Warn("accounts cannot call: their policy is not in the configuration; add it, or give them another by the admin API",
			"accounts", len(lost), "first", lost[:min(len(lost), mostNamed)])
	}
	if s.replay, err = keying.NewReplay(keying.ReplayConfig{
		Entries: replayEntries, Skew: keySkew, Ceiling: ceiling{s.store},
	}); err != nil {
		return err
	}
	if s.guard, err = keying.NewGuard(keying.GuardConfig{Entries: guardEntries}); err != nil {
		return err
	}
	s.dh = keying.NewPool(keying.PoolConfig{
		Workers: orCores(s.cfg.Limits.DHWorkers, 2), Queue: s.cfg.Limits.DHQueue, Deadline: dhDeadline,
	})
	s.keyer, err = keying.New(keying.Config{
		Own: s.keys.own, Directory: s.accounts, Issued: s.accounts.issued, Replay: s.replay, Guard: s.guard, Pool: s.dh,
	})
	return err
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
func (s *Server) openMedia() error {
	s.pool = mixer.NewPool(mixer.Config{Workers: orCores(s.cfg.Media.Workers, 1), Log: s.log})
	full := s.pool.Full
	s.full.Store(&full)
	s.attendant = newAttendant(s.log)
	s.lobby = s.pool.NewRoom("lobby", mixer.RoomConfig{})
	s.policies = newPolicies(s.cfg, s.accounts.policyOf)
	s.rooms = newRooms(s.cfg, s.pool, s.store, &s.drain.on, s.ledger, s.accounts.taken, s.publish, s.attendant, s.log)
	s.line = &legs.Line{
		Domain: s.cfg.SIP.Domain, Keyer: s.keyer, Codecs: s.cfg.Media.Codecs, MediaTimeout: s.cfg.Media.Timeout, Log: s.log,
		Renew: true, OnRekey: s.rekeyed, OnShaken: s.shaken, OnHold: s.onHold,
		Ports:  media.NewPorts(s.cfg.Media.Address, s.cfg.Media.PortLow, s.cfg.Media.PortHigh, s.cfg.Media.Address6),
		Ledger: media.NewLedger(), CNAME: s.cfg.SIP.Domain,
	}
	return nil
}

// openGate makes the gate, which asks accounts, rooms and policies.
func (s *Server) openGate() (err error) {
	s.gate, err = gate.New(gate.Config{
		Domain: s.cfg.SIP.Domain, Realm: s.cfg.SIP.Domain, Accounts: s.accounts, Keyer: s.keyer, Policy: s.policy,
		Trunks: s.cfg.gateTrunks(), Known: s.accounts.taken, Issued: s.accounts.issued, Address: s.cfg.Media.Address,
		Enabled: func(name string) bool { return s.accounts.enabled(name) != nil },
	})
	return err
}

// openEndpoint listens. The endpoint calls Admit as soon as it does, which counts what it refuses.
func (s *Server) openEndpoint() (err error) {
	s.metrics = newMetrics(s)
	s.line.OnInfo = s.metrics.informed
	if s.endpoint, err = dialog.Listen(dialog.Config{
		UDP: s.cfg.SIP.UDP, TCP: s.cfg.SIP.TCP, TLS: s.cfg.SIP.TLS, Domain: s.cfg.SIP.Domain,
		UserAgent: "Conclave", Focus: true, Registrar: true, Events: []string{conferenceEvent}, ServerTLS: s.sipTLS(),
		ClientTLS:         &tls.Config{RootCAs: s.keys.authority.Roots(), MinVersion: tls.VersionTLS12},
		RequestsPerSource: s.cfg.Limits.RequestsPerSource, Full: s.mixerFull, Neighbours: s.cfg.neighbours, Log: s.log,
	}, s); err != nil {
		return fmt.Errorf("SIP cannot listen: %w; choose other addresses under sip", err)
	}
	return nil
}

// orCores is n, or one for every so many cores where n leaves it open. GOMAXPROCS says something else: see main.
func orCores(n, share int) int {
	if n > 0 {
		return n
	}
	return max(1, runtime.NumCPU()/share)
}
