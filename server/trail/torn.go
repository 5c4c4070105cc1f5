package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// torn says whether a rest without an end, after the last whole line of the last file, is what is left of a write that a crash broke off: the
// beginning of the record of that number, perhaps with the zeros that a file system puts where it has no data yet. A server that comes back
// cuts it off, and says so.
//
// That opens nothing. Whoever cuts an end off in the middle of a line takes away what he could take whole, and if any of it was signed the head
// is missing; whoever alters the last line, or its end, leaves what no broken write leaves.
func torn(rest []byte, seq uint64) bool {
	rest = bytes.TrimRight(rest, "\x00")
	begins := fmt.Appendf(nil, `{"seq":%d,`, seq)
	if len(rest) <= len(begins) {
		return bytes.HasPrefix(begins, rest)
	}
	if !bytes.HasPrefix(rest, begins) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(rest))
	var r Record
	err := dec.Decode(&r)
	if err == nil { // all of it but its end
		_, err = decode(rest)
		return err == nil
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// unended blames a line without end, if there was one: something comes after it, or no broken write leaves it.
func (v *verifier) unended() {
	if v.rest == nil {
		return
	}
	v.report.Records++
	v.blame(&v.restAt, "the line has no end: it was cut, or altered")
	v.prev, v.last, v.rest = hashOf(v.rest), v.restAt, nil
}
