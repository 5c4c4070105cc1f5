package media

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// recordOf is what looks like a DTLS record.
func recordOf(n int) []byte {
	b := make([]byte, 60)
	b[0], b[1], b[2], b[59] = 22, 0xfe, 0xfd, byte(n)
	return b
}

func TestPathCarriesRecordsBesideTheAudio(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
		if !keyed {
			s = open(t)
			k.to = s
		}
		p := s.Path()
		if p != s.Path() {
			t.Error("a second path beside the first")
		}
		k.write(recordOf(7))
		k.say(1)
		s.Next(1)
		b := make([]byte, 100)
		n, from, err := p.ReadFrom(b)
		if err != nil || n != 60 || b[59] != 7 || from.String() != k.addr().String() {
			t.Fatalf("%d octets from %v, %v", n, from, err)
		}
		if n, err := p.WriteTo(recordOf(8), from); n != 60 || err != nil {
			t.Fatal(n, err)
		}
		if n, from, err := k.conn.ReadFromUDPAddrPort(b); n != 60 || b[59] != 8 || from != s.LocalAddr() || err != nil {
			t.Errorf("%d octets from %v, %v", n, from, err)
		}
		if p.LocalAddr().String() != s.LocalAddr().String() {
			t.Errorf("path at %v", p.LocalAddr())
		}
		if n := s.Snapshot(); keyed && (n.PacketsReceived != 1 || n.Malformed+n.Unkeyed != 0) || !keyed && n.Unkeyed != 1 {
			t.Errorf("keyed %v: %+v", keyed, n)
		}
	}
}

func TestPathCutsLongRecordsAndRefusesNonsense(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	p := s.Path()
	k.write(recordOf(1))
	k.write(recordOf(2))
	s.Next(1)
	b := make([]byte, 10)
	if n, _, err := p.ReadFrom(b); n != 10 || err != nil {
		t.Error(n, err)
	}
	whole := make([]byte, 100)
	if n, _, err := p.ReadFrom(whole); n != 60 || whole[59] != 2 || err != nil {
		t.Error(n, err)
	}
	if _, err := p.WriteTo(b, &net.UnixAddr{Name: "x"}); !errors.Is(err, ErrParams) {
		t.Error(err)
	}
	if _, err := p.WriteTo(b, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); !errors.Is(err, ErrParams) {
		t.Error(err)
	}
	if _, err := p.WriteTo(make([]byte, 1<<17), k.conn.LocalAddr()); !errors.Is(err, ErrSocket) {
		t.Error(err)
	}
}

// TestWithoutAPathRecordsAreNothing: and after its end as well.
func TestWithoutAPathRecordsAreNothing(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.write(recordOf(1))
	s.Next(1)
	p := s.Path()
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	k.write(recordOf(2))
	if s.Next(2); s.Snapshot().Malformed != 2 {
		t.Errorf("%+v", s.Snapshot())
	}
	again := s.Path()
	k.write(recordOf(3))
	s.Next(3)
	b := make([]byte, 100)
	if n, _, err := again.ReadFrom(b); n != 60 || b[59] != 3 || err != nil {
		t.Error(n, err)
	}
	if _, _, err := p.ReadFrom(b); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestPathDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		p := s.Path()
		b := make([]byte, 100)
		read := func() error {
			_, _, err := p.ReadFrom(b)
			return err
		}
		began := time.Now()
		_ = p.SetReadDeadline(began.Add(time.Second))
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("passed, yet %v", err)
		}
		_ = p.SetDeadline(time.Now().Add(time.Hour))
		go func() { // a reader that waits already
			time.Sleep(time.Minute)
			_ = p.SetReadDeadline(time.Now().Add(time.Minute))
			time.Sleep(30 * time.Second)
			_ = p.SetReadDeadline(time.Now().Add(-1))
		}()
		began = time.Now()
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 90*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		_ = p.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(1000 * time.Hour)
			_ = p.Close()
		}()
		if err := read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed, yet %v", err)
		}
		if err := errors.Join(p.SetDeadline(time.Time{}), p.SetWriteDeadline(time.Time{})); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed, yet %v", err)
		}
		p = s.Path()
		_ = p.SetWriteDeadline(time.Now())
		if _, err := p.WriteTo(recordOf(1), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("late, yet %v", err)
		}
	})
}

