package dialog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// redactor lets sipgo's log lines through at Warn and above, without attributes: those hold messages verbatim, and with
// them keys and credentials. It passes logBurst lines a second, so that nobody floods the log by the network.
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
	return l >= slog.LevelWarn && r.inner.Enabled(ctx, l)
}

// Handle implements slog.Handler: the message alone, which in sipgo is a constant text.
func (r *redactor) Handle(ctx context.Context, rec slog.Record) error {
	if !r.gate.pass(rec.Time) {
		return nil
	}
	return r.inner.Handle(ctx, slog.NewRecord(rec.Time, rec.Level, "sipgo: "+rec.Message, 0))
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
