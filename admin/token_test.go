package admin

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestLoadToken: a token is made once, read afterwards, and not taken out of a file that others can read.
func TestLoadToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin.token")
	made, err := LoadToken(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is of mode %v, %v", info.Mode(), err)
	}
	if again, err := LoadToken(file); err != nil || again != made {
		t.Errorf("read %q, made %q: %v", again, made, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadToken(file); !errors.Is(err, ErrConfig) {
		t.Errorf("a token that others can read: %v", err)
	}
	short := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(short, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadToken(short); !errors.Is(err, ErrConfig) {
		t.Errorf("a token of six characters: %v", err)
	}
	if _, err := LoadToken(filepath.Join(t.TempDir(), "nowhere", "admin.token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
