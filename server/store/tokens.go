package store

import (
	"time"

	bolt "go.etcd.io/bbolt"
)

// Token is a right to use the admin API, as it is kept: never the token itself.
type Token struct {
	ID        string
	Name      string // what it is for, for people
	Hash      []byte // SHA-256 of the token
	Role      string
	Room      string    // the one room that it is good for; "" for all
	CreatedAt time.Time //
	ExpiresAt time.Time // the zero time: never
}

// tokenRecord is a Token as it is sealed; its names are part of the file's format, those of Token are not.
type tokenRecord struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hash      []byte    `json:"hash"`
	Role      string    `json:"role"`
	Room      string    `json:"room,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// CreateToken implements Store.
func (b *Bolt) CreateToken(t Token) error {
	return b.update(func(tx *bolt.Tx) error {
		if tx.Bucket(tokensBucket).Get([]byte(t.ID)) != nil {
			return ErrExists
		}
		return b.put(tx, tokensBucket, t.ID, tokenRecord(t))
	})
}

// Tokens implements Store.
func (b *Bolt) Tokens(after string, limit int) ([]Token, string, error) {
	return list(b, tokensBucket, after, limit, func(record tokenRecord) Token { return Token(record) })
}

// DeleteToken implements Store.
func (b *Bolt) DeleteToken(id string) error { return b.remove(tokensBucket, id) }
