package loadtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
)

// ErrVerdict says that a swarm ran and failed; its report has been printed.
var ErrVerdict = errors.New("loadtest: the verdict is fail")

// CallCommand is `conclave call`; the tags are kong's.
type CallCommand struct {
	URI        string        `arg:"" help:"sip:ROOM@HOST[:PORT][;transport=udp|tcp|tls]"`
	As         string        `xor:"who" required:"" type:"existingfile" help:"Bundle of the account that calls." placeholder:"BUNDLE"`
	From       string        `xor:"who" required:"" help:"Who calls, in place of an account, where a trunk of the server vouches for this machine." placeholder:"sip:USER@DOMAIN"`
	CA         string        `name:"ca" type:"existingfile" help:"With --from over TLS: authority of the server; the system's when empty." placeholder:"PEM"`
	ClientCert string        `name:"client-cert" type:"existingfile" help:"With --from over TLS: certificate and key by which the server knows the trunk." placeholder:"PEM"`
	Keying     []string      `default:"mikey-dh" help:"Methods of the key agreement; a later one is tried, with a notice, where the one before is refused." placeholder:"METHOD"`
	ClearKeys  bool          `help:"Let an account send keys of sdes in clear, over udp and tcp; --from does."`
	Suite      string        `help:"SRTP suite; the policy's first when empty."`
	DHGroup    string        `name:"dh-group" help:"Diffie-Hellman group; modp1536 when empty."`
	Codec      string        `default:"opus" enum:"opus,pcmu,pcma,l16" help:"Codec (${enum})."`
	Play       string        `help:"WAV file, or tone:HZ." placeholder:"WAV|tone:HZ"`
	Record     string        `help:"Write what is heard." placeholder:"WAV"`
	Duration   time.Duration `help:"Hang up after so long; otherwise when the file has been played, or on interrupt."`
	LateOffer  bool          `help:"Let the server make the offer."`
	JSON       bool          `name:"json" help:"One JSON object on stdout."`
}

// Run places one call. A call that broke off is a failure.
func (c *CallCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	s, err := c.single(log)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	told, err := s.Place(ctx, func(o Outcome) {
		if !c.JSON {
			fmt.Fprintf(out, "in room %s over %s after %.1f ms: %s, %s, media %s\n%s", o.Room, o.Transport, o.SetupMS, o.keys(), o.Codec, o.Media, o.peer())
		}
	})
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = PrintJSON(out, told)
	default:
		fmt.Fprintf(out, "%s: sent %d, received %d, lost %d, jitter %.1f ms, round trip %.1f ms, MOS %.1f, level %.1f dBFS\n",
			told.Ended, told.Sent, told.Received, told.Lost, told.JitterMS, told.RTTMS, told.MOS, told.LevelDB)
	}
	if err == nil && told.Broken() {
		err = fmt.Errorf("the call broke off (%s)", told.Ended)
	}
	return err
}

// single is the call that the options describe.
func (c *CallCommand) single(log *slog.Logger) (Single, error) {
	s := Single{
		URI: c.URI, From: c.From, ClearKeys: c.ClearKeys || c.From != "", Codec: c.Codec, Play: c.Play, Record: c.Record, Duration: c.Duration,
		LateOffer: c.LateOffer, Log: log, Fallback: notice(os.Stderr),
	}
	var errs []error
	if c.From == "" {
		var err error
		s.Bundle, err = keying.ReadBundle(c.As)
		errs = append(errs, err)
	}
	s.Methods, errs = parseAll(c.Keying, keying.ParseMethod, errs)
	if c.Suite != "" {
		var err error
		s.Suite, err = keying.ParseSuite(c.Suite)
		errs = append(errs, err)
	}
	if c.DHGroup != "" {
		var err error
		s.Group, err = keying.ParseGroup(c.DHGroup)
		errs = append(errs, err)
	}
	var err error
	s.TLS, err = c.tls()
	return s, errors.Join(append(errs, err)...)
}

