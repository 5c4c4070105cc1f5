package dialog

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// stream is one TCP or TLS connection, accepted or dialled, as sipgo sees it: each Read yields octets of whole messages that
// passed the front, never a part of one that did not. Reading state belongs to sipgo's reader of the connection.
type stream struct {
	net.Conn
	front     *front
	transport string // "tcp" or "tls"
	place     string // transport and remote address
	id        string // Request.Connection: the same, and which of the connections from there it is; set when it is registered
	source    netip.AddrPort
	name      string // the host we dialled and, with TLS, verified; "" when accepted
	accepted  bool
	gone      func(*stream) // once, when the connection ends

	in      []byte // received, not yet framed
	framing framing
	out     []byte    // a message on its way to sipgo
	fresh   bool      // nothing was received yet
	since   time.Time // what is in began to come; zero: nothing is

	begun   chan struct{} // closed at the first Read: sipgo has us in its pool
	once    sync.Once
	users   atomic.Int32 // dialogs and calls that need us
	heldTil atomic.Int64 // a device that registered does, until then (UnixNano)
	done    chan struct{}
	ending  sync.Once
	writing sync.Mutex
}

// Read implements net.Conn for sipgo. Every end of the connection is io.EOF, so that nothing is logged.
func (s *stream) Read(b []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	if s.fresh && s.accepted {
		if err := s.handshake(); err != nil {
			return 0, io.EOF
		}
	}
	for len(s.out) == 0 {
		if err := s.next(); err != nil {
			return 0, io.EOF
		}
	}
	n := copy(b, s.out)
	s.out = s.out[n:]
	return n, nil
}

// ready waits until sipgo knows the connection.
func (s *stream) ready(ctx context.Context) error {
	select {
	case <-s.begun:
		return nil
	case <-s.done:
		return ErrConnectionLost
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *stream) handshake() error {
	t, ok := s.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeWait)
	defer cancel()
	return t.HandshakeContext(ctx)
}

// certificates is the peer's chain; only after the handshake, which the first message follows.
func (s *stream) certificates() []*x509.Certificate {
	if t, ok := s.Conn.(*tls.Conn); ok {
		return t.ConnectionState().PeerCertificates
	}
	return nil
}

// next frames the next message into out, or does one step towards it.
func (s *stream) next() error {
	for s.framing.total == 0 && len(s.in) >= 2 && s.in[0] == '\r' && s.in[1] == '\n' {
		// A double line end between messages asks for a sign of life (RFC 5626 section 3.5.1).
		if bytes.HasPrefix(s.in, []byte("\r\n\r\n")) {
			if _, err := s.Write([]byte("\r\n")); err != nil {
				return err
			}
			s.in = s.in[2:]
		}
		s.in, s.framing.searched, s.since = s.in[2:], 0, time.Time{}
	}
	if s.framing.total == 0 {
		if err := s.head(); err != nil || s.framing.total == 0 {
			return err
		}
	}
	if len(s.in) < s.framing.total {
		return s.fill()
	}
	return s.whole()
}

// framing is what is known of the message at the front of in. Octets that trickle in are looked at once.
type framing struct {
	searched int // no end of head begins before it
	head     int // octets of the head, with its empty line
	total    int // octets of the message; 0: the head is not complete
	w        wire
	flaw     *flaw
}

// head looks for the end of the head and learns the length of the message, or reads on.
func (s *stream) head() error {
	at := bytes.Index(s.in[s.framing.searched:], []byte("\r\n\r\n"))
	if at < 0 {
		if len(s.in) > maxHead {
			return s.refuse(s.in, bad("too_large"))
		}
		s.framing.searched = max(0, len(s.in)-3)
		return s.fill()
	}
	end := s.framing.searched + at + 4
	w, flaw := scan(s.in[:end])
	if flaw != nil && flaw.status == 0 {
		s.front.stats.malformed.Add(1)
		return io.EOF // no SIP: there is no boundary to go on from
	}
	// Without a length, or with a wrong one, the stream cannot go on either.
	if w.length < 0 || end+w.length > maxMessage {
		return s.refuse(s.in[:end], bad("content_length"))
	}
	s.framing = framing{head: end, total: end + w.length, w: w, flaw: flaw}
	return nil
}

// whole takes a complete message off the stream: to sipgo, or back as a refusal.
func (s *stream) whole() error {
	f := s.framing
	if err := s.pay(f.w.cost()); err != nil {
		return err
	}
	msg, flaw := s.in[:f.total], f.flaw
	if f.w.irregular && flaw == nil {
		msg = f.w.rebuilt(msg[f.head:])
	}
	if flaw == nil {
		_, flaw = s.front.parse(msg)
	}
	if flaw != nil {
		if flaw.reason == "duplicate" || flaw.reason == "octets" || flaw.reason == "field" {
			return s.refuse(s.in[:f.head], flaw) // perhaps of Content-Length: what follows may be smuggled
		}
		s.answer(s.front.refuse(f.w, flaw))
	} else if err := s.front.enter(f.w); err != nil {
		s.answer(s.front.busy(f.w, err))
	} else {
		s.out = bytes.Clone(msg)
	}
	s.in, s.framing, s.since = append(s.in[:0], s.in[f.total:]...), framing{}, time.Time{}
	return nil
}

// refuse answers what can be answered and ends the connection.
func (s *stream) refuse(head []byte, f *flaw) error {
	w, _ := scan(head)
	s.answer(s.front.refuse(w, f))
	return io.EOF
}

func (s *stream) answer(b []byte) {
	if b != nil {
		_, _ = s.Write(b) // the peer that reads nothing gets nothing
	}
}

// pay waits until the source's budget covers the message: a stream is slowed down where a datagram would be dropped.
func (s *stream) pay(cost float64) error {
	if s.front.budget.allow(s.source.Addr(), s.front.now(), cost) {
		return nil
	}
	s.front.stats.overBudget.Add(1)
	t := time.NewTicker(time.Second / 50)
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return io.EOF
		case <-t.C:
			if s.front.budget.allow(s.source.Addr(), s.front.now(), cost) {
				return nil
			}
		}
	}
}

// fill reads once, with the deadline of the state we are in.
func (s *stream) fill() error {
	now := time.Now()
	deadline := now.Add(idleWait)
	switch {
	case len(s.in) > 0: // the whole of it in time, however it trickles in
		if s.since.IsZero() {
			s.since = now
		}
		deadline = s.since.Add(partialWait)
	case s.fresh && s.accepted:
		deadline = now.Add(firstWait)
	}
	if err := s.SetReadDeadline(deadline); err != nil {
		return err
	}
	s.in = slices.Grow(s.in, streamRead)
	n, err := s.Conn.Read(s.in[len(s.in):cap(s.in)])
	if n > 0 {
		s.fresh = false
		s.in = s.in[:len(s.in)+n]
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && len(s.in) == 0 && s.needed(time.Now()) {
		return nil // silent, but a call lives on it
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Write sends one whole message or ends the connection: half a message would break every one after it.
func (s *stream) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	if err != nil {
		_ = s.Close()
	}
	return n, err
}

// Close ends the connection; from then on it is in no table of ours.
func (s *stream) Close() error {
	var err error
	s.ending.Do(func() {
		close(s.done)
		err = s.Conn.Close()
		s.gone(s)
	})
	return err
}
