package loadtest_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// raw is a SIP peer made of a socket: it says what a test writes, over UDP.
type raw struct {
	t    *testing.T
	conn net.Conn
}

func newRaw(h *house) *raw {
	h.t.Helper()
	conn, err := net.Dial("udp", h.sip("udp"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return &raw{t: h.t, conn: conn}
}

// reply is a response as far as tests look at it.
type reply struct {
	status int
	header map[string][]string // names in lower case
	body   string
}

func (r *reply) get(name string) string { return strings.Join(r.header[name], "|") }

// request is what a test varies of a message; the rest is as it should be.
type request struct {
	method      string
	uri         string // of the room
	from        string // URI
	fromTag     string
	toTag       string
	callID      string
	cseq        int
	extra       string // further header lines, each with its CRLF
	contentType string // application/sdp with a body
	body        string
	branch      string
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// complete fills in what the test left open.
func (q *request) complete() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&q.method, "INVITE")
	set(&q.fromTag, random())
	set(&q.callID, random())
	set(&q.branch, "z9hG4bK"+random())
	if q.body != "" {
		set(&q.contentType, offer.ContentType)
	}
	if q.cseq == 0 {
		q.cseq = 1
	}
}

// text is the message on the wire.
func (q *request) text(transport string, local net.Addr) string {
	q.complete()
	to := "<" + q.uri + ">"
	if q.toTag != "" {
		to += ";tag=" + q.toTag
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		q.method, q.uri, strings.ToUpper(transport), local, q.branch, q.from, q.fromTag, to, q.callID, q.cseq, q.method)
	fmt.Fprintf(&b, "Contact: <sip:raw@%s>\r\n%s", local, q.extra)
	if q.contentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", q.contentType)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	return b.String()
}

func (r *raw) send(text string) {
	r.t.Helper()
	if _, err := r.conn.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends a request and waits for its final response, sending again as RFC 3261 has it; an INVITE's refusal is acknowledged.
func (r *raw) ask(q *request) *reply {
	r.t.Helper()
	text := q.text("udp", r.conn.LocalAddr())
	deadline := time.Now().Add(patience)
	for wait := 500 * time.Millisecond; time.Now().Before(deadline); wait = min(2*wait, 4*time.Second) {
		r.send(text)
		resend := time.Now().Add(wait)
		for {
			p := r.read(resend)
			if p == nil {
				break
			}
			if p.status < 200 || p.get("call-id") != q.callID || p.get("cseq") != fmt.Sprintf("%d %s", q.cseq, q.method) {
				continue
			}
			if q.method == "INVITE" && p.status >= 300 {
				ack := *q
				ack.method, ack.body, ack.contentType, ack.extra, ack.toTag = "ACK", "", "", "", p.tag()
				r.send(ack.text("udp", r.conn.LocalAddr()))
			}
			return p
		}
	}
	r.t.Fatalf("no answer to %s", q.method)
	return nil
}

// tag is the To tag.
func (p *reply) tag() string {
	_, tag, _ := strings.Cut(p.get("to"), ";tag=")
	return tag
}

// read takes one response, nil when none comes in time. Requests (a BYE of the server's) are passed over.
func (r *raw) read(until time.Time) *reply {
	r.t.Helper()
	b := make([]byte, 65536)
	for {
		_ = r.conn.SetReadDeadline(until)
		n, err := r.conn.Read(b)
		if err != nil {
			return nil
		}
		if p := parseReply(string(b[:n])); p != nil {
			return p
		}
	}
}

func parseReply(text string) *reply {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	fields := strings.SplitN(lines[0], " ", 3)
	if len(fields) < 2 || fields[0] != "SIP/2.0" {
		return nil
	}
	p := &reply{header: make(map[string][]string), body: body}
	p.status, _ = strconv.Atoi(fields[1])
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		p.header[name] = append(p.header[name], strings.TrimSpace(value))
	}
	return p
}

// established is a call that a raw peer placed.
type established struct {
	*raw
	invite *request
	answer *reply
}

// place sends an INVITE that must be taken, and acknowledges.
func (r *raw) place(q *request) *established {
	r.t.Helper()
	p := r.ask(q)
	if p.status != 200 {
		r.t.Fatalf("%d %s, want 200", p.status, p.get("warning"))
	}
	e := &established{r, q, p}
	r.send(e.inside("ACK", q.cseq).text("udp", r.conn.LocalAddr()))
	return e
}

// inside is a request in the dialog.
func (e *established) inside(method string, cseq int) *request {
	return &request{
		method: method, uri: e.invite.uri, from: e.invite.from, fromTag: e.invite.fromTag, toTag: e.answer.tag(), callID: e.invite.callID, cseq: cseq,
	}
}

// bye ends the call.
func (e *established) bye() {
	e.t.Helper()
	if p := e.ask(e.inside("BYE", e.invite.cseq+1)); p.status != 200 {
		e.t.Errorf("BYE: %d", p.status)
	}
}

// authorization answers a challenge for the request (RFC 7616, SHA-256, qop auth).
func authorization(challenge, method, uri, user, password string) string {
	params := make(map[string]string)
	for part := range strings.SplitSeq(strings.TrimPrefix(challenge, "Digest "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		params[name] = strings.Trim(value, `"`)
	}
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return hex.EncodeToString(h[:])
	}
	cnonce, nc := random(), "00000001"
	response := sum(strings.Join([]string{
		sum(user + ":" + params["realm"] + ":" + password), params["nonce"], nc, cnonce, "auth", sum(method + ":" + uri),
	}, ":"))
	return fmt.Sprintf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, algorithm=SHA-256, response=%q, qop=auth, nc=%s, cnonce=%q\r\n",
		user, params["realm"], params["nonce"], uri, response, nc, cnonce)
}

// proven asks with a digest: first without, for the challenge, then with the answer to it.
func (r *raw) proven(q *request, b *keying.Bundle) *reply {
	r.t.Helper()
	bare := *q
	bare.body, bare.contentType, bare.callID = "", "", random()
	p := r.ask(&bare)
	if p.status != 401 || p.get("www-authenticate") == "" {
		r.t.Fatalf("no challenge: %d", p.status)
	}
	q.extra += authorization(p.get("www-authenticate"), "INVITE", q.uri, b.Digest.Username, string(b.Digest.Password.Bytes()))
	return r.ask(q)
}

// body is an SDP offer with that MIKEY message, of a phone that is there in words only.
func body(t *testing.T, message []byte) string {
	t.Helper()
	s, err := offer.NewSession(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := offer.Offer(offer.Local{
		Session: s, Addr: netip.MustParseAddrPort("127.0.0.1:9"), Codecs: []string{"pcmu"}, Mux: true, Keys: keying.Attributes{MIKEY: message},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
