package admin

import (
	"net"
	"sync"
)

// underway are the connections over which somebody who has proven who he is is being answered, by principal: so that what was asked for with a
// token ends when the token is revoked, also where nobody reads it. HTTP/1.1 answers one request at a time over a connection, so that to close
// one ends nobody else's answer, though a proxy may use it for several. There are no more of them than places (slots.go).
type underway struct {
	mu sync.Mutex
	by map[string]map[*connection]struct{} // guarded by mu
}

func newUnderway() *underway { return &underway{by: make(map[string]map[*connection]struct{})} }

// begin notes that a principal is answered over the connection; nil: it is none of ours.
func (s *underway) begin(by string, over *connection) {
	if over == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[by] == nil {
		s.by[by] = make(map[*connection]struct{})
	}
	s.by[by][over] = struct{}{}
}

// end notes that he is not any more.
func (s *underway) end(by string, over *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.by[by], over); len(s.by[by]) == 0 {
		delete(s.by, by)
	}
}

// cutOff ends what a principal is being answered, but over one connection: his who asks for it, and is to hear that it is done. The lock is held, so
// that no connection goes on to somebody else's request meanwhile; to drop what the kernel keeps waits for nobody.
func (s *underway) cutOff(by string, but *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.by[by] {
		if c != but {
			c.cutOff()
		}
	}
}

// cutOff ends a connection at once, and drops what its peer has not taken. Whoever serves it finds out, and closes it.
func (c *connection) cutOff() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // one that has closed already need not be cut off
	}
	_ = c.Conn.Close()
}
