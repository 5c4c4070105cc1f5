package trail

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Types of the records that the trail writes about itself.
const (
	TypeOpened = "trail.opened" // a server began to write
	TypeSigned = "trail.signed" // all up to here is signed
	TypeGap    = "trail.gap"    // entries were lost: the disk was full or too slow
	TypePruned = "trail.pruned" // the oldest records were removed to make room
	TypeTally  = "trail.tally"  // what happens too often for a record each, counted
	TypeClosed = "trail.closed" // the server stopped in order
)

// Entry is what is to be recorded.
type Entry struct {
	Time                      time.Time // zero: now
	Type, Room, Seat, Account string
	By                        string // who of the admin API did it
	Data                      any    // a small struct with JSON tags, by type; nil: none

	written chan<- error // told once it is in the file; nil: nobody waits
}

// Record is one line of the trail. Its JSON is that line, octet by octet.
type Record struct {
	Seq     uint64          `json:"seq" doc:"Number of the record; rises by one"`
	Time    time.Time       `json:"time" doc:"When it happened"`
	Type    string          `json:"type" doc:"What happened"`
	Room    string          `json:"room,omitempty" doc:"Name of the room"`
	Seat    string          `json:"seat,omitempty" doc:"Id of the seat"`
	Account string          `json:"account,omitempty" doc:"Name of the account"`
	By      string          `json:"by,omitempty" doc:"Id of the token, or certificate, by which the admin API was used"`
	Data    json.RawMessage `json:"data,omitempty" doc:"More, by type"`
	Prev    string          `json:"prev" doc:"SHA-256 of the record before, of its JSON as it stands in the file, in hex"`
}

// What the records of the trail about itself hold.
type (
	openedData struct {
		Key      string `json:"key"`                // public key of the signatures to come, base64
		Unsigned uint64 `json:"unsigned,omitempty"` // records before this one that no signature stood for when the server came back
		Torn     int64  `json:"torn,omitempty"`     // octets of a line that was not written whole, and was cut off
		Broken   string `json:"broken,omitempty"`   // what was found to be wrong with the trail
	}
	signedData struct {
		Key string `json:"key"`
		Sig string `json:"sig"`
	}
	gapData struct {
		Lost uint64 `json:"lost"`
	}
	prunedData struct {
		Through uint64 `json:"through"` // number of the last record that is gone
	}
	tallyData struct {
		Counts map[string]uint64 `json:"counts"`
	}
)

// Head is where the trail was signed last. Kept elsewhere, it shows that the trail's end was cut off.
type Head struct {
	Seq  uint64 `json:"seq" doc:"Number of the last signed record"`
	Hash string `json:"hash" doc:"SHA-256 of that record, in hex"`
}

// nobody is prev of the first record.
var nobody = hex.EncodeToString(make([]byte, sha256.Size))

// hashOf is what the next record holds of a line, which comes without its end.
func hashOf(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

// encode writes a value as one line; HTML in it stays as it is, as the API has it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes()[:b.Len()-1], nil // without its end
}

// decode reads a line strictly: what it gives encodes to that line and to no other.
func decode(line []byte) (Record, error) {
	var r Record
	if err := strictly(line, &r); err != nil {
		return r, err
	}
	again, err := encode(r)
	if err == nil && !bytes.Equal(again, line) {
		err = fmt.Errorf("it is not written as the server writes")
	}
	return r, err
}

// strictly reads one JSON value and nothing that it does not know.
func strictly(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(text)) {
		return fmt.Errorf("more than one value")
	}
	return nil
}

// signedText is what a signature is made over: the place of its record in the chain, and its time.
func signedText(r Record) []byte {
	return fmt.Appendf(nil, "conclave audit trail, version 1\n%d\n%s\n%s\n", r.Seq, r.Time.Format(time.RFC3339Nano), r.Prev)
}

// sign puts a signature into a record that is otherwise complete.
func sign(r Record, key ed25519.PrivateKey) (Record, error) {
	data, err := encode(signedData{
		Key: EncodeKey(key.Public().(ed25519.PublicKey)), Sig: base64.StdEncoding.EncodeToString(ed25519.Sign(key, signedText(r))),
	})
	r.Data = data
	return r, err
}

// signer gives the key that a record of type trail.signed is signed by, or says why it is not.
func signer(r Record) (ed25519.PublicKey, error) {
	var d signedData
	if err := strictly(r.Data, &d); err != nil {
		return nil, err
	}
	key, err := ParseKey(d.Key)
	if err != nil {
		return nil, err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(d.Sig)
	if err != nil {
		return nil, fmt.Errorf("its signature is no base64")
	}
	if !ed25519.Verify(key, signedText(r), sig) {
		return nil, fmt.Errorf("its signature does not hold")
	}
	if again, err := encode(d); err != nil || !bytes.Equal(again, r.Data) {
		return nil, fmt.Errorf("it is not written as the server writes")
	}
	return key, nil
}

// EncodeKey writes a public key as it stands in the trail.
func EncodeKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// ParseKey reads a public key as EncodeKey writes it.
func ParseKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("not an Ed25519 public key in base64")
	}
	return key, nil
}
