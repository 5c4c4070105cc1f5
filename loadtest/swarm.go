package loadtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

// Scripts of the swarm.
const (
	ScriptJoin  = "join"  // everybody joins, talks and listens, and leaves
	ScriptChurn = "churn" // everybody joins and leaves again and again
	ScriptRekey = "rekey" // everybody stays, and changes keys again and again
	ScriptMove  = "move"  // everybody stays, and goes from one of two devices to the other again and again
	ScriptRoam  = "roam"  // everybody stays, and changes addresses again and again
)

// scripts are all of them.
var scripts = []string{ScriptJoin, ScriptChurn, ScriptRekey, ScriptMove, ScriptRoam}

// Options of a swarm. Lists are dealt to the callers in turn.
type Options struct {
	Target    Target
	Callers   int
	Rooms     int
	Talkers   float64 // fraction of the callers that talk
	Chorus    bool    // talkers go on at a low level while it is not their turn
	Keying    []keying.Method
	Suites    []keying.Suite
	Groups    []keying.Group
	Certs     []string // rsa, ecdsa
	Codecs    []string
	Transport string
	Ramp      float64       // calls a second while joining
	AtOnce    int           // set-ups in progress at a time
	Duration  time.Duration // of the measurement, once all have joined
	Script    string
	// RekeyEvery is the time between two changes of a caller's keys, with the script rekey.
	RekeyEvery time.Duration
	// MoveEvery is the time between two moves of a caller, with the scripts move and roam. Unannounced: who roams tells nobody, and his
	// signalling stays where it is.
	MoveEvery   time.Duration
	Unannounced bool
	Listeners   int // to the server's events, beside the callers
	Stalled     int // likewise, that never read what comes
	ServerPID   int
	Progress    io.Writer // nil: none
	Log         *slog.Logger
}

// ErrOptions says that a swarm cannot be made of its options; it wraps one sentence for each.
var ErrOptions = errors.New("loadtest: bad options")

// check says everything that is wrong with the options.
func (o *Options) check() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if o.Callers < 1 || o.Callers > maxCallers {
		complain("--callers must be 1 to %d", maxCallers)
	}
	if o.Rooms < 1 || o.Rooms > o.Callers {
		complain("--rooms must be 1 to the number of callers")
	}
	if o.Talkers < 0 || o.Talkers > 1 {
		complain("--talkers is a fraction from 0 to 1")
	}
	if len(o.Keying) == 0 {
		complain("--keying names no method")
	}
	if slices.Contains(o.Keying, keying.SDES) && o.Transport != "tls" {
		complain("--keying %s needs --transport tls: its keys stand in the signalling", keying.SDES)
	}
	if !slices.Contains(scripts, o.Script) {
		complain("--script must be one of %s", strings.Join(scripts, ", "))
	}
	if o.Script == ScriptRekey && o.RekeyEvery <= 0 {
		complain("--rekey-every must be more than nothing")
	}
	if o.moves() {
		o.checkMoves(complain)
	}
	if o.Listeners < 0 || o.Stalled < 0 || o.Listeners+o.Stalled > maxListeners {
		complain("--listeners and --stalled together must be 0 to %d", maxListeners)
	}
	if o.AtOnce < 1 {
		complain("--at-once must be at least 1")
	}
	if o.Ramp <= 0 || o.Duration <= 0 {
		complain("--ramp and --duration must be more than nothing")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrOptions, strings.ReplaceAll(errors.Join(wrong...).Error(), "\n", "; "))
	}
	return nil
}

// swarm is one run.
type swarm struct {
	Options
	exchange *Exchange
	stage    *stage
	rooms    []*room
	callers  []*swarmCaller
	limiter  *rate.Limiter
	dialing  chan struct{}  // holds one entry for each set-up in progress
	joined   sync.WaitGroup // first set-up of each caller, good or bad
	ready    chan struct{}  // closed when all have joined
	settling sync.WaitGroup // callers who may still be in the middle of a change
	parting  chan struct{}  // closed when the callers who stay may hang up
	audience *listeners
	ticks    TicksReport // until the measurement began; then during it
	tally    tally
}

