package server

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/conclave/conclave/mixer/codec"
)

// handset is a phone with sound and keys: PCMU under SDES, as an old one has it. It says a tone of its own, or silence.
type handset struct {
	t       *testing.T
	outcome outcome
	conn    *net.UDPConn
	to      netip.AddrPort
	hz      float64
	talks   atomic.Bool

	mu        sync.Mutex // guards what is sent
	send      *srtp.Context
	sequence  uint16
	timestamp uint32

	ear     sync.Mutex // guards what was heard
	hears   map[float64]int
	sound   int // frames with anything in them
	stop    chan struct{}
	stopped sync.WaitGroup
}

// The tones of the callers: no voice has so much up there.
const (
	toneOne, toneTwo = 2300.0, 3100.0
	frame8k          = 160
)

var mediaPort = regexp.MustCompile(`m=audio (\d+) `)

// lift has a phone call a room with a handset; the call must be taken.
func (p *phone) lift(a attempt, hz float64) *handset {
	p.t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Fatal(err)
	}
	h := &handset{t: p.t, conn: conn, hz: hz, hears: make(map[float64]int), stop: make(chan struct{})}
	a.port = conn.LocalAddr().(*net.UDPAddr).Port
	h.outcome = p.call(a)
	if h.outcome.status != 200 {
		p.t.Fatalf("%+v: %d %s", a, h.outcome.status, h.outcome.warning)
	}
	h.send = h.context(h.outcome.crypto)
	_, theirs, _ := strings.Cut(h.outcome.answer, "a=crypto:1 ")
	theirs, _, _ = strings.Cut(theirs, "\r\n")
	receive := h.context(theirs)
	port := mediaPort.FindStringSubmatch(h.outcome.answer)
	h.to = netip.MustParseAddrPort("127.0.0.1:" + port[1])
	h.stopped.Go(h.talk)
	h.stopped.Go(func() { h.listen(receive) })
	p.t.Cleanup(func() {
		close(h.stop)
		_ = conn.Close()
		h.stopped.Wait()
		_ = h.outcome.dialog.Bye(p.t.Context()) // gone already where the server ended it
	})
	return h
}

// context of a line of a=crypto.
func (h *handset) context(line string) *srtp.Context {
	h.t.Helper()
	_, code, _ := strings.Cut(line, "inline:")
	code, _, _ = strings.Cut(code, "|")
	key, err := base64.StdEncoding.DecodeString(code)
	if err != nil || len(key) != 30 {
		h.t.Fatalf("%d octets of key: %v", len(key), err)
	}
	c, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// packet sends one packet.
func (h *handset) packet(pt uint8, timestamp uint32, payload []byte) {
	h.sequence++
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: h.sequence, Timestamp: timestamp, SSRC: 77}, Payload: payload}).Marshal()
	if err != nil {
		h.t.Error(err)
		return
	}
	if b, err = h.send.EncryptRTP(nil, b, nil); err != nil {
		h.t.Error(err)
		return
	}
	_, _ = h.conn.WriteToUDPAddrPort(b, h.to) // the call may be over
}

// talk says the tone, or silence.
func (h *handset) talk() {
	encoder, err := codec.NewEncoder(codec.Format{Codec: codec.PCMU, Rate: 8000}, 8000)
	if err != nil {
		h.t.Error(err)
		return
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	pcm, payload := make([]int16, frame8k), make([]byte, frame8k)
	for n := 0; ; {
		select {
		case <-h.stop:
			return
		case <-ticker.C:
		}
		for i := range pcm {
			pcm[i] = 0
			if h.talks.Load() {
				pcm[i] = int16(8000 * math.Sin(2*math.Pi*h.hz*float64(n)/8000))
			}
			n++
		}
		_, _ = encoder.Encode(pcm, payload) // the sizes fit
		h.mu.Lock()
		h.timestamp += frame8k
		h.packet(0, h.timestamp, payload)
		h.mu.Unlock()
	}
}

// press presses keys, each told by three packets, as fast as a phone that has them stored.
func (h *handset) press(keys string) {
	ticker := time.NewTicker(60 * time.Millisecond)
	defer ticker.Stop()
	for _, k := range keys {
		<-ticker.C
		h.mu.Lock()
		h.timestamp += frame8k
		payload := []byte{byte(strings.IndexRune("0123456789*#", k)), 0x8a, 0, 0}
		binary.BigEndian.PutUint16(payload[2:], frame8k)
		for range 3 {
			h.packet(101, h.timestamp, payload)
		}
		h.mu.Unlock()
	}
}

// listen notes what comes.
func (h *handset) listen(c *srtp.Context) {
	decoder, err := codec.NewDecoder(codec.Format{Codec: codec.PCMU, Rate: 8000}, 8000)
	if err != nil {
		h.t.Error(err)
		return
	}
	buf, pcm := make([]byte, 2048), make([]int16, frame8k)
	for {
		n, err := h.conn.Read(buf)
		if err != nil {
			return
		}
		plain, err := c.DecryptRTP(nil, buf[:n], nil)
		if err != nil || len(plain) != 12+frame8k || plain[1]&0x7f != 0 {
			continue
		}
		if decoder.Decode(codec.Frame{Kind: codec.Voice, Payload: plain[12:]}, pcm) != nil {
			continue
		}
		h.note(pcm)
	}
}

// note looks for the callers' tones in a frame.
func (h *handset) note(pcm []int16) {
	total := 0.0
	for _, v := range pcm {
		total += float64(v) * float64(v)
	}
	if total < frame8k*100*100 {
		return
	}
	h.ear.Lock()
	defer h.ear.Unlock()
	h.sound++
	for _, hz := range []float64{toneOne, toneTwo} {
		if goertzel(pcm, hz) > total/4 {
			h.hears[hz]++
		}
	}
}

// goertzel is the energy of a frequency, on the scale of the sum of squares.
func goertzel(pcm []int16, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/8000)
	a, b := 0.0, 0.0
	for _, v := range pcm {
		a, b = float64(v)+k*a-b, a
	}
	return (a*a + b*b - k*a*b) * 2 / float64(len(pcm))
}

// heard says in how many frames there was a tone, and any sound.
func (h *handset) heard(hz float64) (tone, any int) {
	h.ear.Lock()
	defer h.ear.Unlock()
	return h.hears[hz], h.sound
}

// forget forgets what was heard.
func (h *handset) forget() {
	h.ear.Lock()
	defer h.ear.Unlock()
	clear(h.hears)
	h.sound = 0
}
