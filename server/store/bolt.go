package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// Buckets of the file.
var (
	accountsBucket = []byte("accounts")
	roomsBucket    = []byte("rooms")
	tokensBucket   = []byte("tokens")
	blobsBucket    = []byte("blobs")
	metaBucket     = []byte("meta")

	schemaKey = []byte("schema") // in the clear: big-endian version of the records
	checkKey  = []byte("check")  // sealed: opens under the right key file and no other
)

// Bolt is the Store over one bbolt file. Any goroutine.
type Bolt struct {
	db   *bolt.DB // locks by itself
	seal *sealer  // set once in Open
}

var _ Store = (*Bolt)(nil)

// Open opens the store in dir, and makes directory, key file and database where they are missing.
func Open(dir string) (*Bolt, error) {
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, dbName)
	exists, err := private(path)
	if err != nil {
		return nil, err
	}
	key, err := loadKey(dir, exists)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	seal, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	b := &Bolt{db: db, seal: seal}
	if err := b.begin(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

// openFile opens the database and says in the operator's words what stands in the way.
func openFile(path string) (db *bolt.DB, err error) {
	var file *os.File
	defer func() {
		if db == nil && file != nil { // a panic left it open; the map that it left too would keep the lock alive
			_ = unix.Flock(int(file.Fd()), unix.LOCK_UN) //nolint:gosec // a descriptor fits an int
			_ = file.Close()
		}
	}()
	defer guard(&err)()
	db, err = bolt.Open(path, fileMode, &bolt.Options{
		Timeout: lockWait, FreelistType: bolt.FreelistMapType, MaxSize: maxFile, NoStatistics: true,
		OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			file, err = os.OpenFile(path, flag, mode) //nolint:gosec // the operator names the directory
			return file, err
		},
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: another server uses %s; stop it or name another directory", ErrLocked, filepath.Dir(path))
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %s: %w; restore it from a backup", ErrCorrupt, path, err)
	default:
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
}

// begin makes the buckets of a fresh file, and checks version and key of one that is not.
func (b *Bolt) begin(dir string) error {
	return b.update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{accountsBucket, roomsBucket, tokensBucket, blobsBucket, metaBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		version := meta.Get(schemaKey)
		if version == nil {
			if err := meta.Put(schemaKey, binary.BigEndian.AppendUint32(nil, schema)); err != nil {
				return err
			}
			return meta.Put(checkKey, b.seal.seal(metaBucket, string(checkKey), nil))
		}
		if len(version) != 4 || binary.BigEndian.Uint32(version) != schema {
			return fmt.Errorf("%w: %s holds records of version %x, this program reads %d; use the newer program",
				ErrNewer, dir, version, schema)
		}
		if _, err := b.seal.open(metaBucket, string(checkKey), meta.Get(checkKey)); err != nil {
			return fmt.Errorf("%w: %s does not belong to the database beside it; restore the right one",
				ErrKey, filepath.Join(dir, keyName))
		}
		return nil
	})
}

// Close lets go of the file after the transactions that run have ended. A second Close does nothing.
func (b *Bolt) Close() error {
	if err := b.db.Close(); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// view runs fn in a read transaction.
func (b *Bolt) view(fn func(*bolt.Tx) error) (err error) {
	defer guard(&err)()
	return translate(b.db.View(fn))
}

// update runs fn in a write transaction and brings it to the disk.
func (b *Bolt) update(fn func(*bolt.Tx) error) (err error) {
	defer guard(&err)()
	return translate(b.db.Update(fn))
}

// guard turns the ways in which bbolt meets a damaged page (a panic, or a fault beyond the end of the mapped file) into
// ErrCorrupt. One damaged record must not end the calls of a running server.
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v; restore it from a backup", ErrCorrupt, p)
		}
	}
}

// translate gives bbolt's errors as ours.
func translate(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		return ErrClosed
	case errors.Is(err, bolterrors.ErrMaxSizeReached):
		return ErrFull
	default:
		return err
	}
}
