package server

import (
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewUndoesItself starts where a port is taken: an error with a remedy, nothing left open, and the data directory free for
// the next try.
func TestNewUndoesItself(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg, err := ReadConfig("test", []byte(FreePorts), DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	free := cfg.SIP.UDP
	cfg.SIP.UDP = taken.LocalAddr().String()
	data := filepath.Join(t.TempDir(), "data")
	if s, err := New(cfg, data, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "sip") {
		t.Fatalf("a server on a taken port: %v, %v", s, err)
	}
	cfg.SIP.UDP = free
	s, err := New(cfg, data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("the next try: %v", err)
	}
	if second, err := New(cfg, data, slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("two servers over one data directory: %v", second)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
