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
	id        string // Request.Connection
	source    netip.AddrPort
	name      string // the host we dialled and, with TLS, verified; "" when accepted
	accepted  bool
	gone      func(*stream) // once, when the connection ends

	in    []byte // received, not yet framed
	out   []byte // a message on its way to sipgo
	fresh bool   // nothing was received yet

	begun   chan struct{} // closed at the first Read: sipgo has us in its pool
	once    sync.Once
	users   atomic.Int32 // dialogs and calls that need us
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
	for len(s.in) >= 2 && s.in[0] == '\r' && s.in[1] == '\n' {
		// A double line end between messages asks for a sign of life (RFC 5626 section 3.5.1).
		if bytes.HasPrefix(s.in, []byte("\r\n\r\n")) {
			if _, err := s.Write([]byte("\r\n")); err != nil {
				return err
			}
			s.in = s.in[2:]
		}
		s.in = s.in[2:]
	}
	end := bytes.Index(s.in, []byte("\r\n\r\n"))
	if end < 0 {
		if len(s.in) > maxHead {
			return s.refuse(s.in, bad("too_large"))
		}
		return s.fill()
	}
	head := s.in[:end+4]
	w, flaw := scan(head)
	if flaw != nil && flaw.status == 0 {
		s.front.stats.malformed.Add(1)
		return io.EOF // no SIP: there is no boundary to go on from
	}
	// Without a length, or with a wrong one, the stream cannot go on either.
	if w.length < 0 || len(head)+w.length > maxMessage {
		return s.refuse(head, bad("content_length"))
	}
	total := len(head) + w.length
	if len(s.in) < total {
		return s.fill()
	}
	if err := s.pay(w.cost()); err != nil {
		return err
	}
	msg := s.in[:total]
	if w.irregular && flaw == nil {
		msg = w.rebuilt(msg[len(head):])
	}
	if flaw == nil {
		flaw = s.front.parse(msg)
	}
	if flaw != nil {
		if flaw.reason == "duplicate" || flaw.reason == "octets" || flaw.reason == "field" {
			return s.refuse(head, flaw) // perhaps of Content-Length: what follows may be smuggled
		}
		s.answer(s.front.refuse(w, flaw))
		s.in = s.in[total:]
		return nil
	}
	s.out, s.in = bytes.Clone(msg), s.in[total:]
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
	wait := idleWait
	switch {
	case s.fresh && s.accepted:
		wait = firstWait
	case len(s.in) > 0:
		wait = partialWait
	}
	if err := s.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, err := s.Conn.Read(buf)
	if n > 0 {
		s.fresh = false
		s.in = append(s.in, buf[:n]...)
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && len(s.in) == 0 && s.users.Load() > 0 {
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
