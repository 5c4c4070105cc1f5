package server

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
)

// wire is a peer that speaks SIP by hand, from an address of its own and over one transport: nothing that it sends is held back by a
// library of ours.
type wire struct {
	t         *testing.T
	server    *Server
	transport string
	conn      net.Conn
	in        *bufio.Reader // of a stream
	nonce     string        // of its one challenge; counts are counted up
	counts    int
}

// newWire connects from an address of loopback, over TLS with a certificate to show or without.
func newWire(t *testing.T, s *Server, transport, address string, shows ...tls.Certificate) *wire {
	t.Helper()
	network := map[string]string{"udp": "udp", "tcp": "tcp", "tls": "tcp"}[transport]
	var local net.Addr = &net.TCPAddr{IP: net.ParseIP(address)}
	if network == "udp" {
		local = &net.UDPAddr{IP: net.ParseIP(address)}
	}
	c, err := (&net.Dialer{LocalAddr: local}).DialContext(t.Context(), network, s.SIPAddress(transport).String())
	if err != nil {
		t.Fatal(err)
	}
	if transport == "tls" {
		c = tls.Client(c, &tls.Config{RootCAs: s.keys.authority.Roots(), ServerName: "localhost", Certificates: shows, MinVersion: tls.VersionTLS12})
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wire{t: t, server: s, transport: transport, conn: c, in: bufio.NewReader(c)}
}

// request is one SIP request, as its sender has it.
type request struct {
	method, uri, from, to string
	callID                string
	seq                   int
	branch                string   // drawn when empty
	fields                []string // further ones, "Name: value"
	body                  string
}

// text writes a request down as this peer sends it.
func (w *wire) text(r request) string {
	if r.branch == "" {
		r.branch = "z9hG4bK" + word()
	}
	lines := []string{
		r.method + " " + r.uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(w.transport), w.conn.LocalAddr(), r.branch),
		"Max-Forwards: 70", "From: " + r.from, "To: " + r.to, "Call-ID: " + r.callID,
		fmt.Sprintf("CSeq: %d %s", r.seq, r.method), fmt.Sprintf("Contact: <sip:x@%s;transport=%s>", w.conn.LocalAddr(), w.transport),
	}
	lines = append(lines, r.fields...)
	if r.body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(r.body)), "")
	return strings.Join(lines, "\r\n") + "\r\n" + r.body
}

// word is a random one, for branches, tags and Call-IDs.
func word() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// reply is an answer, as far as these tests look at it.
type reply struct {
	status int
	text   string
}

// field is the first value of a field; "" where there is none.
func (r reply) field(name string) string {
	for line := range strings.SplitSeq(r.text, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// sends writes octets as they are.
func (w *wire) sends(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// reads returns the next message, or "" where nothing came in time.
func (w *wire) reads(patience time.Duration) string {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	if w.transport == "udp" {
		b := make([]byte, 65536)
		n, err := w.conn.Read(b)
		if err != nil {
			return ""
		}
		return string(b[:n])
	}
	var head strings.Builder
	length := 0
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			return ""
		}
		head.WriteString(line)
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if line == "\r\n" && head.Len() > 2 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(w.in, body); err != nil {
		return ""
	}
	return head.String() + string(body)
}

var statusLine = regexp.MustCompile(`^SIP/2\.0 ([1-6]\d\d) `)

// answer waits for the final answer to what was sent, and acknowledges the refusal of an INVITE.
func (w *wire) answer(text string) reply {
	w.t.Helper()
	sent := reply{text: text}
	for {
		m := w.reads(e2ePatience)
		if m == "" {
			w.t.Fatalf("no answer to\n%s", text)
		}
		got := reply{text: m}
		line := statusLine.FindStringSubmatch(m)
		if line == nil || got.field("CSeq") != sent.field("CSeq") || got.field("Call-ID") != sent.field("Call-ID") {
			continue
		}
		if got.status, _ = strconv.Atoi(line[1]); got.status < 200 {
			continue
		}
		if method, rest, _ := strings.Cut(text, " "); method == "INVITE" {
			uri, _, _ := strings.Cut(rest, " ")
			w.acknowledges(uri, sent, got)
		}
		return got
	}
}

// acknowledges sends the ACK: that of a refusal belongs to the INVITE's transaction, that of a 200 is one of its own.
func (w *wire) acknowledges(uri string, sent, got reply) {
	seq, _, _ := strings.Cut(sent.field("CSeq"), " ")
	n, _ := strconv.Atoi(seq)
	ack := request{method: "ACK", uri: uri, from: sent.field("From"), to: got.field("To"), callID: sent.field("Call-ID"), seq: n}
	if got.status >= 300 {
		_, branch, _ := strings.Cut(sent.field("Via"), "branch=")
		ack.branch, _, _ = strings.Cut(branch, ";")
	}
	w.sends(w.text(ack))
}

// asks sends a request and returns its final answer.
func (w *wire) asks(r request) reply {
	w.t.Helper()
	text := w.text(r)
	w.sends(text)
	return w.answer(text)
}

// proves is the Authorization field that a password gives for a request, over a challenge to this peer's address.
func (w *wire) proves(user, password string, r request) string {
	w.t.Helper()
	if w.nonce == "" {
		me := "<" + w.server.uri(user) + ">"
		challenge := w.asks(request{
			method: "REGISTER", uri: "sip:" + w.server.cfg.SIP.Domain, from: me + ";tag=" + word(), to: me, callID: word(), seq: 1,
		}).field("WWW-Authenticate")
		_, rest, found := strings.Cut(challenge, `nonce="`)
		if !found {
			w.t.Fatalf("no challenge: %q", challenge)
		}
		w.nonce, _, _ = strings.Cut(rest, `"`)
	}
	w.counts++
	return digestOf(user, w.server.cfg.SIP.Domain, password, w.nonce, w.counts, r)
}

// owns is the field that an account's own password gives.
func (w *wire) owns(b *keying.Bundle, r request) string {
	w.t.Helper()
	return w.proves(b.Digest.Username, string(b.Digest.Password.Bytes()), r)
}

// digestOf computes a digest by SHA-256 (RFC 7616 section 3.4.1).
func digestOf(user, realm, password, nonce string, count int, r request) string {
	h := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	nc := fmt.Sprintf("%08x", count)
	response := h(strings.Join([]string{h(user + ":" + realm + ":" + password), nonce, nc, "c", "auth", h(r.method + ":" + r.uri)}, ":"))
	return fmt.Sprintf(`Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=SHA-256, cnonce="c", qop=auth, nc=%s`,
		user, realm, nonce, r.uri, response, nc)
}
