package store

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// prepareDir makes the data directory where it is missing and refuses one that others can look into. The files inside are
// private by their own modes; the directory is held to it too because names and sizes of what it holds say something.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("store: make %s: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("store: look at %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is no directory; name another", ErrMode, dir)
	}
	if info.Mode().Perm()&openBits != 0 {
		return fmt.Errorf("%w: %s has mode %04o; run: chmod 700 %s", ErrMode, dir, info.Mode().Perm(), dir)
	}
	return nil
}

// private tells whether the file exists, and refuses one that is open to others or is no plain file. A symbolic link is
// refused because it could point the server at a file of somebody else's making.
func private(path string) (exists bool, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("store: look at %s: %w", path, err)
	case !info.Mode().IsRegular():
		return true, fmt.Errorf("%w: %s is no plain file; move it away", ErrMode, path)
	case info.Mode().Perm()&openBits != 0:
		return true, fmt.Errorf("%w: %s has mode %04o; run: chmod 600 %s", ErrMode, path, info.Mode().Perm(), path)
	}
	return true, nil
}

// loadKey reads the key file, or makes it when the database does not exist yet. A database without its key is an error: a
// fresh key could not open it and would hide that the old one was lost.
func loadKey(dir string, dbExists bool) ([]byte, error) {
	path := filepath.Join(dir, keyName)
	exists, err := private(path)
	if err != nil {
		return nil, err
	}
	if !exists {
		if dbExists {
			return nil, fmt.Errorf("%w: %s is missing beside its database; restore it from the backup of the directory", ErrKey, path)
		}
		return makeKey(dir, path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("store: read the key file: %w", err)
	}
	defer clear(text)
	key := make([]byte, keyOctets)
	if trimmed := bytes.TrimSpace(text); len(trimmed) != hex.EncodedLen(keyOctets) {
		return nil, fmt.Errorf("%w: %s does not hold %d hex digits; restore it", ErrKey, path, hex.EncodedLen(keyOctets))
	} else if _, err := hex.Decode(key, trimmed); err != nil {
		return nil, fmt.Errorf("%w: %s does not hold hex digits; restore it", ErrKey, path)
	}
	return key, nil
}

// makeKey writes a fresh key under a passing name, brings it to the disk and renames it: a crash leaves a whole key or none.
func makeKey(dir, path string) ([]byte, error) {
	key := make([]byte, keyOctets)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("store: make a key: %w", err)
	}
	text := append(hex.AppendEncode(nil, key), '\n')
	defer clear(text)
	f, err := os.CreateTemp(dir, keyName+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("store: write the key file: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		// Link, unlike rename, never replaces a key that another process made meanwhile.
		err = os.Link(f.Name(), path)
	}
	err = errors.Join(err, os.Remove(f.Name()))
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		clear(key)
		return nil, fmt.Errorf("store: write the key file: %w", err)
	}
	return key, nil
}

// syncDir brings the directory's entries to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
