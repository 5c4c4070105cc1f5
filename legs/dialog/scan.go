package dialog

import (
	"bytes"
	"strconv"
	"strings"
)

// wire is what the front learned about a message before anybody parses it in earnest.
type wire struct {
	request bool
	method  string // upper case
	toTag   bool
	length  int      // Content-Length, -1 when absent
	vias    []string // values, unfolded, for a stateless answer
	from    string
	to      string
	callID  string
	cseq    string
	number  uint32 // of the CSeq

	lines     []string // start line and fields, unfolded, Via, From and To normal
	irregular bool     // lines differ from what came: sipgo gets the rebuilt message
}

// flaw is why a message is refused at the front. status 0: drop it silently.
type flaw struct {
	status int
	reason string // closed set, for Stats
}

func bad(reason string) *flaw { return &flaw{status: 400, reason: reason} }

// scan checks start line and header section (head ends with the empty line) against what sipgo lets pass: version,
// duplicate and missing fields, control characters, spaces in URIs, CSeq method, addresses, lengths. The wire is filled as
// far as it got also when there is a flaw, so that the sender can be told.
func scan(head []byte) (w wire, f *flaw) {
	w.length = -1
	f = w.unfold(head)
	if len(w.lines) == 0 {
		return w, &flaw{reason: "shape"}
	}
	first := w.startLine(w.lines[0])
	if first != nil && first.status == 0 {
		return w, first
	}
	seen := make(map[string]bool, 16)
	for i := 1; i < len(w.lines); i++ {
		if g := w.field(i, seen); g != nil && f == nil {
			f = g
		}
	}
	switch {
	case first != nil:
		return w, first
	case f != nil:
		return w, f
	}
	return w, w.complete()
}

// unfold splits the head into lines, joins continuation lines (RFC 3261 section 7.3.1) and checks octets and bounds.
func (w *wire) unfold(head []byte) (f *flaw) {
	for i, raw := range bytes.Split(head, []byte("\r\n")) {
		if len(raw) == 0 {
			break
		}
		line := string(raw)
		if !octets(line) || len(line) > maxLine {
			f = bad("octets")
			continue
		}
		if i > 0 && (line[0] == ' ' || line[0] == '\t') {
			last := len(w.lines) - 1
			if last < 1 {
				f = bad("octets")
				continue
			}
			w.lines[last] = strings.TrimRight(w.lines[last], " \t") + " " + strings.Trim(line, " \t")
			if len(w.lines[last]) > maxLine {
				f = bad("octets")
			}
			w.irregular = true
			continue
		}
		if len(w.lines) > maxFields {
			return bad("fields")
		}
		w.lines = append(w.lines, line)
	}
	return f
}

func (w *wire) startLine(line string) *flaw {
	if strings.HasPrefix(strings.ToUpper(line), "SIP/") {
		parts := strings.SplitN(line, " ", 3)
		if len(parts) < 2 || !strings.EqualFold(parts[0], "SIP/2.0") || len(parts[1]) != 3 {
			return &flaw{reason: "status_line"}
		}
		if n, err := strconv.Atoi(parts[1]); err != nil || n < 100 || n > 699 {
			return &flaw{reason: "status_line"}
		}
		return nil
	}
	parts := strings.Split(line, " ")
	if len(parts) < 2 || !isToken(parts[0]) || !strings.Contains(line, ":") {
		return &flaw{reason: "shape"}
	}
	w.request, w.method = true, strings.ToUpper(parts[0])
	if len(parts) != 3 || parts[0] != w.method && known(w.method) {
		return bad("request_line")
	}
	if !strings.EqualFold(parts[2], "SIP/2.0") {
		if strings.HasPrefix(strings.ToUpper(parts[2]), "SIP/") {
			return &flaw{status: 505, reason: "version"}
		}
		return bad("request_line")
	}
	u, headers, err := parseURI(parts[1])
	switch {
	case err != nil || headers:
		return bad("request_uri")
	case u.Scheme != "sip" && u.Scheme != "sips":
		return &flaw{status: 416, reason: "scheme"}
	}
	return nil
}

// longForm maps the compact forms of field names (RFC 3261 section 7.3.3, RFC 3515, 4488) to the long ones.
func longForm(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "a":
		return "accept-contact"
	case "b":
		return "referred-by"
	case "c":
		return "content-type"
	case "e":
		return "content-encoding"
	case "f":
		return "from"
	case "i":
		return "call-id"
	case "k":
		return "supported"
	case "l":
		return "content-length"
	case "m":
		return "contact"
	case "o":
		return "event"
	case "r":
		return "refer-to"
	case "s":
		return "subject"
	case "t":
		return "to"
	case "u":
		return "allow-events"
	case "v":
		return "via"
	case "x":
		return "session-expires"
	}
	return name
}

func (w *wire) field(i int, seen map[string]bool) *flaw {
	written, value, ok := strings.Cut(w.lines[i], ":")
	trimmed := strings.TrimRight(written, " \t")
	value = strings.Trim(value, " \t")
	if !ok || !isToken(trimmed) {
		return bad("field")
	}
	name := longForm(trimmed)
	regular := value
	if name == "via" || name == "from" || name == "to" {
		regular = normal(value)
	}
	if trimmed != written || regular != value {
		value = regular
		w.lines[i] = trimmed + ": " + value
		w.irregular = true
	}
	switch name {
	case "to", "from", "call-id", "cseq", "max-forwards", "content-length", "content-type":
		if seen[name] {
			return bad("duplicate")
		}
	}
	seen[name] = true
	switch name {
	case "via":
		w.vias = append(w.vias, value)
	case "call-id":
		w.callID = value
	case "from":
		w.from = value
	case "to":
		w.to = value
	case "cseq":
		w.cseq = value
	case "max-forwards":
		if n, err := strconv.ParseUint(value, 10, 32); err != nil || n > 255 {
			return bad("max_forwards")
		}
	case "content-length":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || n > maxMessage {
			return bad("content_length")
		}
		w.length = int(n)
	case "contact":
		return w.contact(value)
	}
	return nil
}

func (w *wire) contact(value string) *flaw {
	if !w.request || value == "*" {
		return nil
	}
	list, err := parseAddresses(value)
	if err != nil {
		return bad("contact")
	}
	for _, a := range list {
		if a.headers && w.method != "REGISTER" {
			return bad("contact")
		}
	}
	return nil
}

// complete checks what must be there (RFC 3261 section 8.1.1) and that From, To and CSeq make sense.
func (w *wire) complete() *flaw {
	if len(w.vias) == 0 || w.callID == "" || w.cseq == "" || w.from == "" || w.to == "" {
		return bad("missing")
	}
	if strings.ContainsAny(w.callID, " \t") {
		return bad("call_id")
	}
	number, method, ok := strings.Cut(w.cseq, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	method = strings.Trim(method, " \t")
	if !ok || err != nil || n > 1<<31-1 || !isToken(method) {
		return bad("cseq")
	}
	if w.request && !strings.EqualFold(method, w.method) {
		return bad("cseq_method")
	}
	w.number = uint32(n)
	from, err := parseNameAddr(w.from)
	if err != nil || from.Tag == "" && w.request {
		return bad("from")
	}
	to, err := parseNameAddr(w.to)
	if err != nil {
		return bad("to")
	}
	w.toTag = to.Tag != ""
	return nil
}
