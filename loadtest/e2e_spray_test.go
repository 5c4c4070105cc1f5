package loadtest_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
)

// seed makes the sprays repeatable.
const seed = 0x73707261

// talk is a server with two callers who talk while something is thrown at it.
func talk(t *testing.T) (*house, *intruder) {
	t.Helper()
	h := serve(t, "limits: {requests_per_source: 1000000, calls_per_account: 100}")
	b := newBooth(h)
	x := &intruder{t: t, house: h, raw: newRaw(h), bundle: h.account("mallory", "ecdsa")}
	x.victims = [2]*phone{
		b.call(h.account("ann", "ecdsa"), "standup", keying.MIKEYPSK), b.call(h.account("ben", "ecdsa"), "standup", keying.MIKEYDH),
	}
	for _, p := range x.victims {
		p.hears()
	}
	return h, x
}

// unharmed holds that the callers still hear each other, under the keys they had, and that the server spent no DH work since.
func (x *intruder) unharmed(before map[string]float64) {
	x.t.Helper()
	after := x.house.metrics()
	if n := after["conclave_dh_operations_total"] - before["conclave_dh_operations_total"]; n != 0 {
		x.t.Errorf("%v Diffie-Hellman operations", n)
	}
	if n := after["conclave_calls"]; n != 2 {
		x.t.Errorf("%v calls, want 2", n)
	}
	x.house.healthy()
	for _, p := range x.victims {
		p.stands()
		p.hears()
	}
	// What they hear is live: it stops and begins with the other.
	x.victims[0].quiet.Store(true)
	x.victims[1].hearsNobody()
	x.victims[0].quiet.Store(false)
	x.victims[1].hears()
}

// corpus is every torture message of RFC 4475 and 5118, and regular requests to begin with.
func (x *intruder) corpus() [][]byte {
	x.t.Helper()
	var all [][]byte
	for _, pattern := range []string{"rfc4475/*.dat", "rfc4475-variants/*.dat", "rfc5118/*.dat", "rfc5118-wire/*.dat"} {
		files, err := filepath.Glob(filepath.Join("..", "legs", "dialog", "testdata", filepath.FromSlash(pattern)))
		if err != nil {
			x.t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				x.t.Fatal(err)
			}
			all = append(all, text)
		}
	}
	if len(all) < 50 {
		x.t.Fatalf("only %d torture messages found", len(all))
	}
	offer := body(x.t, x.message(x.bundle, "standup", keying.MIKEYPSK, 5*time.Hour, nil)) // of the future: never taken
	for _, method := range []string{"INVITE", "OPTIONS", "BYE", "UPDATE", "REFER", "NOTIFY", "INFO", "CANCEL", "REGISTER", "ACK"} {
		q := x.invite("standup", offer)
		q.method = method
		all = append(all, []byte(q.text("udp", x.raw.conn.LocalAddr())))
	}
	return all
}

// spoil changes a message as chance has it: octets, lines gone or doubled, lengths that lie, an end too early.
func spoil(dice *rand.Rand, message []byte) []byte {
	m := slices.Clone(message)
	switch dice.IntN(6) {
	case 0:
		for range 1 + dice.IntN(8) {
			m[dice.IntN(len(m))] = byte(dice.UintN(256))
		}
	case 1:
		m = m[:dice.IntN(len(m))]
	case 2, 3:
		lines := bytes.SplitAfter(m, []byte("\r\n"))
		i := dice.IntN(len(lines))
		if dice.IntN(2) == 0 {
			lines = slices.Delete(lines, i, i+1)
		} else {
			lines = slices.Insert(lines, i, lines[dice.IntN(len(lines))])
		}
		m = bytes.Join(lines, nil)
	case 4:
		lies := []string{"-1", "0", "1", "4294967296", "18446744073709551616", "99999", "x", ""}
		m = bytes.Replace(m, []byte("Content-Length: "), []byte("Content-Length: "+lies[dice.IntN(len(lies))]), 1)
	default:
		i := dice.IntN(len(m))
		m = slices.Insert(m, i, bytes.Repeat([]byte{byte(dice.UintN(256))}, 1+dice.IntN(300))...)
	}
	return m
}

