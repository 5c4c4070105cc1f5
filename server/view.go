package server

import (
	"errors"
	"math"
	"time"

	"github.com/conclave/conclave/keying"
)

// The errors with which the server answers the admin API. The API tells the status from the sentinel and shows the words
// of the sentinel only, never what is wrapped around it.
var (
	// ErrUnknownRoom says that no room of that name is open (404).
	ErrUnknownRoom = errors.New("server: no such room")
	// ErrUnknownSeat says that the room has no seat with that id (404).
	ErrUnknownSeat = errors.New("server: no such seat")
	// ErrUnknownAccount says that no account has that name (404).
	ErrUnknownAccount = errors.New("server: no such account")
	// ErrNameTaken says that a room or an account has the name already: both share one name space (409).
	ErrNameTaken = errors.New("server: name is taken")
	// ErrInvalid says that a value is out of its bounds although its shape is right (422).
	ErrInvalid = errors.New("server: value not allowed")
	// ErrUnknownPolicy says that an account was to have a keying policy that the configuration lacks (422).
	ErrUnknownPolicy = errors.New("server: no such policy")
	// ErrUnavailable says that the server cannot do it now: it is starting, stopping or full (503).
	ErrUnavailable = errors.New("server: not available now")
)

// RoomView is what the outside sees of a room at one moment.
type RoomView struct {
	Name      string       `json:"name" doc:"Name, unique among rooms and accounts" example:"standup"`
	Policy    string       `json:"policy" doc:"Name of the keying policy" example:"standard"`
	Locked    bool         `json:"locked" doc:"True when nobody else may enter"`
	MaxSeats  int          `json:"max_seats" doc:"Most seats the room holds" example:"500"`
	PIN       bool         `json:"pin" doc:"True when callers must know a PIN to enter"`
	Recorded  bool         `json:"recorded" doc:"True while it is being recorded"`
	Permanent bool         `json:"permanent" doc:"True when it is kept although nobody is in it"`
	Keys      bool         `json:"keys" doc:"True when it listens to its callers' keys"`
	Tones     bool         `json:"tones" doc:"True when it sounds as somebody comes or goes"`
	Prompts   bool         `json:"prompts" doc:"True when it says to callers what happens"`
	Seats     int          `json:"seats" doc:"Seats taken now" example:"3"`
	Speaking  []string     `json:"speaking" nullable:"false" doc:"Ids of the seats that speak now"`
	Weakest   *WeakestView `json:"weakest" doc:"The weakest keying among the seats; null while no call stands"`
	CreatedAt time.Time    `json:"created_at" doc:"When the room was made"`

	Moderators []string `json:"moderators" nullable:"false" doc:"Accounts for one of which the others wait; none: the room waits for nobody"`
}

// WeakestView names the keying that bounds the secrecy of a whole room.
type WeakestView struct {
	Method         string `json:"method" doc:"Method of the key agreement" example:"mikey-dh"`
	Suite          string `json:"suite" doc:"SRTP protection profile; empty while a leg has no keys yet" example:"AEAD_AES_256_GCM"`
	ForwardSecrecy bool   `json:"forward_secrecy" doc:"True when recorded calls stay closed if a long-term key is lost"`
}

// SeatView is what the outside sees of a seat, and of the leg that fills it, at one moment.
type SeatView struct {
	ID          string    `json:"id" doc:"Identifier, unique within the server's life"`
	Room        string    `json:"room" doc:"Name of the room"`
	Account     string    `json:"account" doc:"Account that took the seat; empty for a caller of a trunk"`
	Trunk       string    `json:"trunk" doc:"Trunk through which the caller came; empty for an account"`
	DisplayName string    `json:"display_name" doc:"Name to show"`
	JoinedAt    time.Time `json:"joined_at" doc:"When the seat was taken"`
	Waiting     string    `json:"waiting" enum:",pin,moderator,leaving" doc:"What the seat waits for, apart from the room: nobody hears it, and it hears prompts only; empty once it is in the room"`
	Hand        bool      `json:"hand" doc:"True while the seat has its hand raised"`
	Muted       bool      `json:"muted" doc:"True when nobody hears the seat"`
	Deaf        bool      `json:"deaf" doc:"True when the seat hears nothing"`
	GainDB      float64   `json:"gain_db" doc:"How loud the others hear the seat, in dB"`
	Position    *Position `json:"position" doc:"Its place for spatial audio; null where none was given"`
	Speaking    bool      `json:"speaking" doc:"True while the seat speaks"`
	LevelDBFS   float64   `json:"level_dbfs" doc:"Level of the seat's sound, in dB below full scale" example:"-27.5"`
	Leg         *LegView  `json:"leg" doc:"The device that fills the seat now; null while its owner is away"`
}

