package store

import bolt "go.etcd.io/bbolt"

// Blob implements Store.
func (b *Bolt) Blob(name string) (value []byte, err error) {
	err = b.view(func(tx *bolt.Tx) error {
		sealed := tx.Bucket(blobsBucket).Get([]byte(name))
		if sealed == nil {
			return ErrNotFound
		}
		value, err = b.seal.open(blobsBucket, name, sealed)
		return err
	})
	return value, err
}

// PutBlob implements Store.
func (b *Bolt) PutBlob(name string, value []byte) error {
	return b.update(func(tx *bolt.Tx) error { return b.putOctets(tx, blobsBucket, name, value) })
}

// DeleteBlob implements Store.
func (b *Bolt) DeleteBlob(name string) error { return b.remove(blobsBucket, name) }
