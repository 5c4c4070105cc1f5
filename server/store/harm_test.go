package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

// crashDir, when set in the environment, makes the test binary the process that is killed in TestKill.
const crashDir = "CONCLAVE_STORE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}

// writeUntilKilled says each name after its record is kept, until somebody kills it.
func writeUntilKilled(dir string) int {
	b, err := Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err) //nolint:forbidigo // a process of its own
		return 1
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("a%d", i)
		if err := b.CreateAccount(account(name)); err != nil {
			fmt.Fprintln(os.Stderr, err) //nolint:forbidigo // a process of its own
			return 1
		}
		if _, err := fmt.Println(name); err != nil { //nolint:forbidigo // the pipe to the test
			return 1
		}
	}
}

// TestKill kills a writing process at whatever point it has reached and finds every record that it had said was kept.
func TestKill(t *testing.T) {
	dir := newDir(t)
	seen := 0
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		sub := fmt.Sprintf("%s/%d", dir, round)
		cmd.Env = append(os.Environ(), crashDir+"="+sub)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var kept []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if kept = append(kept, lines.Text()); len(kept) == 10+7*round {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it managed to say before it died
			kept = append(kept, lines.Text())
		}
		_ = cmd.Wait() // killed, as it was to be
		b := open(t, sub)
		for _, name := range kept {
			if _, err := b.Account(name); err != nil {
				t.Errorf("round %d: %s was said to be kept: %v", round, name, err)
			}
			seen++
		}
	}
	if seen < 30 {
		t.Errorf("only %d records were written", seen)
	}
}

func TestSecondServer(t *testing.T) {
	dir := newDir(t)
	open(t, dir)
	_, err := Open(dir)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another server uses "+dir) {
		t.Errorf("got %v", err)
	}
}

func TestClosed(t *testing.T) {
	b := open(t, newDir(t))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Blob("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := b.PutBlob("x", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func TestModes(t *testing.T) {
	dir := newDir(t)
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{".": 0o700, dbName: 0o600, keyName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s was made with mode %04o, want %04o", path, got, want)
		}
	}
	for path, wide := range map[string]os.FileMode{".": 0o750, dbName: 0o640, keyName: 0o604} {
		full := filepath.Join(dir, path)
		good, err := os.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(full, wide); err != nil {
			t.Fatal(err)
		}
		if b, err := Open(dir); !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s with mode %04o: %v, %v", path, wide, b, err)
		}
		if err := os.Chmod(full, good.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
}

func TestNoPlainFile(t *testing.T) {
	dir := newDir(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, keyName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrMode) {
		t.Errorf("symbolic link as key file: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("a plain file was taken for the directory")
	}
}

func TestKeyFile(t *testing.T) {
	dir := newDir(t)
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keyName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]byte{
		"other":   []byte(strings.Repeat("ab", keyOctets)),
		"short":   good[:20],
		"no hex":  []byte(strings.Repeat("zz", keyOctets)),
		"empty":   {},
		"missing": nil,
	}
	for name, text := range tests {
		if err := os.Remove(path); err != nil && name != "missing" {
			t.Logf("remove: %v", err)
		}
		if text != nil {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(dir)
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s key file: %v", name, err)
		} else if len(text) > 0 && strings.Contains(err.Error(), string(text)) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
	if err := os.WriteFile(path, bytes.TrimSpace(good), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

// TestTampered alters, shortens and moves sealed values behind the store's back.
func TestTampered(t *testing.T) {
	dir := newDir(t)
	b := open(t, dir)
	for _, name := range []string{"alice", "bob"} {
		if err := b.CreateAccount(account(name)); err != nil {
			t.Fatal(err)
		}
	}
	var alice, bob []byte
	raw := func(value []byte) {
		t.Helper()
		if err := b.db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(accountsBucket)
			if alice == nil {
				alice, bob = bytes.Clone(bucket.Get([]byte("alice"))), bytes.Clone(bucket.Get([]byte("bob")))
			}
			return bucket.Put([]byte("alice"), value)
		}); err != nil {
			t.Fatal(err)
		}
	}
	raw([]byte("first look"))
	for i := range alice {
		if i%7 != 0 && i < len(alice)-16 {
			continue // each octet of the tag, every seventh of the rest
		}
		bad := bytes.Clone(alice)
		bad[i] ^= 1
		raw(bad)
		if _, err := b.Account("alice"); !errors.Is(err, ErrTampered) {
			t.Fatalf("octet %d altered: %v", i, err)
		}
	}
	for name, value := range map[string][]byte{"empty": {}, "short": alice[:11], "no tag": alice[:len(alice)-1], "moved": bob} {
		raw(value)
		if _, err := b.Account("alice"); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := b.Accounts("", 10); !errors.Is(err, ErrTampered) {
			t.Errorf("%s, listed: %v", name, err)
		}
	}
	if _, err := b.Account("bob"); err != nil {
		t.Errorf("the neighbour suffers: %v", err)
	}
	raw(alice)
	if _, err := b.Account("alice"); err != nil {
		t.Errorf("put back: %v", err)
	}
}

func TestNewerSchema(t *testing.T) {
	dir := newDir(t)
	b := open(t, dir)
	if err := b.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(metaBucket).Put(schemaKey, []byte{0, 0, 0, 2})
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
}

// TestDamagedFile overwrites pages of the file and holds that the store answers with an error, whatever bbolt meets.
func TestDamagedFile(t *testing.T) {
	dir := newDir(t)
	b := open(t, dir)
	for i := range 50 {
		if err := b.CreateAccount(account(fmt.Sprintf("a%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, dbName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	failed := 0
	for at := 0; at < len(good); at += page {
		bad := bytes.Clone(good)
		for i := at; i < min(at+page, len(bad)); i++ {
			bad[i] ^= 0xa5
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if !readable(t, dir) {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no damage was found")
	}
	for _, size := range []int{1, page, 2*page + 1} {
		if err := os.WriteFile(path, good[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if readable(t, dir) {
			t.Errorf("a file cut to %d octets was read", size)
		}
	}
}

// readable tells whether the whole store opens and reads; anything but an error or success fails the test by panicking.
func readable(t *testing.T, dir string) bool {
	t.Helper()
	b, err := Open(dir)
	if errors.Is(err, ErrLocked) {
		t.Error("a failed opening left the file locked")
	}
	if err != nil {
		return false
	}
	_, _, err = b.Accounts("", maxPage)
	if cerr := b.Close(); cerr != nil {
		t.Error(cerr)
	}
	return err == nil
}
