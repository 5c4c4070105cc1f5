package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/conclave/conclave/keying"
)

// ErrVerdict says that a swarm ran and failed; its report has been printed.
var ErrVerdict = errors.New("loadtest: the verdict is fail")

// CallCommand is `conclave call`; the tags are kong's.
type CallCommand struct {
	URI       string        `arg:"" help:"sip:ROOM@HOST[:PORT][;transport=udp|tcp|tls]"`
	As        string        `required:"" type:"existingfile" help:"Bundle of the account that calls." placeholder:"BUNDLE"`
	Keying    string        `default:"mikey-dh" help:"Method of the key agreement." placeholder:"METHOD"`
	Suite     string        `help:"SRTP suite; the policy's first when empty."`
	DHGroup   string        `name:"dh-group" help:"Diffie-Hellman group; modp1536 when empty."`
	Codec     string        `default:"opus" enum:"opus,pcmu,pcma,l16" help:"Codec (${enum})."`
	Play      string        `help:"WAV file, or tone:HZ." placeholder:"WAV|tone:HZ"`
	Record    string        `help:"Write what is heard." placeholder:"WAV"`
	Duration  time.Duration `help:"Hang up after so long; otherwise when the file has been played, or on interrupt."`
	LateOffer bool          `help:"Let the server make the offer."`
	JSON      bool          `name:"json" help:"One JSON object on stdout."`
}

// Run places one call. A call that broke off is a failure.
func (c *CallCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	bundle, err := keying.ReadBundle(c.As)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	s := Single{
		URI: c.URI, Bundle: bundle, Codec: c.Codec, Play: c.Play, Record: c.Record, Duration: c.Duration, LateOffer: c.LateOffer, Log: log,
	}
	if s.Method, s.Suite, s.Group, err = parseNames(c.Keying, c.Suite, c.DHGroup); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	told, err := s.Place(ctx, func(o Outcome) {
		if !c.JSON {
			fmt.Fprintf(out, "in room %s over %s after %.1f ms: %s %s %s, %s, media %s\n  peer %s %s\n",
				o.Room, o.Transport, o.SetupMS, o.Method, o.Group, o.Suite, o.Codec, o.Media, o.Peer, o.Fingerprint)
		}
	})
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = printJSON(out, told)
	default:
		fmt.Fprintf(out, "%s: sent %d, received %d, lost %d, jitter %.1f ms, round trip %.1f ms, MOS %.1f, level %.1f dBFS\n",
			told.Ended, told.Sent, told.Received, told.Lost, told.JitterMS, told.RTTMS, told.MOS, told.LevelDB)
	}
	if err == nil && told.Broken() {
		err = fmt.Errorf("the call broke off (%s)", told.Ended)
	}
	return err
}

// parseNames parses one method, suite and group.
func parseNames(method, suite, group string) (m keying.Method, s keying.Suite, g keying.Group, err error) {
	if m, err = keying.ParseMethod(method); err != nil {
		return
	}
	if suite != "" {
		if s, err = keying.ParseSuite(suite); err != nil {
			return
		}
	}
	if group != "" {
		g, err = keying.ParseGroup(group)
	}
	return
}

// SwarmCommand is `conclave swarm`.
type SwarmCommand struct {
	Data      string        `help:"Data directory of a running server on this machine." placeholder:"DIR" default:"${data}"`
	Server    string        `help:"SIP address of the server, host:port." placeholder:"ADDR"`
	Admin     string        `help:"URL of its admin API." placeholder:"URL"`
	TokenFile string        `help:"File with its admin token." placeholder:"FILE"`
	Callers   int           `default:"10" help:"Number of callers."`
	Rooms     int           `default:"1" help:"Number of rooms."`
	Talkers   float64       `default:"0.3" help:"Fraction of the callers that talk."`
	Keying    []string      `default:"mikey-dh" help:"Methods, dealt to the callers in turn."`
	Suite     []string      `help:"SRTP suites, dealt in turn."`
	DHGroup   []string      `name:"dh-group" help:"Diffie-Hellman groups, dealt in turn."`
	Cert      []string      `default:"ecdsa" enum:"rsa,ecdsa" help:"Kinds of certificates, dealt in turn."`
	Codec     []string      `default:"opus" enum:"opus,pcmu,pcma,l16" help:"Codecs, dealt in turn."`
	Transport string        `default:"udp" enum:"udp,tcp,tls" help:"Transport of the signalling (${enum})."`
	Ramp      float64       `default:"40" help:"Calls a second while joining."`
	AtOnce    int           `default:"32" help:"Set-ups in progress at a time."`
	Duration  time.Duration `default:"10s" help:"Length of the measurement once all have joined."`
	Script    string        `default:"join" enum:"join,churn" help:"What the callers do (${enum})."`
	ServerPID int           `name:"server-pid" help:"Process of the server, to report its CPU time."`
	JSON      bool          `name:"json" help:"One JSON object on stdout."`
}

// Run runs the swarm; a verdict other than pass is a failure.
func (c *SwarmCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	o := Options{
		Target: target, Callers: c.Callers, Rooms: c.Rooms, Talkers: c.Talkers, Certs: c.Cert, Codecs: c.Codec, Transport: c.Transport,
		Ramp: c.Ramp, AtOnce: c.AtOnce, Duration: c.Duration, Script: c.Script, ServerPID: c.ServerPID, Progress: terminal(c.JSON), Log: log,
	}
	var errs []error
	o.Keying, errs = parseAll(c.Keying, keying.ParseMethod, errs)
	o.Suites, errs = parseAll(c.Suite, keying.ParseSuite, errs)
	o.Groups, errs = parseAll(c.DHGroup, keying.ParseGroup, errs)
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrOptions, errors.Join(errs...))
	}
	report, err := Run(ctx, o)
	if report == nil {
		return err
	}
	if o.Progress != nil {
		fmt.Fprint(o.Progress, "\r\033[K")
	}
	if c.JSON {
		err = errors.Join(err, printJSON(out, report))
	} else {
		report.Print(out)
	}
	if err == nil && !report.Pass() {
		err = ErrVerdict
	}
	return err
}

func (c *SwarmCommand) target() (Target, error) {
	if c.Admin != "" || c.Server != "" || c.TokenFile != "" {
		return NewTarget(c.Server, c.Admin, c.TokenFile)
	}
	return FindTarget(c.Data)
}

// parseAll parses each word and gathers the errors.
func parseAll[T any](words []string, parse func(string) (T, error), errs []error) ([]T, []error) {
	var list []T
	for _, w := range words {
		v, err := parse(w)
		if err != nil {
			errs = append(errs, err)
		}
		list = append(list, v)
	}
	return list, errs
}

// printJSON writes one object on a line of its own.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// terminal is where progress lines go: standard error when somebody watches it, or nowhere.
func terminal(quiet bool) io.Writer {
	if !quiet && term.IsTerminal(int(os.Stderr.Fd())) {
		return os.Stderr
	}
	return nil
}
