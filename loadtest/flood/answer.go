package flood

import (
	"bytes"
	"strconv"
)

// answer is what a lane reads of a response; its slices are the datagram's.
type answer struct {
	status  int
	number  int  // of the call
	bye     bool // to a BYE; otherwise to an INVITE
	retry   bool // with Retry-After
	to      []byte
	contact []byte // URI
	body    []byte
}

// read reads a response to a request of the run with that tag. It believes a server of ours, as far as it reads it at all: fields are
// not folded, and each stands once.
func read(datagram []byte, tag string) (a answer, ok bool) {
	head, body, whole := bytes.Cut(datagram, []byte("\r\n\r\n"))
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	status, isResponse := bytes.CutPrefix(line, []byte("SIP/2.0 "))
	if !whole || !isResponse || len(status) < 3 {
		return a, false
	}
	a.status, _ = strconv.Atoi(string(status[:3]))
	a.body, a.number = body, -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		a.field(name, bytes.TrimSpace(value), tag)
	}
	return a, a.status >= 100 && a.number >= 0 && a.to != nil
}

func (a *answer) field(name, value []byte, tag string) {
	switch string(bytes.ToLower(name)) {
	case "call-id":
		number, of, _ := bytes.Cut(value, []byte("-"))
		if n, err := strconv.Atoi(string(number)); err == nil && string(of) == tag {
			a.number = n
		}
	case "cseq":
		a.bye = bytes.HasSuffix(value, []byte("BYE"))
	case "to":
		a.to = value
	case "contact":
		_, after, _ := bytes.Cut(value, []byte("<"))
		a.contact, _, _ = bytes.Cut(after, []byte(">"))
	case "retry-after":
		a.retry = true
	}
}
