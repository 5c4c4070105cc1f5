package store

import (
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// roomRecord is a Room as it is sealed; its names are part of the file's format, those of Room are not.
type roomRecord struct {
	Name      string    `json:"name"`
	Policy    string    `json:"policy"`
	Locked    bool      `json:"locked"`
	MaxSeats  int       `json:"max_seats"`
	PIN       []byte    `json:"pin,omitempty"`
	CreatedAt time.Time `json:"created_at"`

	Moderators []string `json:"moderators,omitempty"`
	Manners    *Manners `json:"manners,omitempty"`
}

// CreateRoom implements Store.
func (b *Bolt) CreateRoom(r Room) error {
	if err := checkName(r.Name); err != nil {
		return err
	}
	return b.create(roomsBucket, r.Name, roomRecord(r))
}

// Room implements Store.
func (b *Bolt) Room(name string) (Room, error) {
	var record roomRecord
	err := b.view(func(tx *bolt.Tx) error { return b.get(tx, roomsBucket, name, &record) })
	return Room(record), err
}

// Rooms implements Store.
func (b *Bolt) Rooms(after string, limit int) ([]Room, string, error) {
	return list(b, roomsBucket, after, limit, func(record roomRecord) Room { return Room(record) })
}

// UpdateRoom implements Store.
func (b *Bolt) UpdateRoom(name string, change func(*Room) error) error {
	return b.update(func(tx *bolt.Tx) error {
		var record roomRecord
		if err := b.get(tx, roomsBucket, name, &record); err != nil {
			return err
		}
		room := Room(record)
		if err := change(&room); err != nil {
			return err
		}
		if room.Name != name {
			return errRenamed
		}
		return b.put(tx, roomsBucket, name, roomRecord(room))
	})
}

// DeleteRoom implements Store.
func (b *Bolt) DeleteRoom(name string) error { return b.remove(roomsBucket, name) }

// demote takes an account out of the moderators of all rooms.
func (b *Bolt) demote(tx *bolt.Tx, account string) error {
	var led []roomRecord // changed afterwards: a bucket must not change while it is walked
	err := tx.Bucket(roomsBucket).ForEach(func(name, sealed []byte) error {
		var record roomRecord
		if err := b.decode(roomsBucket, string(name), sealed, &record); err != nil {
			return fmt.Errorf("%w: room %s: %w", ErrRoomDamaged, name, err)
		}
		if slices.Contains(record.Moderators, account) {
			led = append(led, record)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, record := range led {
		room := Room(record)
		room.Demote(account)
		if err := b.put(tx, roomsBucket, room.Name, roomRecord(room)); err != nil {
			return err
		}
	}
	return nil
}

// Demote takes an account out of the moderators; where none is left the room is locked: it let in nobody without one.
func (r *Room) Demote(account string) {
	r.Moderators = slices.DeleteFunc(r.Moderators, func(name string) bool { return name == account })
	r.Locked = r.Locked || len(r.Moderators) == 0
}
