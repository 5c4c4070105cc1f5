package store

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// Errors of the store. Those of opening come wrapped with the path and the remedy.
var (
	// ErrNotFound says that no record has the name.
	ErrNotFound = errors.New("store: not found")
	// ErrExists says that an account or a room has the name already; both share one name space.
	ErrExists = errors.New("store: name is taken")
	// ErrInvalid says that a record may not be kept: its name is no name, or it is too large.
	ErrInvalid = errors.New("store: record not allowed")
	// ErrTampered says that a record does not open under its name: it was altered, moved or sealed under another key.
	ErrTampered = errors.New("store: record does not authenticate")
	// ErrRoomDamaged says that an account is not deleted, since the record of a room cannot be read: it may moderate that one.
	ErrRoomDamaged = errors.New("store: the record of a room cannot be read")
	// ErrCorrupt says that the file is damaged.
	ErrCorrupt = errors.New("store: file is damaged")
	// ErrMode says that a file or directory is open to others, or is no plain file or directory.
	ErrMode = errors.New("store: file is not private")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("store: in use")
	// ErrKey says that the key file is missing, malformed, or not the one of this database.
	ErrKey = errors.New("store: wrong key file")
	// ErrNewer says that a later version of the program wrote the file.
	ErrNewer = errors.New("store: written by a newer version")
	// ErrFull says that the file has reached its bound.
	ErrFull = errors.New("store: full")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
)

// Store is what the server asks of whatever keeps its state. Names are [a-z0-9._-]{1,64}; accounts and rooms share one name
// space, blobs have their own.
type Store interface {
	// CreateAccount keeps a new account; ErrExists when an account or a room has its name.
	CreateAccount(a Account) error
	// Account gives the account of that name.
	Account(name string) (Account, error)
	// Accounts gives up to limit accounts by name, after the name after ("" from the start), and the name to go on
	// after, "" at the end.
	Accounts(after string, limit int) ([]Account, string, error)
	// UpdateAccount changes an account in one step; change may not rename it, and an error of change leaves it as it was.
	// The secrets that change finds in the account are wiped when UpdateAccount returns: keep a Clone.
	UpdateAccount(name string, change func(*Account) error) error
	// DeleteAccount forgets the account and, in the same step, takes it out of the moderators of all rooms: one that is made anew under its
	// name is somebody else's. A room that has no moderator left is locked: it let in nobody without one. ErrRoomDamaged: the account stays.
	DeleteAccount(name string) error

	// CreateRoom keeps a new room; ErrExists when an account or a room has its name.
	CreateRoom(r Room) error
	// Room gives the room of that name.
	Room(name string) (Room, error)
	// Rooms pages through the rooms as Accounts does.
	Rooms(after string, limit int) ([]Room, string, error)
	// UpdateRoom changes a room in one step, as UpdateAccount does.
	UpdateRoom(name string, change func(*Room) error) error
	// DeleteRoom forgets the room.
	DeleteRoom(name string) error

	// CreateToken keeps a new token under its ID; ErrExists when there is one.
	CreateToken(t Token) error
	// Tokens pages through the tokens by their IDs as Accounts does.
	Tokens(after string, limit int) ([]Token, string, error)
	// DeleteToken forgets the token.
	DeleteToken(id string) error

	// Blob gives the octets kept under the name.
	Blob(name string) ([]byte, error)
	// PutBlob keeps octets under the name, in place of any that were there.
	PutBlob(name string, value []byte) error
	// DeleteBlob forgets the octets under the name.
	DeleteBlob(name string) error

	// Close ends the use of the store; later calls give ErrClosed.
	Close() error
}

// Account is who may call. The octets are secrets: printing and logging leave them out, and JSON refuses to hold them.
type Account struct {
	Name             string
	DisplayName      string
	Disabled         bool
	Devices          []Device // where its seats may move beside the devices that register
	Policy           string   // name of its keying policy beside the room's; "" for none
	PSK              []byte   // pre-shared key of MIKEY
	HA1SHA256        []byte   // SHA-256 of user:realm:password, RFC 7616; as good as the password
	HA1MD5           []byte   // the same by MD5; nil unless the account allows MD5
	CertFingerprints []string // SHA-256 of the certificates issued to it, in hex
	CreatedAt        time.Time
}

// String names the account and nothing else.
func (a Account) String() string { return "account " + a.Name }

// GoString keeps %#v from printing the secrets.
func (a Account) GoString() string { return a.String() }

// LogValue keeps structured logs from holding the secrets.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.Name) }

// MarshalJSON refuses: an account on its way out must be turned into a view first.
func (a Account) MarshalJSON() ([]byte, error) {
	return nil, errors.New("store: an account holds secrets and has no JSON")
}

// Clone copies the account with octets of its own.
func (a *Account) Clone() Account {
	c := *a
	c.PSK, c.HA1SHA256, c.HA1MD5 = bytes.Clone(a.PSK), bytes.Clone(a.HA1SHA256), bytes.Clone(a.HA1MD5)
	c.CertFingerprints, c.Devices = slices.Clone(a.CertFingerprints), slices.Clone(a.Devices)
	return c
}

// Wipe clears the secrets in place.
func (a *Account) Wipe() {
	clear(a.PSK)
	clear(a.HA1SHA256)
	clear(a.HA1MD5)
}

// Device is a telephone of an account that does not register: what it is called, and the SIP URI where it is.
type Device struct {
	Name string `json:"name"`
	URI  string `json:"uri"`
}

// Room is a conference that outlives its last seat.
type Room struct {
	Name      string
	Policy    string // name of its keying policy
	Locked    bool   // nobody else may enter
	MaxSeats  int    // most seats
	PIN       []byte // what its callers must know, as the server keeps it; nil for none
	CreatedAt time.Time

	Moderators []string // accounts
	Manners    *Manners // nil: of before they were kept
}

// Manners are what a room does for its callers beside mixing them; they are sealed as they stand here.
type Manners struct {
	Keys    bool `json:"keys"`
	Tones   bool `json:"tones"`
	Prompts bool `json:"prompts"`
}
