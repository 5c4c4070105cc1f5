package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/events"
	"github.com/conclave/conclave/server/store"
)

// tokenServer is a server that has tokens and nothing else, over a data directory.
func tokenServer(t *testing.T, dir string, now func() time.Time) *Server {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() }) // closed already by a test that opens it anew
	kept, err := loadTokens(st, now)
	if err != nil {
		t.Fatal(err)
	}
	ring := events.New(1, now)
	t.Cleanup(ring.Close)
	return &Server{store: st, tokens: kept, events: ring, trail: openedTrail(t), log: slog.New(slog.DiscardHandler)}
}

// TestTokens: a token proves its role until it expires or is revoked, over a restart too, and stands nowhere on the disk.
func TestTokens(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "data"), time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	clock := func() time.Time { return now }
	s := tokenServer(t, dir, clock)
	long, board, err := s.CreateToken(t.Context(), NewToken{Name: "board", Role: Viewer, Room: "Demo"})
	if err != nil {
		t.Fatal(err)
	}
	short, ended, err := s.CreateToken(t.Context(), NewToken{Name: "visit", Role: Operator, LifetimeS: 60})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	s = tokenServer(t, dir, clock)
	if v, err := s.TokenOf(sha256.Sum256([]byte(long))); err != nil || v != board || v.Role != Viewer || v.Room != "demo" {
		t.Errorf("after a restart: %+v, %v", v, err)
	}
	now = now.Add(59 * time.Second)
	if _, err := s.TokenOf(sha256.Sum256([]byte(short))); err != nil {
		t.Errorf("before its end: %v", err)
	}
	now = now.Add(time.Second)
	if v, err := s.TokenOf(sha256.Sum256([]byte(short))); !errors.Is(err, ErrTokenExpired) || v.ID != ended.ID {
		t.Errorf("at its end: %+v, %v", v, err)
	}
	mine := errors.New("mine")
	if err := s.DeleteToken(t.Context(), board.ID, func(TokenView) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("a check that fails: %v", err)
	}
	if err := s.DeleteToken(t.Context(), board.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.TokenOf(sha256.Sum256([]byte(long))); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("revoked: %v", err)
	}
	if err := s.DeleteToken(t.Context(), board.ID); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("revoked twice: %v", err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "conclave.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{long, short} {
		hash := sha256.Sum256([]byte(text))
		if bytes.Contains(file, []byte(text)) || bytes.Contains(file, hash[:]) {
			t.Error("the store holds a token, or its hash in the clear")
		}
	}
}

func TestTokensAreBounded(t *testing.T) {
	now := time.Now()
	s := tokenServer(t, filepath.Join(t.TempDir(), "data"), func() time.Time { return now })
	for i := range maxTokens {
		s.tokens.byHash[sha256.Sum256([]byte{byte(i), byte(i >> 8)})] = store.Token{ID: "x"}
	}
	if _, _, err := s.CreateToken(t.Context(), NewToken{Name: "one more", Role: Viewer}); !errors.Is(err, ErrTooManyTokens) {
		t.Errorf("one too many: %v", err)
	}
	clear(s.tokens.byHash)
	_, old, err := s.CreateToken(t.Context(), NewToken{Name: "old", Role: Viewer, LifetimeS: 1})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, _, err := s.CreateToken(t.Context(), NewToken{Name: "new", Role: Viewer}); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Token(t.Context(), old.ID); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("an expired token still takes a place: %+v, %v", v, err)
	}
	for name, n := range map[string]NewToken{
		"no name": {Role: Viewer}, "a name that does not print": {Name: "a\u202eb", Role: Viewer}, "no role": {Name: "a"}, "no such role": {Name: "a", Role: "root"},
	} {
		if _, _, err := s.CreateToken(t.Context(), n); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoles(t *testing.T) {
	for i, role := range roles {
		for j, least := range roles {
			if role.Includes(least) != (i >= j) {
				t.Errorf("%s includes %s: %v", role, least, i < j)
			}
		}
		if role.Includes("") || role.Includes("root") || Role("").Includes(role) || Role("root").Includes(role) {
			t.Errorf("%s and what is no role", role)
		}
	}
}

// TestAdminClientCA: with an authority of clients there is TLS on loopback too, and a file that holds none is refused.
func TestAdminClientCA(t *testing.T) {
	authority, err := keying.NewAuthority("clients.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(file, authority.CertPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveTest(t, "admin: {client_ca: \""+file+"\"}\n")
	c, err := s.AdminTLS()
	if err != nil || c == nil || c.ClientAuth != tls.VerifyClientCertIfGiven || c.ClientCAs == nil {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "NOTHING"}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdminTLS(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "client_ca") {
		t.Errorf("no certificate in the file: %v", err)
	}
	s.cfg.Admin.ClientCA = file + ".gone"
	if _, err := s.AdminTLS(); !errors.Is(err, ErrConfig) {
		t.Errorf("no file: %v", err)
	}
}