// LegView is the device that fills a seat: one SIP dialog and one SRTP stream.
type LegView struct {
	ID             string      `json:"id" doc:"Identifier of the leg"`
	State          string      `json:"state" doc:"State of the leg" example:"up"`
	Transport      string      `json:"transport" doc:"Transport of the signalling" example:"tls"`
	SignallingAddr string      `json:"signalling_addr" doc:"Where the signalling comes from" example:"192.0.2.7:5061"`
	MediaAddr      string      `json:"media_addr" doc:"Where the media goes" example:"192.0.2.7:40000"`
	Codec          string      `json:"codec" doc:"Codec of the leg" example:"opus"`
	Keying         KeyingView  `json:"keying" doc:"How the leg is keyed"`
	Quality        QualityView `json:"quality" doc:"How well the leg is heard"`
}

// KeyingView is the posture of a leg's key agreement. It holds no key.
type KeyingView struct {
	Method          string  `json:"method" doc:"Method of the key agreement" example:"mikey-dh"`
	Suite           string  `json:"suite" doc:"SRTP protection profile; empty while the handshake of dtls-srtp runs" example:"AEAD_AES_256_GCM"`
	Group           string  `json:"group" doc:"Diffie-Hellman group of MIKEY; empty where there is none" example:"p256"`
	ForwardSecrecy  bool    `json:"forward_secrecy" doc:"True when recorded calls stay closed if a long-term key is lost"`
	CSBID           uint32  `json:"csb_id" doc:"Identifier of the crypto session bundle, RFC 3830; 0 outside MIKEY"`
	KeyAgeS         float64 `json:"key_age_s" doc:"Age of the running keys, in seconds"`
	Rekeys          uint64  `json:"rekeys" doc:"Key changes since the leg came up"`
	Overdue         bool    `json:"overdue" doc:"True when the keys are older than the policy lets them be and this call cannot renew them"`
	PeerIdentity    string  `json:"peer_identity" doc:"Whom the key agreement itself proved; empty where it proves nobody" example:"sip:alice@conf.example.com"`
	PeerFingerprint string  `json:"peer_fingerprint" doc:"Fingerprint of the peer's certificate; empty without one"`
}

// QualityView is the quality of a leg's media as measured by both ends.
type QualityView struct {
	LossPct  float64 `json:"loss_pct" doc:"Packets lost, in percent"`
	JitterMS float64 `json:"jitter_ms" doc:"Interarrival jitter, in milliseconds, RFC 3550"`
	RTTMS    float64 `json:"rtt_ms" doc:"Round trip, in milliseconds"`
	MOS      float64 `json:"mos" doc:"Estimated mean opinion score, 1 to 4.5"`
}

// SeatPatch changes a seat; a nil field stays as it is.
type SeatPatch struct {
	Muted  *bool    `json:"muted,omitempty" doc:"True: nobody hears the seat"`
	Deaf   *bool    `json:"deaf,omitempty" doc:"True: the seat hears nothing"`
	GainDB *float64 `json:"gain_db,omitempty" minimum:"-60" maximum:"20" doc:"How loud the others hear the seat, in dB"`
	// Position is kept and shown; nobody is heard from where he is yet.
	Position *PositionPatch `json:"position,omitempty" doc:"Its place for spatial audio: azimuth, or all of x, y and z"`
}

// Position is the place of a seat around whoever listens.
type Position struct {
	X       float64 `json:"x" doc:"To the right, in metres"`
	Y       float64 `json:"y" doc:"Ahead, in metres"`
	Z       float64 `json:"z" doc:"Up, in metres"`
	Azimuth float64 `json:"azimuth" doc:"Direction, in degrees clockwise from ahead, -180 to 180" example:"-30"`
}

// PositionPatch gives a seat a place, by its direction or in space.
type PositionPatch struct {
	Azimuth *float64 `json:"azimuth,omitempty" minimum:"-180" maximum:"180" doc:"Direction, in degrees clockwise from ahead; the place is then a metre away"`
	X       *float64 `json:"x,omitempty" minimum:"-1000" maximum:"1000" doc:"To the right, in metres"`
	Y       *float64 `json:"y,omitempty" minimum:"-1000" maximum:"1000" doc:"Ahead, in metres"`
	Z       *float64 `json:"z,omitempty" minimum:"-1000" maximum:"1000" doc:"Up, in metres"`
}