// swarmCaller is one account of the swarm and its script.
type swarmCaller struct {
	*member
	bundle *keying.Bundle
	plan   Plan
	seat   string  // id of the present seat, "" before it was asked for
	person *person // of the script move; nil: one without devices

	exchange *Exchange // of the swarm, or, with the script roam, its own
}

// Run runs the swarm and reports. The error tells why it could not run; what it found wrong stands in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	w := &swarm{
		Options: o, limiter: rate.NewLimiter(rate.Limit(o.Ramp), 1), dialing: make(chan struct{}, o.AtOnce), tally: newTally(),
		ready: make(chan struct{}), parting: make(chan struct{}),
	}
	if err := w.cast(ctx); err != nil {
		return nil, errors.Join(err, w.dismiss())
	}
	err := w.connect()
	if err != nil {
		return nil, errors.Join(err, w.dismiss())
	}
	if w.audience, err = w.Target.listen(ctx, w.Listeners, w.Stalled); err != nil {
		return nil, errors.Join(err, w.exchange.Close(), w.dismiss())
	}
	w.stage = newStage()
	w.assign()
	if err = w.rehearse(); err != nil {
		w.stage.close()
		return nil, errors.Join(err, w.audience.close(), w.exchange.Close(), w.dismiss())
	}
	report := w.play(ctx)
	return report, errors.Join(w.audience.close(), w.exchange.Close(), w.dismiss())
}

// connect opens the callers' side where the server can be reached from.
func (w *swarm) connect() (err error) {
	first := w.callers[0].bundle
	server := w.Target.Address(w.Transport, first)
	if server == "" {
		return fmt.Errorf("%w: the server takes no calls over %s", ErrTarget, w.Transport)
	}
	w.exchange, err = NewExchange(localAddress(server), &tls.Config{RootCAs: first.Roots(), MinVersion: tls.VersionTLS12}, w.Log)
	return err
}

// play runs the script and gathers the report.
func (w *swarm) play(ctx context.Context) *Report {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	measured := make(chan struct{}) // closed when the measurement ends
	var wg sync.WaitGroup
	start := time.Now()
	w.joined.Add(len(w.callers))
	w.settling.Add(len(w.callers))
	for i, c := range w.callers {
		wg.Go(func() { w.perform(ctx, c, i, measured) })
	}
	go w.watch(ctx, start, measured)
	w.joined.Wait()
	w.tally.joinedAfter(time.Since(start))
	before := ReadCPU(w.ServerPID)
	watched := w.watchLoss(ctx)
	ticked := w.watchTicks(ctx)
	close(w.ready)
	select {
	case <-ctx.Done():
	case <-time.After(w.Duration):
	}
	after := ReadCPU(w.ServerPID)
	ticked()
	close(measured)
	w.settling.Wait() // the last changes come to an end before anybody hangs up
	watched()
	close(w.parting)
	wg.Wait()
	progress(w.Progress, "listening to what was heard")
	w.stage.close()
	return w.report(ctx, before, after)
}

// watchLoss begins to count what the server loses while keys are changed; the returned function ends it.
func (w *swarm) watchLoss(ctx context.Context) (end func()) {
	if w.Script != ScriptRekey {
		return func() {}
	}
	before, err := w.Target.spoiled(ctx)
	return func() {
		after, err2 := w.Target.spoiled(ctx)
		if err = errors.Join(err, err2); err != nil {
			w.tally.unknown(fmt.Errorf("what the server lost is not known: %w", err))
			return
		}
		w.tally.spoilt(before, after)
	}
}

// watchTicks begins to count how the server's mixer keeps time; the returned function ends it.
func (w *swarm) watchTicks(ctx context.Context) (end func()) {
	before, err := w.Target.ticks(ctx)
	return func() {
		after, err2 := w.Target.ticks(ctx)
		if err = errors.Join(err, err2); err != nil {
			w.Log.Warn("how the server's mixer kept time is not known", "err", err)
			return
		}
		w.ticks = after.since(before)
	}
}

// reason names the failure of a set-up or of a change of keys for the report.
func reason(err error) string {
	var refused *legs.Refused
	var agreed *keying.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("%d %s", refused.Status, refused.Reason)
	case errors.As(err, &agreed):
		return "keying " + agreed.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "error: " + err.Error()
}
