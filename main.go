// Conclave is a secure SIP conference server and the callers that prove it: one binary. This file is wiring only.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/admin/audit"
	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench"
	"github.com/conclave/conclave/loadtest/flood"
	"github.com/conclave/conclave/server"
)

// version is set by the Makefile.
var version = "unknown"

// Exit statuses of every command.
const (
	statusGood   = 0
	statusFailed = 1 // it ran and failed
	statusUsage  = 2 // bad usage or configuration
)

// commands is the command line, one field a command.
type commands struct {
	Serve   serveCommand          `cmd:"" help:"Serve conferences."`
	Call    loadtest.CallCommand  `cmd:"" help:"Call a room: play, listen, record."`
	Swarm   loadtest.SwarmCommand `cmd:"" help:"Load a server with callers that listen critically."`
	Bench   bench.Command         `cmd:"" help:"Measure a server of its own in every scenario, next to the floor of this machine."`
	Flood   flood.Command         `cmd:"" help:"Offer a server more call set-ups than it can take, and count."`
	Demo    demoCommand           `cmd:"" help:"Ten callers with recorded speech in two rooms of a server of their own."`
	Account accountCommand        `cmd:"" help:"Accounts of a running server."`
	Audit   auditCommand          `cmd:"" help:"The audit trail."`
	Mikey   mikeyCommand          `cmd:"" help:"Look into MIKEY messages."`
	Version versionCommand        `cmd:"" help:"Print the version."`

	Verbose bool `short:"v" help:"Log more, to stderr."`
}

// env is what every command gets.
type env struct {
	ctx    context.Context
	out    io.Writer // results
	errors io.Writer // logs and progress
	log    *slog.Logger
}

