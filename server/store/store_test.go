package store

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// canary is a secret that must not show anywhere outside.
var canary = []byte("canary-0123456789")

func open(t *testing.T, dir string) *Bolt {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func newDir(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "data") }

func account(name string) Account {
	return Account{
		Name: name, DisplayName: "Dr. " + name, PSK: bytes.Clone(canary), HA1SHA256: bytes.Repeat([]byte{7}, 32),
		CertFingerprints: []string{"00ff"}, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

type plainAccount Account // without String, so that cmp shows what differs

func TestAccounts(t *testing.T) {
	dir := newDir(t)
	b := open(t, dir)
	want := account("alice")
	if err := b.CreateAccount(want); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateAccount(want); !errors.Is(err, ErrExists) {
		t.Errorf("second create: %v", err)
	}
	if err := b.UpdateAccount("alice", func(a *Account) error { a.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir) // survives
	got, err := b.Account("alice")
	if err != nil {
		t.Fatal(err)
	}
	want.Disabled = true
	if diff := cmp.Diff(plainAccount(want), plainAccount(got)); diff != "" {
		t.Error(diff)
	}
	if err := b.DeleteAccount("alice"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"get":    second(b.Account("alice")),
		"delete": b.DeleteAccount("alice"),
		"update": b.UpdateAccount("alice", func(*Account) error { return nil }),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s after delete: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestUpdateLeavesAloneOnError(t *testing.T) {
	b := open(t, newDir(t))
	if err := b.CreateAccount(account("alice")); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	err := b.UpdateAccount("alice", func(a *Account) error { a.Disabled = true; return mine })
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	if err := b.UpdateAccount("alice", func(a *Account) error { a.Name = "bob"; return nil }); !errors.Is(err, ErrInvalid) {
		t.Errorf("rename: %v", err)
	}
	fresh := []byte("fresh key")
	if err := b.UpdateAccount("alice", func(a *Account) error { a.PSK = fresh; return nil }); err != nil {
		t.Fatal(err)
	}
	if string(fresh) != "fresh key" {
		t.Error("update wiped its caller's slice")
	}
	if a, err := b.Account("alice"); err != nil || a.Disabled || string(a.PSK) != "fresh key" {
		t.Errorf("got %+v, %v", plainAccount(a), err)
	}
}

func TestBlobs(t *testing.T) {
	b := open(t, newDir(t))
	if _, err := b.Blob("ca"); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	for _, value := range [][]byte{canary, {}, bytes.Repeat([]byte{1}, maxRecord)} {
		if err := b.PutBlob("ca", value); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Blob("ca"); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%d octets came back as %d, %v", len(value), len(got), err)
		}
	}
	if err := b.PutBlob("ca", make([]byte, maxRecord+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too large: %v", err)
	}
	if err := b.DeleteBlob("ca"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteBlob("ca"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
}

func TestNames(t *testing.T) {
	b := open(t, newDir(t))
	for _, name := range []string{"", "Alice", "a/b", "a b", ".", "..", "...", "a\x00", "ä", strings.Repeat("a", maxName+1)} {
		for what, err := range map[string]error{
			"account": b.CreateAccount(Account{Name: name}), "room": b.CreateRoom(Room{Name: name}), "blob": b.PutBlob(name, nil),
		} {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
}

func TestPages(t *testing.T) {
	b := open(t, newDir(t))
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("a%d", i)
		want = append(want, name)
		if err := b.CreateAccount(account(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 3, 6, 7, 8, 0, -1, 1 << 30} {
		var got []string
		after, pages := "", 0
		for {
			page, next, err := b.Accounts(after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				got = append(got, a.Name)
			}
			if pages++; next == "" || pages > 10 {
				break
			}
			after = next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
	}
	if page, _, err := b.Accounts("a4x", 10); err != nil || len(page) != 2 {
		t.Errorf("after a name that is not there: %v, %v", page, err)
	}
}

func TestSecretsStayInside(t *testing.T) {
	dir := newDir(t)
	b := open(t, dir)
	a := account("alice")
	if err := b.CreateAccount(a); err != nil {
		t.Fatal(err)
	}
	if err := b.PutBlob("ca", canary); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "account", a)
	fmt.Fprintf(&log, "%v %+v %#v %s %q", a, a, a, a, []Account{a})
	db, err := os.ReadFile(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	for where, octets := range map[string][]byte{"printed": log.Bytes(), "file": db} {
		for how, needle := range map[string]string{
			"raw": string(canary), "hex": hex.EncodeToString(canary), "base64": base64.StdEncoding.EncodeToString(canary)[:20],
			"decimal": "99 97 110 97",
		} {
			if bytes.Contains(octets, []byte(needle)) {
				t.Errorf("%s holds the secret in %s", where, how)
			}
		}
	}
	if bytes.Contains(db, []byte("Dr. alice")) {
		t.Error("the file holds the display name in the clear")
	}
	if _, err := json.Marshal(a); err == nil {
		t.Error("an account became JSON")
	}
	a.Wipe()
	if !bytes.Equal(a.PSK, make([]byte, len(canary))) {
		t.Error("wipe left the key")
	}
}

func TestManyWriters(t *testing.T) {
	b := open(t, newDir(t))
	if err := b.CreateRoom(Room{Name: "counter"}); err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := b.UpdateRoom("counter", func(r *Room) error { r.MaxSeats++; return nil }); err != nil {
					t.Error(err)
				}
				if _, err := b.Room("counter"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if r, err := b.Room("counter"); err != nil || r.MaxSeats != writers*each {
		t.Errorf("counted %d of %d, %v", r.MaxSeats, writers*each, err)
	}
}

func BenchmarkCreateAccount(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "data"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the benchmark is over
	for i := 0; b.Loop(); i++ {
		if err := s.CreateAccount(account(fmt.Sprintf("a%d", i))); err != nil {
			b.Fatal(err)
		}
	}
}
