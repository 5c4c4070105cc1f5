package media

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// testLog discards, but formats: a secret in an attribute would have to pass it.
func testLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(bytes.NewBuffer(nil), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// keysFor returns matching keys of two ends; generation makes them distinct.
func keysFor(suite keying.Suite, generation byte, a, b uint32) (ka, kb keying.Keys) {
	material := func(tag byte, n int) keying.Secret {
		m := make([]byte, n)
		for i := range m {
			m[i] = tag ^ byte(7*i) ^ generation<<1
		}
		return keying.NewSecret(m)
	}
	ab := keying.Stream{Key: material(0x11, suite.KeyLen()), Salt: material(0x22, suite.SaltLen()), SSRC: a}
	ba := keying.Stream{Key: material(0x33, suite.KeyLen()), Salt: material(0x44, suite.SaltLen()), SSRC: b}
	return keying.Keys{Suite: suite, Send: ab, Receive: ba}, keying.Keys{Suite: suite, Send: ba, Receive: ab}
}

// open makes a stream which, whatever the test does to it, must not use an index twice.
func open(t testing.TB) *Stream {
	t.Helper()
	l := NewLedger()
	s := openOn(t, NewPorts(loopback, 0, 0), Options{CNAME: "test", Log: testLog(), Ledger: l})
	t.Cleanup(func() {
		if n := l.Repeated(); n != 0 {
			t.Errorf("%d indexes were used twice", n)
		}
	})
	return s
}

func openOn(t testing.TB, p *Ports, o Options) *Stream {
	t.Helper()
	s, err := Open(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func configure(t testing.TB, s *Stream, p Params) {
	t.Helper()
	if err := s.Configure(p); err != nil {
		t.Fatal(err)
	}
}

func setKeys(t testing.TB, s *Stream, k keying.Keys) {
	t.Helper()
	if err := s.SetKeys(k); err != nil {
		t.Fatal(err)
	}
}

// pair returns two streams that are each other's peer.
func pair(t testing.TB, suite keying.Suite, p Params) (a, b *Stream) {
	t.Helper()
	a, b = open(t), open(t)
	connect(t, suite, p, a, b)
	return a, b
}

// connect makes two streams each other's peer.
func connect(t testing.TB, suite keying.Suite, p Params, a, b *Stream) {
	t.Helper()
	ka, kb := keysFor(suite, 0, a.SSRC(), b.SSRC())
	setKeys(t, a, ka)
	setKeys(t, b, kb)
	face(t, p, a, b)
}

// face has two streams send to each other.
func face(t testing.TB, p Params, a, b *Stream) {
	t.Helper()
	p.Remote = b.LocalAddr()
	configure(t, a, p)
	p.Remote = a.LocalAddr()
	configure(t, b, p)
}

func pcmu() Params {
	return Params{Codec: "pcmu", PT: 0, EventPT: 101, RTCPMux: true, Send: true, Receive: true}
}

// frameOf is a recognisable PCMU frame, loud so that it never counts as silence.
func frameOf(n int, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(n) & 0x0f
	}
	binary.BigEndian.PutUint32(b, uint32(n)|0x0f000000)
	return b
}

// talker is a peer whose every header field the test chooses.
type talker struct {
	t    testing.TB
	to   *Stream
	conn *net.UDPConn
	ctx  *srtp.Context
	ssrc uint32
	pt   uint8
	hdr  rtp.Header
}

// newTalker returns a talker to a fresh stream that expects it from its address.
func newTalker(t testing.TB, suite keying.Suite, p Params, states bool) (*talker, *Stream) {
	t.Helper()
	s := open(t)
	k := &talker{t: t, to: s, ssrc: 0xabcdef01, pt: p.PT, conn: dial(t)}
	mine := k.ssrc
	if !states {
		mine = 0
	}
	ours, theirs := keysFor(suite, 0, s.SSRC(), mine)
	setKeys(t, s, ours)
	if !p.Remote.IsValid() {
		p.Remote = k.addr()
	}
	configure(t, s, p)
	c, err := newGeneration(&theirs, k.ssrc)
	if err != nil && states {
		t.Fatal(err)
	}
	if !states {
		theirs.Send.SSRC = k.ssrc
		if c, err = newGeneration(&theirs, k.ssrc); err != nil {
			t.Fatal(err)
		}
	}
	k.ctx = c.send
	return k, s
}

func dial(t testing.TB) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (k *talker) addr() netip.AddrPort {
	return k.conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// plain builds an RTP packet.
func (k *talker) plain(seq uint16, ts uint32, payload []byte) []byte {
	h := rtp.Header{Version: 2, PayloadType: k.pt, SequenceNumber: seq, Timestamp: ts, SSRC: k.ssrc}
	b := make([]byte, 12, 2048)
	if _, err := h.MarshalTo(b); err != nil {
		k.t.Fatal(err)
	}
	return append(b, payload...)
}

// seal protects a packet.
func (k *talker) seal(plain []byte) []byte {
	b, err := k.ctx.EncryptRTP(nil, plain, &k.hdr)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *talker) write(b []byte) { writeFrom(k.t, k.conn, b, k.to) }

func writeFrom(t testing.TB, conn *net.UDPConn, b []byte, to *Stream) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort(b, to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// say sends frame n of 20 ms PCMU.
func (k *talker) say(n int) {
	k.write(k.seal(k.plain(uint16(n), uint32(n*160), frameOf(n, 160))))
}

func voice(f codec.Frame) (n int, ok bool) {
	if f.Kind != codec.Voice || len(f.Payload) < 4 {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(f.Payload) &^ 0x0f000000), true
}

// waiting counts, and takes, the datagrams that have come to a socket.
func waiting(t testing.TB, conn *net.UDPConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, maxDatagram)
	if err := raw.Read(func(fd uintptr) bool {
		for {
			if _, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT); err != nil {
				return true
			}
			n++
		}
	}); err != nil {
		t.Fatal(err)
	}
	return n
}
