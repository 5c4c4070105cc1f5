package dialog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// redactor lets sipgo's log lines of Warn and above through as Debug, without attributes: those hold messages verbatim, and
// with them keys and credentials. What sipgo calls an error is a peer's doing (an ACK that fits nothing, a connection that is
// gone), and whoever is on the network must not be able to write errors into the log of an operator. It passes logBurst lines
// a second, so that nobody floods it either.
type redactor struct {
	inner slog.Handler
	gate  *gate
}

type gate struct {
	mu    sync.Mutex
	until time.Time
	left  int
}

func newRedactor(inner slog.Handler) *redactor { return &redactor{inner: inner, gate: &gate{}} }

// Enabled implements slog.Handler.
func (r *redactor) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && r.inner.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler: the message alone, which in sipgo is a constant text.
func (r *redactor) Handle(ctx context.Context, rec slog.Record) error {
	if !r.gate.pass(rec.Time) {
		return nil
	}
	return r.inner.Handle(ctx, slog.NewRecord(rec.Time, slog.LevelDebug, "sipgo: "+rec.Message, 0))
}

// WithAttrs and WithGroup implement slog.Handler and drop what they are given.
func (r *redactor) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup implements slog.Handler.
func (r *redactor) WithGroup(string) slog.Handler { return r }

func (g *gate) pass(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.After(g.until) {
		g.until, g.left = now.Add(time.Second), logBurst
	}
	g.left--
	return g.left >= 0
}
