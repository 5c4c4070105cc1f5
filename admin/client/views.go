package client

import "time"

// Room is a room at one moment.
type Room struct {
	Name      string    `json:"name"`
	Policy    string    `json:"policy"`
	Locked    bool      `json:"locked"`
	MaxSeats  int       `json:"max_seats"`
	PIN       bool      `json:"pin"` // callers must know one
	Recorded  bool      `json:"recorded"`
	Permanent bool      `json:"permanent"` // kept although nobody is in it
	Seats     int       `json:"seats"`
	Speaking  []string  `json:"speaking"` // ids of seats
	Weakest   *Weakest  `json:"weakest"`  // nil in an empty room
	CreatedAt time.Time `json:"created_at"`

	Moderators []string `json:"moderators"` // accounts for one of which the others wait
	Keys       bool     `json:"keys"`       // it listens to them
	Tones      bool     `json:"tones"`
	Prompts    bool     `json:"prompts"`
}

// Weakest is the weakest keying among the seats of a room.
type Weakest struct {
	Method         string `json:"method"`
	Suite          string `json:"suite"` // "" while a leg has no keys yet
	ForwardSecrecy bool   `json:"forward_secrecy"`
}

// Seat is a seat at one moment.
type Seat struct {
	ID          string    `json:"id"`
	Room        string    `json:"room"`
	Account     string    `json:"account"` // "" for a caller of a trunk
	Trunk       string    `json:"trunk"`   // "" for an account
	DisplayName string    `json:"display_name"`
	JoinedAt    time.Time `json:"joined_at"`
	Waiting     string    `json:"waiting"` // for what, apart from the room; "" once it is in
	Hand        bool      `json:"hand"`    // raised
	Muted       bool      `json:"muted"`
	Deaf        bool      `json:"deaf"`
	GainDB      float64   `json:"gain_db"`
	Position    *Position `json:"position"` // nil: none was given
	Speaking    bool      `json:"speaking"`
	LevelDBFS   float64   `json:"level_dbfs"`
	Leg         *Leg      `json:"leg"` // nil while the owner is away
}

// Recording is what is known about a recording.
type Recording struct {
	ID         string     `json:"id"`
	Room       string     `json:"room"`
	BegunAt    time.Time  `json:"begun_at"`
	EndedAt    *time.Time `json:"ended_at"` // nil while it runs, and of one that a crash cut off
	Running    bool       `json:"running"`
	Seconds    float64    `json:"seconds"`
	Octets     int64      `json:"octets"`
	Dropped    uint64     `json:"dropped"` // frames that the disk could not take in time
	Reason     string     `json:"reason"`
	Recipients []string   `json:"recipients"` // public keys of age
}

// Leg is the device that fills a seat.
type Leg struct {
	ID             string  `json:"id"`
	State          string  `json:"state"`
	Transport      string  `json:"transport"`
	SignallingAddr string  `json:"signalling_addr"`
	MediaAddr      string  `json:"media_addr"`
	Codec          string  `json:"codec"`
	Keying         Keying  `json:"keying"`
	Quality        Quality `json:"quality"`
}

// Keying is how a leg is keyed.
type Keying struct {
	Method          string  `json:"method"`
	Suite           string  `json:"suite"` // "" while the handshake of dtls-srtp runs
	Group           string  `json:"group"` // "" where there is none
	ForwardSecrecy  bool    `json:"forward_secrecy"`
	CSBID           uint32  `json:"csb_id"`    // 0 outside MIKEY
	KeyAgeS         float64 `json:"key_age_s"` // seconds
	Rekeys          uint64  `json:"rekeys"`
	Overdue         bool    `json:"overdue"`       // older than the policy lets keys be, and not to be renewed in this call
	PeerIdentity    string  `json:"peer_identity"` // whom the key agreement itself proved
	PeerFingerprint string  `json:"peer_fingerprint"`
}

// Quality is how well a leg is heard.
type Quality struct {
	LossPct  float64 `json:"loss_pct"`
	JitterMS float64 `json:"jitter_ms"`
	RTTMS    float64 `json:"rtt_ms"`
	MOS      float64 `json:"mos"`
}

// MoveRequest asks for a move.
type MoveRequest struct {
	Target string `json:"target"`        // URI of a device
	Via    string `json:"via,omitempty"` // invite or send
}

// Move is a seat's change to another device, at one moment.
type Move struct {
	ID      string  `json:"id"`
	Room    string  `json:"room"`
	Seat    string  `json:"seat"`
	Account string  `json:"account"`
	Target  string  `json:"target"` // "" where the device called by itself
	How     string  `json:"how"`    // refer, replaces, invite, send or dial
	State   string  `json:"state"`  // inviting, bridged, done or failed
	GapMS   float64 `json:"gap_ms"` // of the seat's sound, at the change
	Reason  string  `json:"reason"` // why it failed
}

// SeatPatch changes a seat; nil leaves a value as it is.
type SeatPatch struct {
	Muted  *bool    `json:"muted,omitempty"`
	Deaf   *bool    `json:"deaf,omitempty"`
	GainDB *float64 `json:"gain_db,omitempty"` // -60 to 20 dB
	// Position is by azimuth, or by all of x, y and z.
	Position *PositionPatch `json:"position,omitempty"`
}

// Position is the place of a seat, in metres and degrees.
type Position struct {
	X       float64 `json:"x"`       // to the right
	Y       float64 `json:"y"`       // ahead
	Z       float64 `json:"z"`       // up
	Azimuth float64 `json:"azimuth"` // clockwise from ahead
}

// PositionPatch gives a seat a place.
type PositionPatch struct {
	Azimuth *float64 `json:"azimuth,omitempty"`
	X       *float64 `json:"x,omitempty"`
	Y       *float64 `json:"y,omitempty"`
	Z       *float64 `json:"z,omitempty"`
}