// TestMalformedSIPSpray, over UDP, TCP and TLS.
func TestMalformedSIPSpray(t *testing.T) {
	h, x := talk(t)
	corpus := x.corpus()
	before := h.metrics()
	dice := rand.New(rand.NewPCG(seed, 1))
	for _, m := range corpus {
		if len(m) > 0 && len(m) < 60000 {
			x.raw.send(string(m))
		}
	}
	for i := range 3000 {
		if m := spoil(dice, corpus[dice.IntN(len(corpus))]); len(m) > 0 && len(m) < 60000 {
			x.raw.send(string(m))
		}
		if i%100 == 0 { // so that the socket's buffer does not swallow what should be tried
			x.options()
		}
	}
	for range 60 {
		x.stream("tcp", spoil(dice, corpus[dice.IntN(len(corpus))]))
	}
	for range 20 {
		x.stream("tls", spoil(dice, corpus[dice.IntN(len(corpus))]))
	}
	for _, m := range corpus[len(corpus)-10:] {
		x.stream("tcp", m[:len(m)/2]) // the rest never comes
		x.stream("tls", append(slices.Clone(m), m...))
	}
	x.stream("tls", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	x.stream("tcp", bytes.Repeat([]byte{0}, 70000))
	x.stream("tcp", bytes.Repeat([]byte("A"), 70000))
	x.options()
	if h.metrics()["conclave_sip_malformed_total"] <= before["conclave_sip_malformed_total"] {
		t.Error("nothing counted as malformed")
	}
	x.unharmed(before)
}

// options asks whether the server still answers.
func (x *intruder) options() {
	x.t.Helper()
	if p := x.raw.ask(&request{method: "OPTIONS", uri: identity("standup"), from: x.bundle.URI}); p.status != 200 {
		x.t.Errorf("OPTIONS: %d", p.status)
	}
}

// stream sends octets over a connection of their own and lets the server do what it likes with it.
func (x *intruder) stream(transport string, octets []byte) {
	x.t.Helper()
	conn, err := net.Dial("tcp", x.house.sip(transport))
	if err != nil {
		x.t.Error(err)
		return
	}
	defer conn.Close()
	if transport == "tls" {
		conn = tls.Client(conn, &tls.Config{RootCAs: x.bundle.Roots(), ServerName: domain, MinVersion: tls.VersionTLS12})
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(octets); err != nil {
		return // hung up on: its right
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		x.t.Errorf("%s: the server kept a connection of nonsense for %v", transport, patience)
	}
}

// TestSpoiltOffers: MIKEY messages and descriptions spoilt at random, by a stranger and by somebody with a digest, are all refused.
func TestSpoiltOffers(t *testing.T) {
	h, x := talk(t)
	messages := [][]byte{
		x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil), x.message(x.bundle, "standup", keying.MIKEYDH, 0, nil),
	}
	before := h.metrics()
	dice := rand.New(rand.NewPCG(seed, 2))
	for i := range 300 {
		m := slices.Clone(messages[i%2])
		if i < 200 {
			m[dice.IntN(len(m))] ^= 1 << dice.IntN(8)
		} else {
			m = spoil(dice, m)
		}
		if bytes.Equal(m, messages[i%2]) || len(m) == 0 || len(m) > 3000 {
			continue
		}
		if p := x.raw.ask(x.invite("standup", body(t, m))); p.status != 401 && p.status != 488 {
			t.Errorf("spoilt MIKEY message %d: %d", i, p.status)
		}
	}
	taken := 0
	for range 60 {
		good := body(t, x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil))
		q := x.invite("standup", string(spoil(dice, []byte(good))))
		if q.body == "" || q.body == good {
			continue
		}
		switch p := x.raw.proven(q, x.bundle); p.status {
		case 488:
		case 200: // only what does not matter was spoilt: a call like any other
			taken++
			call := &established{x.raw, q, p}
			x.raw.send(call.inside("ACK", q.cseq).text("udp", x.raw.conn.LocalAddr()))
			call.bye()
		default:
			t.Errorf("spoilt description: %d for %q", p.status, q.body)
		}
	}
	t.Logf("%d of 60 spoilt descriptions were good enough", taken)
	eventually(t, "all other seats are free again", func() bool { return h.metrics()["conclave_calls"] == 2 })
	x.unharmed(before)
}

// TestMediaSpray: whatever a stranger sends to the media ports, with the right SSRC too, nobody hears it, nothing comes back to him,
// and the call stays where it is.
func TestMediaSpray(t *testing.T) {
	h, x := talk(t)
	before := h.metrics()
	victim := x.victims[0]
	at := victim.leg.Stream().Snapshot().Remote
	ssrc := victim.leg.Stream().SSRC()
	seat := h.seatOf("standup", victim.account)
	spray, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer spray.Close()
	dice := rand.New(rand.NewPCG(seed, 3))
	for i := range 4000 {
		b := make([]byte, dice.IntN(1500))
		for j := range b {
			b[j] = byte(dice.UintN(256))
		}
		if len(b) >= 12 && i%4 != 0 {
			b[0], b[1] = 0x80, byte(0|(i&1)<<7) // RTP of the payload type in use
			if i%4 == 3 {
				b[1] = 200 + byte(i%5) // RTCP
			}
			b[8], b[9], b[10], b[11] = byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc)
		}
		for _, port := range []uint16{at.Port(), at.Port() + 1} {
			_, _ = spray.WriteToUDPAddrPort(b, netip.AddrPortFrom(at.Addr(), port))
		}
		if i%400 == 399 { // a tick takes 128 datagrams of a socket; let it come to them
			n := victim.leg.Stream().Snapshot().PacketsReceived
			eventually(t, "ticks", func() bool { return victim.leg.Stream().Snapshot().PacketsReceived > n+2 })
		}
	}
	after := h.metrics()
	for _, name := range []string{"conclave_media_auth_failed_total", "conclave_media_malformed_total"} {
		if after[name] <= before[name] {
			t.Errorf("%s did not rise", name)
		}
	}
	_ = spray.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, from, err := spray.ReadFromUDPAddrPort(make([]byte, 2048)); err == nil {
		t.Errorf("%d octets came back from %s", n, from)
	}
	now := h.seatOf("standup", victim.account)
	if now.Leg.MediaAddr != seat.Leg.MediaAddr || now.Leg.ID != seat.Leg.ID {
		t.Errorf("media goes to %s, before to %s", now.Leg.MediaAddr, seat.Leg.MediaAddr)
	}
	x.unharmed(before)
}
