package media

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/conclave/conclave/mixer/codec"
)

// Options of a stream.
type Options struct {
	CNAME  string           // RTCP SDES CNAME (RFC 7022); "" leaves one made from the SSRC
	Ledger *Ledger          // sees that nothing is encrypted twice alike; nil: nobody does
	Now    func() time.Time // for tests: replaces the wall clock and the kernel's receive timestamps
	Log    *slog.Logger     // nothing is logged per packet
}

// Stream is the SRTP stream of one leg. See the package comment for who may call what. What every tick touches stands together and
// first: with hundreds of legs to a core none of it is in the cache when its turn comes.
type Stream struct {
	// Mailboxes: posted by any goroutine, taken by the tick worker; a later post replaces one not yet taken.
	newSettings atomic.Pointer[settings]
	newKeys     atomic.Pointer[[]*generation] // all that were not yet taken, oldest first
	newBinding  atomic.Pointer[binding]
	path        atomic.Pointer[path] // nil: nobody reads DTLS records
	closed      atomic.Bool

	// Owned by the tick worker.
	ticked    bool // tick is valid
	heardOnce bool
	steady    int // ticks in a row that found one packet of audio each
	tick      codec.Tick
	stations  stations
	set       *settings // nil until Configure
	format    codec.Format
	source    sourceStats
	out       sender
	keys      keyring // empty until SetKeys
	peer      peer
	play      playout
	report    reporter
	keypad    keypad

	rtpHeader  rtp.Header  // reused by the SRTP library for one packet after the other, received or sent
	rtcpHeader rtcp.Header // the same for RTCP
	ahead      uint64      // what Ahead read, so that it is read

	counters counters      // written by the tick worker, read by any goroutine
	heard    chan struct{} // closed by the tick worker

	at      atomic.Pointer[binding] // where the peer is told to send to; the tick worker follows
	leaving sync.WaitGroup          // bindings that are being closed

	// Set once in Open; any goroutine.
	ports     *Ports
	ledger    *Ledger
	synthetic bool // now is a test's clock: arrivals are read from it too
	ssrc      uint32
	cname     string
	now       func() time.Time
	log       *slog.Logger

	// The posting side.
	post struct {
		sync.Mutex
		given  []prints    // of the keys posted, oldest first; at most rememberedKeys
		newest *generation // posted last
	}
}

// Open binds a pair of ports, on the first address of p. The stream drains them once somebody calls Next; it sends nothing before Configure and SetKeys.
func Open(p *Ports, o Options) (*Stream, error) {
	if len(o.CNAME) > maxCNAME {
		return nil, fmt.Errorf("%w: CNAME of %d octets", ErrParams, len(o.CNAME))
	}
	s := &Stream{
		ports: p, ledger: o.Ledger, now: o.Now, synthetic: o.Now != nil, log: o.Log, cname: o.CNAME,
		heard: make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.number(); err != nil {
		return nil, err
	}
	if s.cname == "" {
		s.cname = fmt.Sprintf("%08x", s.ssrc)
	}
	b, err := p.open(p.first())
	if err != nil {
		return nil, err
	}
	s.at.Store(b)
	s.stations = stations{here: b, way: b, from: b}
	s.play.init()
	s.keypad.init()
	return s, nil
}

// number draws SSRC, first sequence number and first timestamp (RFC 3550 section 5.1).
func (s *Stream) number() error {
	var b [16]byte
	for s.ssrc == 0 { // 0 means "not stated" in a MIKEY SRTP-ID map
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("media: randomness: %w", err)
		}
		s.ssrc = binary.BigEndian.Uint32(b[0:])
	}
	// Below 2^15, so that a receiver that misses the first packets does not guess a wrong roll-over counter (RFC 3711 section 3.3.1).
	s.out.sequence = binary.BigEndian.Uint16(b[4:]) >> 1
	s.out.timestamp = binary.BigEndian.Uint32(b[8:])
	s.report.seed(binary.BigEndian.Uint64(b[8:]))
	return nil
}

// SSRC is our own, for the MIKEY SRTP-ID map; it never changes.
func (s *Stream) SSRC() uint32 { return s.ssrc }

// Heard is closed when the first authenticated, fresh RTP packet arrived.
func (s *Stream) Heard() <-chan struct{} { return s.heard }

// Format is the format of frames in both directions; the zero Format before Configure. It changes in Next: with what was configured,
// and to a mode with FEC and back as the peer reports loss. Tick worker only.
func (s *Stream) Format() codec.Format {
	if s.set == nil {
		s.apply()
	}
	return s.format
}

// Close says BYE, closes the sockets, gives the ports back and drops the keys. It is called when no worker touches the stream any
// more; a second call does nothing.
func (s *Stream) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.shutPath()
	s.apply()
	s.sendBye()
	err := s.vacateAll()
	s.keys = keyring{}
	s.post.Lock()
	s.post.given, s.post.newest = nil, nil
	s.newKeys.Store(nil)
	s.post.Unlock()
	if err != nil {
		return err
	}
	c := &s.counters
	s.log.Debug("media stream closed", "port", s.LocalAddr().Port(), "sent", c.packetsSent.Load(), "received", c.packetsReceived.Load(),
		"late", c.late.Load(), "auth_failed", c.authFailed.Load(), "foreign_ssrc", c.foreignSSRC.Load())
	return nil
}