// TestPathEndsWithTheStream: nothing is written to a descriptor that may be somebody else's by now.
func TestPathEndsWithTheStream(t *testing.T) {
	s, err := Open(NewPorts(loopback, 0, 0), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, to := s.Path(), dial(t).LocalAddr()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			if _, err := p.WriteTo(recordOf(1), to); err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
		}
	})
	all.Go(func() {
		if _, _, err := p.ReadFrom(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	for i := range 100 {
		s.Next(codec.Tick(i))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if _, _, err := s.Path().ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a path of a closed stream: %v", err)
	}
}

// TestFloodOfRecords: strangers fill their half of the queue and no more; nothing else follows from what they send.
func TestFloodOfRecords(t *testing.T) {
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(1)
	s.Next(1)
	p := s.Path()
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	before := s.Snapshot()
	for i := codec.Tick(2); i < 12; i++ {
		for range 100 {
			writeFrom(t, stranger, recordOf(1), s)
		}
		s.Next(i)
	}
	if n := s.path.Load(); len(n.full) != pathRecords-pathReserved {
		t.Errorf("%d records of strangers wait", len(n.full))
	}
	for range pathRecords {
		k.write(recordOf(2))
	}
	s.Next(12)
	after := s.Snapshot()
	if after.Malformed != 1000+pathReserved-pathRecords+pathReserved {
		t.Errorf("%d thrown away", after.Malformed)
	}
	after.Malformed, before.Concealed = 0, after.Concealed
	if before != after {
		t.Errorf("the flood changed the stream:\n%+v\n%+v", before, after)
	}
	theirs, b := 0, make([]byte, 100)
	for range pathRecords {
		_, from, err := p.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if from.String() == k.addr().String() {
			theirs++
		}
	}
	if theirs != pathReserved {
		t.Errorf("%d records of the peer got through", theirs)
	}
}

func TestPathAllocatesNothingOnTheWorkersSide(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose")
	}
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	s.Path()
	p, tick, b := s.path.Load(), codec.Tick(0), recordOf(1)
	for name, read := range map[string]bool{"read": true, "full": false} {
		if n := testing.AllocsPerRun(200, func() {
			tick++
			writeFrom(t, k.conn, b, s)
			if s.Next(tick); read {
				p.free <- <-p.full
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per record", name, n)
		}
	}
}

// TestHandshakeOverThePath runs DTLS between two streams whose workers tick, and talks under the keys that come of it.
func TestHandshakeOverThePath(t *testing.T) {
	a, b := open(t), open(t)
	for i, s := range []*Stream{a, b} {
		p := pcmu()
		p.Remote = []*Stream{b, a}[i].LocalAddr()
		configure(t, s, p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ticking, stop := context.WithCancel(ctx)
	ticked := make(chan struct{})
	var workers, shakes sync.WaitGroup
	workers.Go(func() {
		defer close(ticked)
		beat := time.NewTicker(2 * time.Millisecond)
		defer beat.Stop()
		for i := codec.Tick(1); ticking.Err() == nil; i++ {
			both(a, b, i)
			select {
			case ticked <- struct{}{}:
			default: // nobody looks
			}
			<-beat.C
		}
	})
	var keys [2]keying.Keys
	for i, s := range []*Stream{a, b} {
		shakes.Go(func() {
			k, err := shake(ctx, s.Path(), []*Stream{b, a}[i].LocalAddr(), i == 0)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	shakes.Wait()
	if !t.Failed() {
		setKeys(t, a, keys[0])
		setKeys(t, b, keys[1])
		for a.Snapshot().PacketsReceived < 5 || b.Snapshot().PacketsReceived < 5 {
			if ctx.Err() != nil {
				t.Fatalf("%+v\n%+v", a.Snapshot(), b.Snapshot())
			}
			<-ticked
		}
	}
	stop()
	workers.Wait()
}

// shake is one end of a handshake.
func shake(ctx context.Context, path net.PacketConn, to netip.AddrPort, client bool) (keying.Keys, error) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return keying.Keys{}, err
	}
	var conn *dtls.Conn
	take := func(_ [][]byte, _ [][]*x509.Certificate) error { return nil }
	profiles := dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM)
	if client {
		conn, err = dtls.ClientWithOptions(path, net.UDPAddrFromAddrPort(to), dtls.WithCertificates([]tls.Certificate{certificate}...),
			profiles, dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(take))
	} else {
		conn, err = dtls.ServerWithOptions(path, net.UDPAddrFromAddrPort(to), dtls.WithCertificates([]tls.Certificate{certificate}...), profiles)
	}
	if err != nil {
		return keying.Keys{}, err
	}
	if err = conn.HandshakeContext(ctx); err != nil {
		return keying.Keys{}, err
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return keying.Keys{}, errors.New("no state")
	}
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(32+12))
	if err != nil {
		return keying.Keys{}, err
	}
	local := keying.Stream{Key: keying.NewSecret(slices.Clone(m[:32])), Salt: keying.NewSecret(slices.Clone(m[64:76]))}
	remote := keying.Stream{Key: keying.NewSecret(slices.Clone(m[32:64])), Salt: keying.NewSecret(slices.Clone(m[76:88]))}
	if !client {
		local, remote = remote, local
	}
	return keying.Keys{Suite: keying.AEADAES256GCM, Send: local, Receive: remote}, nil
}