// usage marks an error as bad usage or configuration.
type usage struct{ error }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run sets the process up, parses the command line, runs the command, and turns its error into an exit status and one sentence.
func run(args []string, out, errs io.Writer) int {
	runtime.GOMAXPROCS(server.Procs(runtime.NumCPU()))
	var c commands
	exited := -1
	home, _ := os.UserHomeDir() // without one the working directory serves
	parser, err := kong.New(&c, kong.Name("conclave"), kong.Vars{"data": filepath.Join(home, ".conclave-dev")}, kong.Description("A secure SIP conference server."),
		kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(errs, "conclave:", err)
		return statusUsage
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(errs, "conclave: %v; try: conclave --help\n", err)
		return statusUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends us at once
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	e := &env{ctx: ctx, out: out, errors: errs, log: slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(out, (*io.Writer)(nil))
	err = parsed.Run(e, e.quiet())
	switch {
	case err == nil:
		return statusGood
	case errors.Is(err, errSilent), errors.Is(err, loadtest.ErrVerdict), errors.Is(err, bench.ErrFailed):
		return statusFailed
	}
	fmt.Fprintln(errs, "conclave:", err)
	if badUsage(err) {
		return statusUsage
	}
	return statusFailed
}

// badUsage says whether the command line or the configuration is at fault.
func badUsage(err error) bool {
	var bad usage
	if errors.As(err, &bad) {
		return true
	}
	for _, of := range []error{
		server.ErrConfig, loadtest.ErrOptions, loadtest.ErrTarget, loadtest.ErrDestination, client.ErrNotServing, client.ErrOptions, audit.ErrOptions,
	} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// errSilent is a failure that has been told already.
var errSilent = errors.New("failed")

// quiet is the log of commands whose output is the point: warnings only, or everything with --verbose.
func (e *env) quiet() *slog.Logger {
	if e.log.Enabled(e.ctx, slog.LevelDebug) {
		return e.log
	}
	return slog.New(slog.NewTextHandler(e.errors, &slog.HandlerOptions{Level: slog.LevelError}))
}

func (e *env) json(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

type serveCommand struct {
	Config    string `type:"path" help:"Configuration file (YAML)." placeholder:"FILE"`
	Data      string `help:"Data directory; created with mode 0700. Default: ~/.conclave, with --dev ~/.conclave-dev." placeholder:"DIR"`
	Dev       bool   `help:"Loopback, demo accounts, rooms on demand: needs nothing."`
	ReadyFile string `help:"Write the real addresses here too, once serving." placeholder:"FILE"`
}

// Run serves until it is interrupted.
func (c *serveCommand) Run(e *env) error {
	base, data := server.DefaultConfig(), c.Data
	if c.Dev {
		base = server.DevConfig()
	}
	if data == "" {
		home, _ := os.UserHomeDir() // without one the working directory serves
		data = filepath.Join(home, ".conclave")
		if c.Dev {
			data += "-dev"
		}
	}
	cfg, err := server.LoadConfig(c.Config, base)
	if err != nil {
		return err
	}
	server.BackByHugePages(cfg.Limits.Calls)
	server.PaceGarbage(cfg.Limits.Calls)
	if err := server.Harden(); err != nil {
		e.log.Warn("keys in memory are less protected than they could be", "err", err)
	}
	n, err := admin.Start(e.ctx, cfg, data, c.Dev, version, e.log)
	if err != nil {
		return err
	}
	ready, err := n.Server.WriteReady(n.URL, c.ReadyFile)
	if err != nil {
		return errors.Join(err, n.Stop())
	}
	c.greet(e, ready)
	<-n.Done()
	n.Server.RemoveReady(c.ReadyFile)
	return n.Stop()
}

// greet says what to do next.
func (c *serveCommand) greet(e *env, r server.Ready) {
	fmt.Fprintf(e.out, "conclave %s serves\n  sip   udp %s  tcp %s  tls %s\n  admin %s (token in %s)\n",
		version, r.SIPUDP, r.SIPTCP, r.SIPTLS, r.Admin, r.TokenFile)
	if c.Dev {
		fmt.Fprintf(e.out, "\nCall a room, each line in a terminal of its own:\n"+
			"  %[1]s call %[2]s --as %[3]s/alice.json --play tone:440\n"+
			"  %[1]s call %[2]s --as %[3]s/bob.json --record heard.wav --duration 10s\n"+
			"Load it:\n  %[1]s swarm --data %[3]s --callers 30 --rooms 3 --duration 10s\n", os.Args[0], r.Room("lobby"), r.Data)
	}
}

type auditCommand struct {
	Verify verifyCommand `cmd:"" help:"Say whether somebody changed, removed or reordered records of the audit trail, and where."`
}

type verifyCommand struct {
	audit.Inspection
	JSON bool `name:"json" help:"One JSON object on stdout."`
}

// Run verifies; a trail with a problem is a failure.
func (c *verifyCommand) Run(e *env) error {
	report, err := c.Verify(e.ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = e.json(report)
	default:
		c.Print(e.out, report)
	}
	if err == nil && len(report.Problems) > 0 {
		err = errSilent
	}
	return err
}

type demoCommand struct {
	Out string `default:"demo-out" type:"path" help:"Where the recordings go." placeholder:"DIR"`
}

// Run serves on free ports from a throw-away data directory and places ten callers.
func (c *demoCommand) Run(e *env, log *slog.Logger) error {
	data, err := os.MkdirTemp("", "conclave-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data) //nolint:errcheck // a leftover in the temporary directory harms nobody
	cfg, err := server.ReadConfig("demo", []byte(server.FreePorts), server.DevConfig())
	if err != nil {
		return err
	}
	n, err := admin.Start(e.ctx, cfg, filepath.Join(data, "data"), false, version, log)
	if err != nil {
		return err
	}
	ready, err := n.Server.WriteReady(n.URL, "")
	if err == nil {
		var target loadtest.Target
		if target, err = loadtest.FindTarget(ready.Data); err == nil {
			err = loadtest.Demo(e.ctx, target, c.Out, e.out, log)
		}
	}
	return errors.Join(err, n.Stop())
}

type mikeyCommand struct {
	Inspect inspectCommand `cmd:"" help:"Decode one message, and verify it where a key is given."`
	Vectors vectorsCommand `cmd:"" help:"Write our test vectors, as JSON: every method with its updates, from published keys."`
}

type vectorsCommand struct{}

// Run makes them; they are the same every time.
func (vectorsCommand) Run(e *env) error { return keying.WriteVectors(e.out) }

type inspectCommand struct {
	Message  string `arg:"" help:"Base64 as after a=key-mgmt:mikey, or - for standard input." placeholder:"BASE64|-"`
	PSK      string `name:"psk" help:"Pre-shared key." placeholder:"HEX"`
	PeerCert string `type:"existingfile" help:"Certificate of the signer." placeholder:"PEM"`
	OwnKey   string `type:"existingfile" help:"Our private key, for modes that encrypt to it." placeholder:"PEM"`
	ShowKeys bool   `help:"Print TEKs and salts."`
	JSON     bool   `name:"json" help:"One JSON object on stdout."`
}

// Run decodes; a message that is malformed or does not authenticate is a failure.
func (c *inspectCommand) Run(e *env) error {
	text := c.Message
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<16))
		if err != nil {
			return err
		}
		text = string(b)
	}
	known, err := c.known()
	if err != nil {
		return usage{err}
	}
	report, err := keying.InspectMIKEY(text, known)
	switch {
	case err != nil:
		return usage{err}
	case c.JSON:
		err = e.json(report)
	default:
		err = report.Print(e.out)
	}
	if err == nil && (report.Error != "" || report.Authenticated != nil && !*report.Authenticated) {
		err = errSilent
	}
	return err
}

func (c *inspectCommand) known() (k keying.Inspection, err error) {
	k.ShowKeys = c.ShowKeys
	if c.PSK != "" {
		psk, err := hex.DecodeString(c.PSK)
		if err != nil {
			return k, errors.New("--psk is not hexadecimal")
		}
		k.PSK = keying.NewSecret(psk)
	}
	if c.PeerCert != "" {
		if k.PeerCert, err = os.ReadFile(c.PeerCert); err != nil {
			return k, err
		}
	}
	if c.OwnKey != "" {
		k.OwnKey, err = os.ReadFile(c.OwnKey)
	}
	return k, err
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(e *env) error {
	fmt.Fprintln(e.out, "conclave", version)
	return nil
}

type accountCommand struct {
	Data      string `help:"Data directory of a running server on this machine." placeholder:"DIR" default:"${data}"`
	Admin     string `help:"URL of the admin API." placeholder:"URL"`
	TokenFile string `help:"File with the admin token." placeholder:"FILE"`

	Add     accountAdd     `cmd:"" help:"Make an account; prints its BUNDLE once."`
	List    accountList    `cmd:"" help:"List the accounts."`
	Show    accountShow    `cmd:"" help:"Show one account."`
	Disable accountDisable `cmd:"" help:"Forbid an account to call and end its calls."`
	Rotate  accountRotate  `cmd:"" help:"Give an account new credentials in place of the old; prints its BUNDLE once."`
	Delete  accountDelete  `cmd:"" help:"Forget an account and end its calls."`
}

// AfterApply makes the client that all the verbs below get.
func (c *accountCommand) AfterApply(k *kong.Context) error {
	return k.BindToProvider(c.client) // asked when a verb runs, not while the line is parsed
}

func (c *accountCommand) client() (*client.Client, error) {
	if c.Admin == "" && c.TokenFile == "" {
		api, _, err := client.Open(c.Data)
		return api, err
	}
	return client.Remote(c.Admin, c.TokenFile)
}

type accountAdd struct {
	Name        string `arg:"" help:"[a-z0-9._-]{1,64}"`
	DisplayName string `help:"Name to show."`
	Cert        string `default:"ecdsa" enum:"rsa,ecdsa" help:"Kind of certificate (${enum})."`
	Policy      string `help:"Keying policy of the configuration that its calls must keep to beside the room's." placeholder:"NAME"`
	MD5         bool   `name:"md5" help:"Take SIP digest by MD5 too, for a phone that knows no other."`
}

type accountList struct{}

type accountShow struct {
	Name string `arg:""`
}

type accountDisable struct {
	Name string `arg:""`
}

type accountRotate struct {
	Name string `arg:""`
	Cert string `default:"ecdsa" enum:"rsa,ecdsa" help:"Kind of certificate (${enum})."`
}

type accountDelete struct {
	Name string `arg:""`
}

// Run makes the account and prints its bundle.
func (a *accountAdd) Run(e *env, api *client.Client) error {
	bundle, err := api.CreateAccount(e.ctx, client.NewAccount{
		Name: a.Name, DisplayName: a.DisplayName, Cert: a.Cert, Policy: a.Policy, MD5: a.MD5,
	})
	if err != nil {
		return err
	}
	return e.json(bundle)
}

// Run prints one account a line.
func (a *accountList) Run(e *env, api *client.Client) error {
	list, err := api.Accounts(e.ctx)
	for _, acc := range list {
		err = errors.Join(err, e.json(acc))
	}
	return err
}

// Run prints the account.
func (a *accountShow) Run(e *env, api *client.Client) error {
	acc, err := api.Account(e.ctx, a.Name)
	if err != nil {
		return err
	}
	return e.json(acc)
}

// Run disables the account.
func (a *accountDisable) Run(e *env, api *client.Client) error {
	disabled := true
	_, err := api.PatchAccount(e.ctx, a.Name, client.AccountPatch{Disabled: &disabled})
	return err
}

// Run prints the new bundle.
func (a *accountRotate) Run(e *env, api *client.Client) error {
	bundle, err := api.RotateAccount(e.ctx, a.Name, a.Cert)
	if err != nil {
		return err
	}
	return e.json(bundle)
}

// Run deletes the account.
func (a *accountDelete) Run(e *env, api *client.Client) error {
	return api.DeleteAccount(e.ctx, a.Name)
}
