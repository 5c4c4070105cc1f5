package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/server"
)

// Version is that of the binary.
type Version string

// ServeCommand is `conclave serve`; the tags are kong's.
type ServeCommand struct {
	Config    string `type:"path" help:"Configuration file (YAML)." placeholder:"FILE"`
	Data      string `help:"Data directory; created with mode 0700. Default: ~/.conclave, with --dev ~/.conclave-dev." placeholder:"DIR"`
	Dev       bool   `help:"Loopback, demo accounts, rooms on demand: needs nothing."`
	ReadyFile string `help:"Write the real addresses here too, once serving." placeholder:"FILE"`
}

// AfterApply has more logged than what fails: the log of a server is read.
func (c *ServeCommand) AfterApply(level *slog.LevelVar) error {
	level.Set(slog.LevelInfo)
	return nil
}

// Run serves until ctx ends.
func (c *ServeCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, version Version) error {
	base := server.DefaultConfig()
	if c.Dev {
		base = server.DevConfig()
	}
	cfg, err := server.LoadConfig(c.Config, base)
	if err != nil {
		return err
	}
	server.BackByHugePages(cfg.Limits.Calls)
	server.PaceGarbage(cfg.Limits.Calls)
	if err := server.GiveWay(); err != nil {
		log.Warn("ticks may be interrupted more often than they need be", "err", err)
	}
	if err := server.Harden(); err != nil {
		log.Warn("keys in memory are less protected than they could be", "err", err)
	}
	n, err := admin.Start(ctx, cfg, c.data(), c.Dev, string(version), log)
	if err != nil {
		return err
	}
	ready, err := n.Server.WriteReady(n.URL, c.ReadyFile)
	if err != nil {
		return errors.Join(err, n.Stop())
	}
	c.greet(out, ready, version)
	<-n.Done()
	n.Server.RemoveReady(c.ReadyFile)
	return n.Stop()
}

// data is the data directory.
func (c *ServeCommand) data() string {
	switch {
	case c.Data != "":
		return c.Data
	case c.Dev:
		return DevData()
	}
	return inHome(".conclave")
}

// DevData is the data directory of `conclave serve --dev`, where commands look for a server that runs unless they are told.
func DevData() string { return inHome(".conclave-dev") }

func inHome(name string) string {
	home, _ := os.UserHomeDir() // without one the working directory serves
	return filepath.Join(home, name)
}

// greet says what to do next.
func (c *ServeCommand) greet(out io.Writer, r server.Ready, version Version) {
	fmt.Fprintf(out, "conclave %s serves\n  sip   udp %s  tcp %s  tls %s\n  admin %s (token in %s)\n",
		version, r.SIPUDP, r.SIPTCP, r.SIPTLS, r.Admin, r.TokenFile)
	if c.Dev {
		fmt.Fprintf(out, "\nCall a room, each line in a terminal of its own:\n"+
			"  %[1]s call %[2]s --as %[3]s/alice.json --play tone:440\n"+
			"  %[1]s call %[2]s --as %[3]s/bob.json --record heard.wav --duration 10s\n"+
			"Load it:\n  %[1]s swarm --data %[3]s --callers 30 --rooms 3 --duration 10s\n", os.Args[0], r.Room("lobby"), r.Data)
	}
}
