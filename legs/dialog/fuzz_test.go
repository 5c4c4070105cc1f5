package dialog

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// FuzzFront feeds datagrams through the whole edge: front, sipgo's parser, validation. Whatever passes the front both
// parsers must read alike, and a validated request has no hole and no control character in it.
func FuzzFront(f *testing.F) {
	for _, msg := range tortureSeeds() {
		f.Add(msg)
	}
	front := testFront(0)
	from := netip.MustParseAddrPort("127.0.0.1:5060")
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, answer := front.both(bytes.Clone(b), from)
		if msg != nil && answer != nil {
			t.Fatal("passed and answered")
		}
		if len(answer) > len(b)+512 {
			t.Fatalf("%d octets answer %d", len(answer), len(b))
		}
		if msg == nil {
			return
		}
		m, err := front.parser.ParseSIP(msg)
		if err != nil {
			t.Fatalf("the front passed what sipgo refuses: %v", err)
		}
		sr, ok := m.(*sip.Request)
		if !ok {
			return
		}
		agree(t, msg, sr)
	})
}

// agree is the differential check of the two parsers (security.md A3).
func agree(t *testing.T, msg []byte, sr *sip.Request) {
	t.Helper()
	sr.SetTransport("UDP")
	sr.SetSource("127.0.0.1:5060")
	r, ref := validate(sr)
	if ref != nil {
		if ref.Status < 400 || ref.Status > 599 || ref.why == "" {
			t.Fatalf("refusal %+v", ref)
		}
		return
	}
	end := bytes.Index(msg, []byte("\r\n\r\n"))
	w, flaw := scan(msg[:end+4])
	if flaw != nil {
		t.Fatalf("a second scan found %+v", flaw)
	}
	from, err := parseNameAddr(w.from)
	if err != nil || from.Tag != r.From.Tag || from.URI != r.From.URI {
		t.Fatalf("From: %q and %+v (%v)", w.from, r.From, err)
	}
	if w.callID != r.CallID || w.method != r.Method || w.toTag != r.InDialog {
		t.Fatalf("%+v and %+v", w, r)
	}
	if !clean(r.From.Display, r.From.URI.User, r.From.URI.Host, r.To.Display, r.URI.User, r.CallID, r.ContentType) {
		t.Fatalf("control characters in %+v", r)
	}
	for _, h := range r.fields {
		if !clean(h.Value) {
			t.Fatalf("control characters in %q", h)
		}
	}
}

func tortureSeeds() [][]byte {
	p := options
	return [][]byte{
		[]byte(strings.Replace(p, "%s", "Content-Length: 0\r\n", 1)),
		[]byte(strings.Replace(p, "%s", "Contact: \"a, b\" <sip:a@b>;x=\"y\"\r\nl : 2\r\n", 1) + "hi"),
		[]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>;tag=2\r\ni: x\r\nCSeq: 1 INVITE\r\n\r\n"),
		[]byte("INVITE sip:%61@[::1]:5060;a=b SIP/2.0\r\nv : SIP / 2.0 / UDP a ; branch = z9hG4bKy\r\nf:\r\n sip:a@b ; tag = 1\r\nTo: c <sip:d>\r\nCall-ID: y\r\nCSeq: 2\r\n INVITE\r\nMax-Forwards: 0\r\n\r\n"),
	}
}

// FuzzStream cuts octets of a stream at any point: what comes out must not depend on where, and framing must end.
func FuzzStream(f *testing.F) {
	for _, msg := range tortureSeeds() {
		f.Add(append(bytes.Clone(msg), msg...), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, chunk uint8) {
		whole := framed(b, len(b)+1)
		parts := framed(b, int(chunk)+1)
		if !bytes.Equal(whole, parts) {
			t.Fatalf("%q\nwhole %q\nparts %q", b, whole, parts)
		}
	})
}

// framed runs octets through a stream's framing in chunks and returns what sipgo would read.
func framed(b []byte, chunk int) []byte {
	c := &chunks{data: b, size: chunk}
	s := &stream{Conn: c, front: testFront(0), transport: "tcp", gone: func(*stream) {}, begun: make(chan struct{}), done: make(chan struct{})}
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := s.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil {
			return out
		}
	}
}

// chunks is a connection that delivers octets in pieces and swallows what is written.
type chunks struct {
	net.Conn
	data []byte
	size int
}

var errDrained = errors.New("drained")

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, errDrained
	}
	n := copy(b, c.data[:min(c.size, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

func (c *chunks) Write(b []byte) (int, error)      { return io.Discard.Write(b) }
func (c *chunks) Close() error                     { return nil }
func (c *chunks) SetReadDeadline(time.Time) error  { return nil }
func (c *chunks) SetWriteDeadline(time.Time) error { return nil }
