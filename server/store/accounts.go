package store

import (
	"time"

	bolt "go.etcd.io/bbolt"
)

// accountRecord is an Account as it is sealed. It is a type of its own so that Account can refuse JSON.
type accountRecord struct {
	Name             string    `json:"name"`
	DisplayName      string    `json:"display_name"`
	Disabled         bool      `json:"disabled"`
	Devices          []Device  `json:"devices,omitempty"`
	Policy           string    `json:"policy,omitempty"`
	PSK              []byte    `json:"psk"`
	HA1SHA256        []byte    `json:"ha1_sha256"`
	HA1MD5           []byte    `json:"ha1_md5"`
	CertFingerprints []string  `json:"cert_fingerprints"`
	CreatedAt        time.Time `json:"created_at"`
}

// CreateAccount implements Store.
func (b *Bolt) CreateAccount(a Account) error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	return b.create(accountsBucket, a.Name, accountRecord(a))
}

// Account implements Store.
func (b *Bolt) Account(name string) (Account, error) {
	var record accountRecord
	err := b.view(func(tx *bolt.Tx) error { return b.get(tx, accountsBucket, name, &record) })
	return Account(record), err
}

// Accounts implements Store.
func (b *Bolt) Accounts(after string, limit int) ([]Account, string, error) {
	return list(b, accountsBucket, after, limit, func(record accountRecord) Account { return Account(record) })
}

// UpdateAccount implements Store.
func (b *Bolt) UpdateAccount(name string, change func(*Account) error) error {
	return b.update(func(tx *bolt.Tx) error {
		var record accountRecord
		if err := b.get(tx, accountsBucket, name, &record); err != nil {
			return err
		}
		account := Account(record)
		old := account // what change puts in place of these slices is its caller's
		defer old.Wipe()
		if err := change(&account); err != nil {
			return err
		}
		if account.Name != name {
			return errRenamed
		}
		return b.put(tx, accountsBucket, name, accountRecord(account))
	})
}

// DeleteAccount implements Store.
func (b *Bolt) DeleteAccount(name string) error {
	return b.update(func(tx *bolt.Tx) error {
		if err := drop(tx, accountsBucket, name); err != nil {
			return err
		}
		return b.demote(tx, name)
	})
}
