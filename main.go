// Conclave is a secure SIP conference server and the callers that prove it: one binary. This file is wiring only.
package main

import (
	"context"
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
	"github.com/conclave/conclave/admin/command"
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
	Serve   command.ServeCommand   `cmd:"" help:"Serve conferences."`
	Call    loadtest.CallCommand   `cmd:"" help:"Call a room: play, listen, record."`
	Swarm   loadtest.SwarmCommand  `cmd:"" help:"Load a server with callers that listen critically."`
	Bench   bench.Command          `cmd:"" help:"Measure a server of its own in every scenario, next to the floor of this machine."`
	Flood   flood.Command          `cmd:"" help:"Offer a server more call set-ups than it can take, and count."`
	Demo    demoCommand            `cmd:"" help:"Ten callers with recorded speech in two rooms of a server of their own."`
	Account command.AccountCommand `cmd:"" help:"Accounts of a running server."`
	Drain   command.DrainCommand   `cmd:"" help:"Have a running server take no new calls, before it is stopped."`
	Audit   command.AuditCommand   `cmd:"" help:"The audit trail."`
	Mikey   command.MikeyCommand   `cmd:"" help:"Look into MIKEY messages."`
	Version versionCommand         `cmd:"" help:"Print the version."`

	Verbose bool `short:"v" help:"Log more, to stderr."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run sets the process up, parses the command line and runs the command, whose results go to out, and whose log and errors to errs.
func run(args []string, out, errs io.Writer) int {
	runtime.GOMAXPROCS(server.Procs(runtime.NumCPU()))
	var c commands
	exited := -1
	level := new(slog.LevelVar) // of most commands the output is the point
	level.Set(slog.LevelError)
	parser, err := kong.New(&c, kong.Name("conclave"), kong.Vars{"data": command.DevData()}, kong.Description("A secure SIP conference server."),
		kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(), kong.Bind(level, command.Version(version)))
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
	if c.Verbose {
		level.Set(slog.LevelDebug)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends us at once
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(out, (*io.Writer)(nil))
	return status(parsed.Run(slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))), errs)
}

// status turns the error of a command into an exit status, and into one sentence unless the command has said it all.
func status(err error, errs io.Writer) int {
	switch {
	case err == nil:
		return statusGood
	case errors.Is(err, command.ErrTold), errors.Is(err, loadtest.ErrVerdict), errors.Is(err, bench.ErrFailed):
		return statusFailed
	}
	fmt.Fprintln(errs, "conclave:", err)
	for _, of := range []error{loadtest.ErrOptions, loadtest.ErrTarget, loadtest.ErrDestination} {
		if errors.Is(err, of) {
			return statusUsage
		}
	}
	if command.BadUsage(err) {
		return statusUsage
	}
	return statusFailed
}

// demoCommand is `conclave demo`: a server and its callers in one process, which nobody below may bring together.
type demoCommand struct {
	Out string `default:"demo-out" type:"path" help:"Where the recordings go." placeholder:"DIR"`
}

// Run serves on free ports from a throw-away data directory and places ten callers.
func (c *demoCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	data, err := os.MkdirTemp("", "conclave-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data) //nolint:errcheck // a leftover in the temporary directory harms nobody
	cfg, err := server.ReadConfig("demo", []byte(server.FreePorts), server.DevConfig())
	if err != nil {
		return err
	}
	n, err := admin.Start(ctx, cfg, filepath.Join(data, "data"), false, version, log)
	if err != nil {
		return err
	}
	ready, err := n.Server.WriteReady(n.URL, "")
	if err == nil {
		var target loadtest.Target
		if target, err = loadtest.FindTarget(ready.Data); err == nil {
			err = loadtest.Demo(ctx, target, c.Out, out, log)
		}
	}
	return errors.Join(err, n.Stop())
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(out io.Writer) error {
	fmt.Fprintln(out, "conclave", version)
	return nil
}
