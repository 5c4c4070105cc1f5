package dialog

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/sync/singleflight"
)

// streams holds the connections of an endpoint and feeds them to sipgo, which believes it accepted them all.
type streams struct {
	front      *front
	total      int
	perSource  int
	clientTLS  *tls.Config
	onGone     func(*stream)
	tcp, tls   *feed
	flights    singleflight.Group
	acceptors  sync.WaitGroup
	done       chan struct{}
	mu         sync.Mutex
	closed     bool
	byAddr     map[string]*stream // by transport and remote address
	bySource   map[netip.Prefix]int
	nAccepted  int
	made       uint64 // connections so far, which numbers them
	listeners  []net.Listener
	deliverers sync.WaitGroup
}

// feed is the net.Listener that sipgo serves.
type feed struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
}

func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

func (f *feed) Close() error   { return nil }
func (f *feed) Addr() net.Addr { return f.addr }

func newStreams(cfg Config, f *front, onGone func(*stream)) *streams {
	done := make(chan struct{})
	s := &streams{
		front: f, total: cfg.MaxConnections, perSource: cfg.ConnectionsPerSource, clientTLS: cfg.ClientTLS, onGone: onGone,
		done: done, byAddr: make(map[string]*stream), bySource: make(map[netip.Prefix]int),
	}
	nowhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	s.tcp = &feed{addr: nowhere, conns: make(chan net.Conn), done: done}
	s.tls = &feed{addr: nowhere, conns: make(chan net.Conn), done: done}
	return s
}

// refuseDial is installed as sipgo's dialler: a peer must never make us connect to an address of its choosing.
func refuseDial(net.Addr) net.Dialer {
	return net.Dialer{Control: func(string, string, syscall.RawConn) error { return ErrConnectionLost }}
}

// serve runs sipgo's accept loops over the feeds.
func (s *streams) serve(tpl *sip.TransportLayer) {
	s.deliverers.Go(func() { _ = tpl.ServeTCP(s.tcp) })
	s.deliverers.Go(func() { _ = tpl.ServeTLS(s.tls) })
}

// listen accepts connections of a real listener; conf is nil for TCP.
func (s *streams) listen(l net.Listener, conf *tls.Config) {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.acceptors.Go(func() {
		for {
			c, err := l.Accept()
			if err == nil {
				s.take(c, conf)
				continue
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			t := time.NewTimer(acceptRetry)
			select {
			case <-t.C:
			case <-s.done:
				t.Stop()
				return
			}
		}
	})
}

func (s *streams) take(c net.Conn, conf *tls.Config) {
	transport := "tcp"
	if conf != nil {
		transport, c = "tls", tls.Server(c, conf)
	}
	st := s.wrap(c, transport, "", true)
	if !s.register(st) {
		_ = c.Close()
		return
	}
	s.deliver(st)
}

func (s *streams) wrap(c net.Conn, transport, name string, accepted bool) *stream {
	return &stream{
		Conn: c, front: s.front, transport: transport, place: transport + "|" + c.RemoteAddr().String(),
		source: addrPort(c.RemoteAddr()), name: name, accepted: accepted, fresh: true, gone: s.forget,
		begun: make(chan struct{}), done: make(chan struct{}),
	}
}

// register puts the connection into the tables, within their bounds.
func (s *streams) register(st *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := source(st.source.Addr())
	if s.closed || st.accepted && (s.nAccepted >= s.total || s.bySource[key] >= s.perSource) {
		return false
	}
	if st.accepted {
		s.nAccepted++
		s.bySource[key]++
	}
	s.made++
	st.id = st.place + "|" + strconv.FormatUint(s.made, 10)
	s.byAddr[st.place] = st
	return true
}

func (s *streams) forget(st *stream) {
	s.mu.Lock()
	if s.byAddr[st.place] == st {
		delete(s.byAddr, st.place)
	}
	if st.accepted {
		key := source(st.source.Addr())
		s.nAccepted--
		if s.bySource[key]--; s.bySource[key] <= 0 {
			delete(s.bySource, key)
		}
	}
	s.mu.Unlock()
	s.onGone(st)
}

// deliver hands the connection to sipgo and returns once it reads from it.
func (s *streams) deliver(st *stream) {
	f := s.tcp
	if st.transport == "tls" {
		f = s.tls
	}
	select {
	case f.conns <- st:
	case <-s.done:
		_ = st.Close()
		return
	}
	select {
	case <-st.begun:
	case <-s.done:
	}
}

// get finds a live connection by its id: not another one from the same address and port, who may be somebody else.
func (s *streams) get(id string) *stream {
	if st := s.at(id[:max(0, strings.LastIndexByte(id, '|'))]); st != nil && st.id == id {
		return st
	}
	return nil
}

// at finds the live connection to a place.
func (s *streams) at(place string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byAddr[place]
}

func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byAddr)
}

// stop closes listeners and connections and waits for the accept loops.
func (s *streams) stop() {
	s.mu.Lock()
	s.closed = true
	all := make([]*stream, 0, len(s.byAddr))
	for _, st := range s.byAddr {
		all = append(all, st)
	}
	listeners := s.listeners
	s.mu.Unlock()
	close(s.done)
	for _, l := range listeners {
		_ = l.Close()
	}
	for _, st := range all {
		_ = st.Close()
	}
	s.acceptors.Wait()
	s.deliverers.Wait()
}