// tls is what a caller without a bundle brings to TLS.
func (c *CallCommand) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.From == "" {
		if c.CA != "" || c.ClientCert != "" {
			return nil, errors.New("--ca and --client-cert go with --from: a bundle has its own")
		}
		return config, nil
	}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("--ca: no certificate in " + c.CA)
		}
	}
	if c.ClientCert != "" {
		own, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientCert)
		if err != nil {
			return nil, fmt.Errorf("--client-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// notice tells people that another method is tried: never silently, since it may be the weaker one. What the server says of its
// reason proves nothing.
func notice(to io.Writer) func(from, to keying.Method, why *legs.Refused) {
	return func(refused, next keying.Method, why *legs.Refused) {
		hint := ""
		if why.Hint != nil && why.Hint.Words != "" {
			hint = "; " + why.Hint.Words
		}
		fmt.Fprintf(to, "notice: %s was %v%s; trying %s\n", refused, why, hint, next)
	}
}

// SwarmCommand is `conclave swarm`.
type SwarmCommand struct {
	Data       string        `help:"Data directory of a running server on this machine." placeholder:"DIR" default:"${data}"`
	Server     string        `help:"SIP address of the server, host:port." placeholder:"ADDR"`
	Admin      string        `help:"URL of its admin API." placeholder:"URL"`
	TokenFile  string        `help:"File with its admin token." placeholder:"FILE"`
	Callers    int           `default:"10" help:"Number of callers."`
	Rooms      int           `default:"1" help:"Number of rooms."`
	Talkers    float64       `default:"0.3" help:"Fraction of the callers that talk."`
	Chorus     bool          `help:"Talkers whose turn it is not go on at a quarter of their amplitude, instead of being silent."`
	Keying     []string      `default:"mikey-dh" help:"Methods, dealt to the callers in turn."`
	Suite      []string      `help:"SRTP suites, dealt in turn."`
	DHGroup    []string      `name:"dh-group" help:"Diffie-Hellman groups, dealt in turn."`
	Cert       []string      `default:"ecdsa" enum:"rsa,ecdsa" help:"Kinds of certificates, dealt in turn."`
	Codec      []string      `default:"opus" enum:"opus,pcmu,pcma,l16" help:"Codecs, dealt in turn."`
	Transport  string        `default:"udp" enum:"udp,tcp,tls" help:"Transport of the signalling (${enum})."`
	Ramp       float64       `default:"40" help:"Calls a second while joining."`
	AtOnce     int           `default:"32" help:"Set-ups in progress at a time."`
	Duration   time.Duration `default:"10s" help:"Length of the measurement once all have joined."`
	Script     string        `default:"join" enum:"join,churn,rekey,move,roam" help:"What the callers do (${enum})."`
	RekeyEvery time.Duration `default:"2s" help:"Time between two changes of a caller's keys, with the script rekey."`
	MoveEvery  time.Duration `default:"5s" help:"Time between two moves of a caller, with the scripts move (between two devices) and roam (between two addresses)."`
	NoAnnounce bool          `name:"no-announce" help:"With the script roam: media moves, and nothing is said; the server has to follow."`
	Listeners  int           `default:"0" help:"Clients that listen to the server's events (GET /v1/events) beside the callers."`
	ServerPID  int           `name:"server-pid" help:"Process of the server, to report its CPU time."`
	JSON       bool          `name:"json" help:"One JSON object on stdout."`
}

// Run runs the swarm; a verdict other than pass is a failure.
func (c *SwarmCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	o := Options{
		Target: target, Callers: c.Callers, Rooms: c.Rooms, Talkers: c.Talkers, Chorus: c.Chorus, Certs: c.Cert, Codecs: c.Codec, Transport: c.Transport,
		Ramp: c.Ramp, AtOnce: c.AtOnce, Duration: c.Duration, Script: c.Script, RekeyEvery: c.RekeyEvery, MoveEvery: c.MoveEvery, Unannounced: c.NoAnnounce, Listeners: c.Listeners, ServerPID: c.ServerPID, Progress: terminal(c.JSON), Log: log,
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
		err = errors.Join(err, PrintJSON(out, report))
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

// PrintJSON writes one object on a line of its own.
func PrintJSON(out io.Writer, v any) error {
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
