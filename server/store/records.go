package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// checkName holds for names of accounts, rooms and blobs alike.
func checkName(name string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	if name == "" || len(name) > maxName || strings.Trim(name, allowed) != "" || strings.Trim(name, ".") == "" {
		return fmt.Errorf("%w: a name is 1 to %d of a-z 0-9 . _ -, and not dots alone", ErrInvalid, maxName)
	}
	return nil
}

// put seals a record under its name.
func (b *Bolt) put(tx *bolt.Tx, bucket []byte, name string, record any) error {
	plain, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("store: %s/%s: %w", bucket, name, err)
	}
	defer clear(plain)
	return b.putOctets(tx, bucket, name, plain)
}

func (b *Bolt) putOctets(tx *bolt.Tx, bucket []byte, name string, plain []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(plain) > maxRecord {
		return fmt.Errorf("%w: %s/%s is larger than %d octets", ErrInvalid, bucket, name, maxRecord)
	}
	return tx.Bucket(bucket).Put([]byte(name), b.seal.seal(bucket, name, plain))
}

// get opens the record under the name into record.
func (b *Bolt) get(tx *bolt.Tx, bucket []byte, name string, record any) error {
	sealed := tx.Bucket(bucket).Get([]byte(name))
	if sealed == nil {
		return ErrNotFound
	}
	return b.decode(bucket, name, sealed, record)
}

func (b *Bolt) decode(bucket []byte, name string, sealed []byte, record any) error {
	plain, err := b.seal.open(bucket, name, sealed)
	if err != nil {
		return err
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, record); err != nil {
		// It authenticated, so this program wrote it; the words of the decoder could quote a secret.
		return fmt.Errorf("%w: %s/%s does not decode", ErrCorrupt, bucket, name)
	}
	return nil
}

// create keeps a new record unless an account or a room has its name.
func (b *Bolt) create(bucket []byte, name string, record any) error {
	return b.update(func(tx *bolt.Tx) error {
		for _, taken := range [][]byte{accountsBucket, roomsBucket} {
			if tx.Bucket(taken).Get([]byte(name)) != nil {
				return ErrExists
			}
		}
		return b.put(tx, bucket, name, record)
	})
}

// remove forgets the record of that name.
func (b *Bolt) remove(bucket []byte, name string) error {
	return b.update(func(tx *bolt.Tx) error { return drop(tx, bucket, name) })
}

// drop is remove as a part of a transaction.
func drop(tx *bolt.Tx, bucket []byte, name string) error {
	if tx.Bucket(bucket).Get([]byte(name)) == nil {
		return ErrNotFound
	}
	return tx.Bucket(bucket).Delete([]byte(name))
}

// errRenamed is returned by an update whose change function touched the name.
var errRenamed = fmt.Errorf("%w: an update cannot rename", ErrInvalid)

// errStop ends a page early.
var errStop = errors.New("store: page is full")

// page calls keep for each record after the name after, up to limit, and gives the name to go on after.
func (b *Bolt) page(bucket []byte, after string, limit int, keep func(name string, sealed []byte) error) (next string, err error) {
	limit = min(max(limit, 1), maxPage)
	err = b.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucket).Cursor()
		key, sealed := cursor.Seek([]byte(after))
		if after != "" && string(key) == after {
			key, sealed = cursor.Next()
		}
		last := ""
		for n := 0; key != nil; key, sealed = cursor.Next() {
			if n == limit {
				next = last
				return errStop
			}
			if err := keep(string(key), sealed); err != nil {
				return err
			}
			last = string(key)
			n++
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return next, err
}

// list is a page of a bucket whose records, of type R, are given as V.
func list[R, V any](b *Bolt, bucket []byte, after string, limit int, give func(R) V) (page []V, next string, err error) {
	next, err = b.page(bucket, after, limit, func(name string, sealed []byte) error {
		var record R
		if err := b.decode(bucket, name, sealed, &record); err != nil {
			return err
		}
		page = append(page, give(record))
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}
