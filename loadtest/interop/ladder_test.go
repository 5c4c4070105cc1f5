package interop

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLadder prints the message diagram of what .ci/ladder has captured: $INTEROP_LADDER names a file of one datagram a line, tab-separated:
// time in seconds, address and port of both sides, payload in hexadecimal.
func TestLadder(t *testing.T) {
	path := os.Getenv("INTEROP_LADDER")
	if path == "" {
		t.Skip("there is no capture: .ci/ladder makes one and runs this")
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l, err := readLadder(file)
	if err != nil {
		t.Fatal(err)
	}
	l.print(os.Stdout)
}

// datagram is one packet of the capture.
type datagram struct {
	at       float64
	from, to netip.AddrPort
	payload  []byte
}

// ladder is a capture with names in it: who sits at an address, and short ones for what is long and random.
type ladder struct {
	all     []datagram
	parties []string                  // in the order of their first message
	who     map[netip.AddrPort]string // of signalling and media
	ssrc    map[uint32]string         // who sends a stream, as seen at an address that was announced
	short   map[string]string         // of Call-IDs and tags
	flows   map[[2]netip.AddrPort]bool
}

func readLadder(r io.Reader) (*ladder, error) {
	l := &ladder{who: map[netip.AddrPort]string{}, ssrc: map[uint32]string{}, short: map[string]string{}, flows: map[[2]netip.AddrPort]bool{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		word := strings.Split(lines.Text(), "\t")
		if len(word) != 6 {
			return nil, fmt.Errorf("%d fields in a line", len(word))
		}
		var d datagram
		var errs [4]error
		d.at, errs[0] = strconv.ParseFloat(word[0], 64)
		d.from, errs[1] = netip.ParseAddrPort(word[1] + ":" + word[2])
		d.to, errs[2] = netip.ParseAddrPort(word[3] + ":" + word[4])
		d.payload, errs[3] = hex.DecodeString(word[5])
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		l.all = append(l.all, d)
	}
	for _, d := range l.all { // first, since media may come before whoever sends it is known
		if m := parseSIP(d.payload); m != nil {
			l.introduce(d, m)
		}
	}
	return l, lines.Err()
}

// sipMessage is what a diagram needs of a message.
type sipMessage struct {
	first  string
	fields map[string]string // by lower-case name; the last one of several
	body   string
}

func parseSIP(payload []byte) *sipMessage {
	head, body, whole := strings.Cut(string(payload), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	if !whole || !strings.Contains(lines[0], "SIP/2.0") {
		return nil
	}
	m := &sipMessage{first: lines[0], fields: map[string]string{}, body: body}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		m.fields[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return m
}

// introduce notes who sends a message, by User-Agent or Server, and where his media is.
func (l *ladder) introduce(d datagram, m *sipMessage) {
	name := strings.ToLower(m.fields["user-agent"] + m.fields["server"])
	if name == "conclave" {
		name = "server"
	}
	if name == "" {
		return
	}
	if !slices.Contains(l.parties, name) {
		l.parties = append(l.parties, name)
	}
	l.who[d.from] = name
	if media := mediaOf(m.body); media.IsValid() {
		l.who[media] = name
	}
}

var (
	connection = regexp.MustCompile(`(?m)^c=IN IP[46] (\S+)\r?$`)
	audio      = regexp.MustCompile(`(?m)^m=audio (\d+) `)
	mikey      = regexp.MustCompile(`(?m)^a=key-mgmt:mikey (\S+)\r?$`)
)

// mediaOf is where a description wants its media; not valid where it is none.
func mediaOf(body string) netip.AddrPort {
	c, m := connection.FindStringSubmatch(body), audio.FindStringSubmatch(body)
	if c == nil || m == nil {
		return netip.AddrPort{}
	}
	at, _ := netip.ParseAddrPort(c[1] + ":" + m[1])
	return at
}

// messages of MIKEY by their data type (RFC 3830 section 6.1, RFC 4650, RFC 4738).
var messages = []string{"PSK", "PSK answer", "PKE", "PKE answer", "DH", "DH answer", "error", "DHHMAC", "DHHMAC answer", "RSA-R", "RSA-R answer"}

// described tells what a description says: whose MIKEY message it bears, and the address of the media.
func described(body string) []string {
	if !strings.HasPrefix(body, "v=0") {
		return nil
	}
	var words []string
	if k := mikey.FindStringSubmatch(body); k != nil {
		raw, err := base64.StdEncoding.DecodeString(k[1])
		if err == nil && len(raw) > 10 && int(raw[1]) < len(messages) {
			words = append(words, fmt.Sprintf("MIKEY %s, CSB %08x", messages[raw[1]], binary.BigEndian.Uint32(raw[4:])))
		}
	}
	return append(words, "media at "+mediaOf(body).Addr().String())
}

// columns of a diagram.
const (
	ladderColumn = 23
	ladderTime   = 8
)

func (l *ladder) print(w io.Writer) {
	head := fmt.Sprintf("%*s  ", ladderTime, "ms")
	for _, name := range l.parties {
		head += fmt.Sprintf("%-*s", ladderColumn, name)
	}
	fmt.Fprintln(w, strings.TrimRight(head, " "))
	for _, d := range l.all {
		m := parseSIP(d.payload)
		switch {
		case m != nil && l.shown(m):
			l.rung(w, d, l.who[d.from], l.who[d.to], label(m), l.details(m))
		case m == nil && len(d.payload) > 12 && d.payload[0]>>6 == 2 && (d.payload[1] < 192 || d.payload[1] > 223):
			l.flow(w, d)
		}
	}
}

// shown leaves out what is the same in every diagram.
func (l *ladder) shown(m *sipMessage) bool {
	return !strings.HasSuffix(m.fields["cseq"], " REGISTER") || os.Getenv("INTEROP_REGISTER") != ""
}

// flow prints the first SRTP packet between two addresses.
func (l *ladder) flow(w io.Writer, d datagram) {
	way := [2]netip.AddrPort{d.from, d.to}
	if l.flows[way] {
		return
	}
	l.flows[way] = true
	ssrc := binary.BigEndian.Uint32(d.payload[8:])
	from, known := l.who[d.from]
	if known {
		l.ssrc[ssrc] = from
	} else if from = l.ssrc[ssrc]; from != "" { // he has moved
		l.who[d.from] = from
	}
	l.rung(w, d, from, l.who[d.to], "SRTP", []string{fmt.Sprintf("the first from %s to %s, SSRC %08x", d.from.Addr(), d.to.Addr(), ssrc)})
}

// rung prints one line: an arrow from column to column, and what is said with it.
func (l *ladder) rung(w io.Writer, d datagram, from, to, what string, details []string) {
	a, b := slices.Index(l.parties, from), slices.Index(l.parties, to)
	if a < 0 || b < 0 || a == b {
		return
	}
	line := []byte(strings.Repeat("|"+strings.Repeat(" ", ladderColumn-1), len(l.parties)-1) + "|")
	left, right := ladderColumn*min(a, b), ladderColumn*max(a, b)
	begin, end := "--", ">"
	if a > b {
		begin, end = "<-", "-"
	}
	arrow := begin + " " + what + " " + strings.Repeat("-", max(right-left-len(what)-6, 0)) + end
	copy(line[left+1:right], arrow)
	text := fmt.Sprintf("%*.1f  %s  %s", ladderTime, 1000*d.at, line, strings.Join(details, "; "))
	fmt.Fprintln(w, strings.TrimRight(text, " "))
}

// label is what stands in an arrow: the method, or the status and what it answers.
func label(m *sipMessage) string {
	word := strings.Fields(m.first)
	if word[0] != "SIP/2.0" {
		return word[0]
	}
	_, method, _ := strings.Cut(m.fields["cseq"], " ")
	return word[1] + " " + method
}

// details are the fields of a message that a move is made of.
func (l *ladder) details(m *sipMessage) []string {
	var words []string
	for _, name := range []string{"Refer-To", "Refer-Sub", "Target-Dialog", "Replaces", "Session-Expires", "Subscription-State", "Contact", "Warning", "Reason"} {
		value := m.fields[strings.ToLower(name)]
		if value == "" || name == "Contact" && (!strings.HasSuffix(m.fields["cseq"], " INVITE") || strings.HasPrefix(m.first, "SIP/2.0")) {
			continue
		}
		words = append(words, name+": "+l.shorten(value))
	}
	if m.fields["authorization"] != "" {
		words = append(words, "with digest")
	}
	if strings.HasPrefix(m.fields["content-type"], "message/sipfrag") {
		words = append(words, strings.TrimSpace(m.body))
	}
	return append(words, described(m.body)...)
}

var (
	random = regexp.MustCompile(`(?:%3D)?[A-Z2-7]{26}`)
	port   = regexp.MustCompile(`(\d\.\d+):\d{4,5}`)
)

// shorten gives what is long and random a name, and leaves ports out.
func (l *ladder) shorten(value string) string {
	value = random.ReplaceAllStringFunc(value, func(id string) string {
		if rest, escaped := strings.CutPrefix(id, "%3D"); escaped {
			return "%3D" + l.shorten(rest)
		}
		if l.short[id] == "" {
			l.short[id] = "id" + strconv.Itoa(len(l.short)+1)
		}
		return l.short[id]
	})
	return port.ReplaceAllString(value, "$1")
}