// CallRequest asks for a call to a device.
type CallRequest struct {
	URI     string `json:"uri"`
	Account string `json:"account,omitempty"` // of the device, where several have one there
	Keying  string `json:"keying,omitempty"`  // "": those of the policy
}

// Account is an account; it holds no credential.
type Account struct {
	Name             string    `json:"name"`
	URI              string    `json:"uri"`
	DisplayName      string    `json:"display_name"`
	Disabled         bool      `json:"disabled"`
	Policy           string    `json:"policy"` // "" for the room's alone
	MD5              bool      `json:"md5"`    // digest by MD5 is taken
	CertFingerprints []string  `json:"cert_fingerprints"`
	Devices          []Device  `json:"devices"`
	Calls            int       `json:"calls"`
	CreatedAt        time.Time `json:"created_at"`
}

// Device is where seats of an account may move.
type Device struct {
	Name       string     `json:"name"`
	URI        string     `json:"uri"`
	Instance   string     `json:"instance"` // "" where the device has no name of its own
	Transport  string     `json:"transport"`
	Registered bool       `json:"registered"` // false: of the account's record
	Expires    *time.Time `json:"expires"`    // of the registration; nil for one of the record
}

// ListedDevice is a device of an account's record.
type ListedDevice struct {
	Name string `json:"name"`
	URI  string `json:"uri"`
}

// NewAccount asks for an account.
type NewAccount struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Cert        string `json:"cert,omitempty"`   // rsa or ecdsa; ecdsa when empty
	Policy      string `json:"policy,omitempty"` // of the configuration; "" for the room's alone
	MD5         bool   `json:"md5,omitempty"`    // take digest by MD5 too
}

// AccountPatch changes an account; nil leaves a value as it is.
type AccountPatch struct {
	DisplayName *string         `json:"display_name,omitempty"`
	Disabled    *bool           `json:"disabled,omitempty"`
	Policy      *string         `json:"policy,omitempty"`  // "": the room's alone
	Devices     *[]ListedDevice `json:"devices,omitempty"` // in place of those there were
}

// NewToken asks for a token of the API.
type NewToken struct {
	Name      string `json:"name"`                 // what it is for
	Role      string `json:"role"`                 // viewer, operator or admin
	Room      string `json:"room,omitempty"`       // the one room that it is good for
	LifetimeS int64  `json:"lifetime_s,omitempty"` // 0: it never expires
}

// Token is a token as others see it.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Room      string     `json:"room"` // "" for every room
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
}

// AuditKey is what the audit trail is verified with.
type AuditKey struct {
	Key  string `json:"key"` // Ed25519, base64
	Head struct {
		Seq  uint64 `json:"seq"`  // of the last signed record
		Hash string `json:"hash"` // its SHA-256, hex
	} `json:"head"`
}

// Node is the server as a whole at one moment.
type Node struct {
	Version       string    `json:"version"`
	StartedAt     time.Time `json:"started_at"`
	UptimeS       float64   `json:"uptime_s"`
	Domain        string    `json:"domain"`
	State         string    `json:"state"` // ready, full, draining or stopping
	Calls         int       `json:"calls"`
	Away          int       `json:"away"` // seats whose owners lost their calls and may come back
	Rooms         int       `json:"rooms"`
	Accounts      int       `json:"accounts"`
	Registrations int       `json:"registrations"`
	Remaining     int       `json:"remaining"` // calls that there is room for
	Shed          int       `json:"shed"`      // step of deliberate reduction, 0 for none
	Listeners     Listeners `json:"listeners"`
	Pressure      Pressure  `json:"pressure"`
}

// Listeners are the addresses of SIP by transport, "" where one is off.
type Listeners struct {
	UDP string `json:"udp"`
	TCP string `json:"tcp"`
	TLS string `json:"tls"`
}

// Pressure is how hard the server works.
type Pressure struct {
	TickLoad  float64 `json:"tick_load"` // share of the mixer's time, 0 to 1
	LateTicks uint64  `json:"late_ticks"`
	DHWaiting int     `json:"dh_waiting"`
}

// NewRoom asks for a room.
type NewRoom struct {
	Name      string `json:"name"`
	Policy    string `json:"policy,omitempty"` // of the configuration; "" for the default
	Locked    bool   `json:"locked,omitempty"`
	MaxSeats  int    `json:"max_seats,omitempty"` // 0 for the default
	PIN       string `json:"pin,omitempty"`       // 4 to 12 digits
	Permanent *bool  `json:"permanent,omitempty"` // kept, over restarts too; nil: where it has a PIN or moderators

	Moderators []string `json:"moderators,omitempty"` // accounts for one of which the others wait
	Keys       *bool    `json:"keys,omitempty"`       // nil: as the configuration has it, as the next two
	Tones      *bool    `json:"tones,omitempty"`
	Prompts    *bool    `json:"prompts,omitempty"`
}

// RoomPatch changes a room; nil leaves a value as it is.
type RoomPatch struct {
	Policy   *string `json:"policy,omitempty"` // of new calls
	Locked   *bool   `json:"locked,omitempty"`
	MaxSeats *int    `json:"max_seats,omitempty"`
	PIN      *string `json:"pin,omitempty"`   // "" for none
	Muted    *bool   `json:"muted,omitempty"` // every seat there is

	Moderators *[]string `json:"moderators,omitempty"` // empty: the room waits for nobody
	Keys       *bool     `json:"keys,omitempty"`
	Tones      *bool     `json:"tones,omitempty"`
	Prompts    *bool     `json:"prompts,omitempty"`
}
