package dialog

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestRedactor: sipgo's lines arrive as Debug, without what they quote, and not in any number.
func TestRedactor(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(newRedactor(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Info("not of interest")
	for range 10 * logBurst {
		log.With("req", "a=crypto:secret").WithGroup("g").Error("failed", "message", "a=key-mgmt:secret")
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) < logBurst || len(lines) > 2*logBurst { // two seconds may have begun
		t.Errorf("%d lines passed, want %d", len(lines), logBurst)
	}
	for _, line := range lines {
		if !strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "sipgo: failed") || strings.Contains(line, "secret") {
			t.Errorf("line %q", line)
		}
	}
	quiet := slog.New(newRedactor(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelInfo})))
	if quiet.Enabled(t.Context(), slog.LevelError) {
		t.Error("a log without Debug is handed sipgo's lines")
	}
}
