package loadtest

import (
	"cmp"
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
	"github.com/conclave/conclave/loadtest/sound"
)

// Scripts of the swarm.
const (
	ScriptJoin  = "join"  // everybody joins, talks and listens, and leaves
	ScriptChurn = "churn" // everybody joins and leaves again and again
	ScriptRekey = "rekey" // everybody stays, and changes keys again and again
)

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
	ServerPID  int
	Progress   io.Writer // nil: none
	Log        *slog.Logger
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
	if o.Script != ScriptJoin && o.Script != ScriptChurn && o.Script != ScriptRekey {
		complain("--script must be %s, %s or %s", ScriptJoin, ScriptChurn, ScriptRekey)
	}
	if o.Script == ScriptRekey && o.RekeyEvery <= 0 {
		complain("--rekey-every must be more than nothing")
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
	rekeying sync.WaitGroup // callers whose keys may still be changed
	parting  chan struct{}  // closed when the callers of the script rekey may hang up
	tally    tally
}

// swarmCaller is one account of the swarm and its script.
type swarmCaller struct {
	*member
	bundle *keying.Bundle
	plan   Plan
	seat   string // id of the present seat, "" before it was asked for
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
	w.stage = newStage()
	w.assign()
	if err = w.rehearse(); err != nil {
		w.stage.close()
		return nil, errors.Join(err, w.exchange.Close(), w.dismiss())
	}
	report := w.play(ctx)
	return report, errors.Join(w.exchange.Close(), w.dismiss())
}

// rehearse encodes what the callers will say before they call: it takes some ten milliseconds for each talker.
func (w *swarm) rehearse() error {
	for i, c := range w.callers {
		f, err := likely(c.plan.Codecs[0])
		if err == nil {
			err = c.rehearse(f)
		}
		if err != nil {
			return err
		}
		progress(w.Progress, "voices %d of %d", i+1, w.Callers)
	}
	return nil
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

// cast makes an account for each caller.
func (w *swarm) cast(ctx context.Context) error {
	stamp := time.Now().UnixNano() % 1e9
	for i := range w.Callers {
		name := fmt.Sprintf("swarm-%09d-%d", stamp, i)
		cert := pick(w.Certs, i)
		if pick(w.Keying, i) == keying.MIKEYRSAR {
			cert = keying.CertRSA // the method encrypts to the caller's certificate
		}
		bundle, err := w.Target.CreateAccount(ctx, name, cert)
		if err != nil {
			return fmt.Errorf("loadtest: account %s: %w", name, err)
		}
		w.callers = append(w.callers, &swarmCaller{bundle: bundle})
		progress(w.Progress, "accounts %d of %d", i+1, w.Callers)
	}
	return nil
}

// dismiss removes the accounts; a fresh context, since the run's may have ended.
func (w *swarm) dismiss() error {
	ctx, cancel := context.WithTimeout(context.Background(), dismissPatience)
	defer cancel()
	var failed error
	for _, c := range w.callers {
		if err := w.Target.DeleteAccount(ctx, c.bundle.Account); err != nil && failed == nil {
			failed = fmt.Errorf("loadtest: removing the accounts: %w", err)
		}
	}
	return failed
}

// assign deals rooms, voices, methods, suites, groups and codecs.
func (w *swarm) assign() {
	stamp := time.Now().UnixNano() % 1e6
	for i := range w.Rooms {
		w.rooms = append(w.rooms, &room{name: fmt.Sprintf("swarm-%06d-%d", stamp, i), chorus: w.Chorus})
	}
	talking := 0
	for i, c := range w.callers {
		r := w.rooms[i%w.Rooms]
		// Going by the caller's place in its room deals the talkers evenly over the rooms; a room has at least one.
		place := i / w.Rooms
		share := func(n int) int { return int(float64(n)*w.Talkers + .5) }
		talks := share(place+1) > share(place) || (place == 0 && w.Talkers > 0 && share(w.Callers/w.Rooms) == 0)
		// Neighbouring numbers within a room share no tone.
		number := (i%w.Rooms)*((w.Callers+w.Rooms-1)/w.Rooms) + place
		c.member = &member{number: number % sound.Talkers, talks: talks, place: len(r.talkers), room: r, stage: w.stage, pairs: make(map[int]*pair)}
		r.members = append(r.members, c.member)
		if talks {
			r.talkers = append(r.talkers, c.member)
			talking++
		}
		_, domain, _ := strings.Cut(c.bundle.URI, "@")
		c.plan = Plan{
			Bundle: c.bundle, URI: "sip:" + r.name + "@" + domain, Room: "sip:" + r.name + "@" + domain,
			Transport: w.Transport, Server: w.Target.Address(w.Transport, c.bundle), Methods: []keying.Method{pick(w.Keying, i)},
			Suite: pick(w.Suites, i), Group: pick(w.Groups, i), Codecs: []string{cmp.Or(pick(w.Codecs, i), "opus")},
			Mouth: c.member, Ear: c.member, Begin: c.member.begin,
		}
	}
	w.tally.talkers = talking
}

// pick deals a list to callers in turn; the zero value from an empty list.
func pick[T any](list []T, i int) (v T) {
	if len(list) > 0 {
		v = list[i%len(list)]
	}
	return v
}

// play runs the script and gathers the report.
func (w *swarm) play(ctx context.Context) *Report {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	measured := make(chan struct{}) // closed when the measurement ends
	var wg sync.WaitGroup
	start := time.Now()
	w.joined.Add(len(w.callers))
	w.rekeying.Add(len(w.callers))
	for i, c := range w.callers {
		wg.Go(func() { w.perform(ctx, c, i, measured) })
	}
	go w.watch(ctx, start, measured)
	w.joined.Wait()
	w.tally.joinedAfter(time.Since(start))
	before := ReadCPU(w.ServerPID)
	watched := w.watchLoss(ctx)
	close(w.ready)
	select {
	case <-ctx.Done():
	case <-time.After(w.Duration):
	}
	after := ReadCPU(w.ServerPID)
	close(measured)
	w.rekeying.Wait() // the last changes of keys come to an end before anybody hangs up
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
