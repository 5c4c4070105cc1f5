package trail

import (
	"crypto/ed25519"
	"fmt"
)

// Expect is what a trail is held to, as far as it is known.
type Expect struct {
	Key   ed25519.PublicKey // who signs; nil: whoever signed first
	Head  Head              // where it was signed last; the zero value: not known
	Whole bool              // from its first record on, or from one before which another says what was pruned
}

// Problem is one thing that is wrong with a trail, and where.
type Problem struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`   // from 1
	Offset int64  `json:"offset,omitempty"` // of that line in its file
	Seq    uint64 `json:"seq,omitempty"`    // of the record, as far as it can be told
	Text   string `json:"text"`
}

// String says it in one sentence.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("%s, line %d (octet %d), record %d: %s", p.File, p.Line, p.Offset, p.Seq, p.Text)
}

// Report is what Verify found.
type Report struct {
	Files      int       `json:"files"`
	Records    uint64    `json:"records"`
	First      uint64    `json:"first"`
	Last       uint64    `json:"last"`
	Hash       string    `json:"hash"`       // of the last record
	Signatures uint64    `json:"signatures"` //
	Key        string    `json:"key"`        // that they are of
	Unsigned   uint64    `json:"unsigned"`   // records after the last signature: a change of the last of them would not show
	Lost       uint64    `json:"lost"`       // entries that the server could not record
	Pruned     uint64    `json:"pruned"`     // number of the last record that was removed to make room
	Closed     bool      `json:"closed"`     // it ends where the server stopped in order
	Torn       int64     `json:"torn"`       // octets after the last record: one that is being written, or that a crash broke off
	Mended     int64     `json:"mended"`     // octets of such that a server which came back has cut off
	Problems   []Problem `json:"problems"`
}