// Place is the position that is asked for; false: it is neither a direction nor three coordinates.
func (p *PositionPatch) Place() (Position, bool) {
	xyz := p.X != nil && p.Y != nil && p.Z != nil
	none := p.X == nil && p.Y == nil && p.Z == nil
	switch {
	case p.Azimuth != nil && none && math.Abs(*p.Azimuth) <= 180:
		sin, cos := math.Sincos(*p.Azimuth * math.Pi / 180)
		return Position{X: sin, Y: cos, Azimuth: *p.Azimuth}, true
	case p.Azimuth == nil && xyz && !math.IsNaN(*p.X+*p.Y+*p.Z) && !math.IsInf(*p.X+*p.Y+*p.Z, 0):
		return Position{X: *p.X, Y: *p.Y, Z: *p.Z, Azimuth: math.Atan2(*p.X, *p.Y) * 180 / math.Pi}, true
	}
	return Position{}, false
}

// AccountView is what the outside sees of an account: no credential.
type AccountView struct {
	Name             string       `json:"name" doc:"Name, unique among rooms and accounts" example:"alice"`
	URI              string       `json:"uri" doc:"SIP URI of the account" example:"sip:alice@conf.example.com"`
	DisplayName      string       `json:"display_name" doc:"Name to show"`
	Disabled         bool         `json:"disabled" doc:"True when the account may not call"`
	Policy           string       `json:"policy" doc:"Keying policy that its calls must keep to beside the room's; empty for none"`
	MD5              bool         `json:"md5" doc:"True when SIP digest by MD5 is taken, for phones that know no other"`
	CertFingerprints []string     `json:"cert_fingerprints" nullable:"false" doc:"SHA-256 of the certificates issued to the account, in hex"`
	Devices          []DeviceView `json:"devices" nullable:"false" doc:"Where its seats may move: the devices of its record, and those that are registered now"`
	Calls            int          `json:"calls" doc:"Calls the account is in now"`
	CreatedAt        time.Time    `json:"created_at" doc:"When the account was made"`
}

// DeviceView is what the outside sees of a device of an account.
type DeviceView struct {
	Name       string     `json:"name" doc:"Name in the record of the account, or what the device calls itself" example:"desk"`
	URI        string     `json:"uri" doc:"Where it is called" example:"sip:desk@192.0.2.7:5060"`
	Instance   string     `json:"instance" doc:"Name of the device itself, RFC 5626; empty where it has none" example:"urn:uuid:00000000-0000-1000-8000-000a95a0e128"`
	Transport  string     `json:"transport" doc:"Transport of its signalling" example:"tls"`
	Registered bool       `json:"registered" doc:"True for a device that registered; false for one of the record"`
	Expires    *time.Time `json:"expires" doc:"When its registration ends; null for a device of the record"`
}

// Device is a device of an account's record.
type Device struct {
	Name string `json:"name" minLength:"1" maxLength:"64" doc:"Name to show, unique within the account" example:"desk"`
	URI  string `json:"uri" minLength:"5" maxLength:"256" pattern:"^sips?:" doc:"SIP URI with no parameter but transport" example:"sip:desk@192.0.2.7:5060"`
}

// NewAccount asks for an account. The credentials are the server's to make.
type NewAccount struct {
	Name        string `json:"name" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"Name, unique among rooms and accounts, not dots alone; kept in lower case" example:"alice"`
	DisplayName string `json:"display_name,omitempty" maxLength:"128" doc:"Name to show; the name when empty"`
	Cert        string `json:"cert,omitempty" enum:"rsa,ecdsa" doc:"Kind of certificate to issue; ecdsa when empty"`
	Policy      string `json:"policy,omitempty" maxLength:"64" doc:"Keying policy of the configuration that its calls must keep to beside the room's"`
	MD5         bool   `json:"md5,omitempty" doc:"Take SIP digest by MD5 too: for a phone that knows no other"`
}

// Rotation asks for new credentials.
type Rotation struct {
	Cert string `json:"cert,omitempty" enum:"rsa,ecdsa" doc:"Kind of certificate to issue; ecdsa when empty"`
}

// AccountPatch changes an account; a nil field stays as it is.
type AccountPatch struct {
	DisplayName *string   `json:"display_name,omitempty" maxLength:"128" doc:"Name to show"`
	Disabled    *bool     `json:"disabled,omitempty" doc:"True: the account may not call; calls it is in are ended"`
	Policy      *string   `json:"policy,omitempty" maxLength:"64" doc:"Keying policy of its calls from now on; empty: the room's alone"`
	Devices     *[]Device `json:"devices,omitempty" maxItems:"16" doc:"Devices that do not register and to which its seats may move, in place of those there were"`
}

// Bundle is what the owner of a new account gets, once: the credentials in the clear. The name lets the admin API hand it
// through without knowing the package that made it.
type Bundle = keying.Bundle
