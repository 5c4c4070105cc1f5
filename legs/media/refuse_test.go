package media

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

func TestSetKeysRefusesReuse(t *testing.T) {
	s := open(t)
	k, _ := keysFor(keying.AEADAES256GCM, 0, s.SSRC(), 77)
	fresh, _ := keysFor(keying.AEADAES256GCM, 9, s.SSRC(), 77)
	setKeys(t, s, k)
	s.Next(1)
	running := s.keys.sending
	if err := s.SetKeys(k); err != nil {
		t.Errorf("same keys: %v", err)
	}
	if s.Next(2); s.keys.sending != running {
		t.Error("the same keys made new contexts: their counters began again")
	}
	half := k
	half.Receive = fresh.Receive
	if err := s.SetKeys(half); !errors.Is(err, ErrKeyReuse) {
		t.Errorf("half reused: %v", err)
	}
	other := fresh
	other.Send.SSRC = s.SSRC() + 1
	if err := s.SetKeys(other); !errors.Is(err, ErrSSRC) {
		t.Errorf("foreign SSRC: %v", err)
	}
	one := fresh
	one.Receive.Key, one.Receive.SSRC = one.Send.Key, s.SSRC()
	if err := s.SetKeys(one); !errors.Is(err, ErrSSRCConflict) {
		t.Errorf("one key, one SSRC: %v", err)
	}
	short := fresh
	short.Send.Key = keying.NewSecret(make([]byte, 5))
	if err := s.SetKeys(short); !errors.Is(err, ErrKeys) {
		t.Errorf("short key: %v", err)
	}
	short.Suite = "NULL_HMAC_SHA1_80"
	if err := s.SetKeys(short); !errors.Is(err, ErrSuite) {
		t.Errorf("null cipher: %v", err)
	}
	for _, err := range []error{s.SetKeys(other), s.SetKeys(short)} {
		if bytes.Contains([]byte(fmt.Sprintf("%+v", err)), fresh.Receive.Key.Bytes()) {
			t.Error("a key in an error")
		}
	}
}

func TestSetKeysLeavesTheCallersKeysAlone(t *testing.T) {
	a, b := pair(t, keying.AESCM256SHA1x80, pcmu())
	k, peers := keysFor(keying.AESCM256SHA1x80, 3, a.SSRC(), b.SSRC())
	setKeys(t, a, k)
	setKeys(t, b, peers)
	k.Wipe()
	peers.Wipe()
	a.Next(1)
	a.Send(1, codec.Packet{Payload: frameOf(1, 160)})
	if n, ok := voice(b.Next(1)); !ok || n != 1 {
		t.Errorf("frame %d, %v after the caller wiped its keys", n, ok)
	}
}

func TestConfigureRefusesNonsense(t *testing.T) {
	good := pcmu()
	good.Remote = netip.MustParseAddrPort("127.0.0.1:4000")
	for name, change := range map[string]func(*Params){
		"codec":            func(p *Params) { p.Codec = "gsm" },
		"rate":             func(p *Params) { p.Rate = 44100 },
		"opus rate":        func(p *Params) { p.Codec, p.Rate = "opus", 16000 },
		"l16 rate":         func(p *Params) { p.Codec, p.Rate = "l16", 48000 },
		"payload type":     func(p *Params) { p.PT = 128 },
		"same event type":  func(p *Params) { p.PT = 101 },
		"port zero":        func(p *Params) { p.Remote = netip.MustParseAddrPort("127.0.0.1:0") },
		"multicast":        func(p *Params) { p.Remote = netip.MustParseAddrPort("224.0.0.1:4000") },
		"unspecified":      func(p *Params) { p.Remote = netip.MustParseAddrPort("0.0.0.0:4000") },
		"family":           func(p *Params) { p.Remote = netip.MustParseAddrPort("[::1]:4000") },
		"bitrate":          func(p *Params) { p.Codec, p.Bitrate = "opus", 510000 },
		"no room for rtcp": func(p *Params) { p.Remote, p.RTCPMux = netip.MustParseAddrPort("127.0.0.1:65535"), false },
	} {
		p := good
		change(&p)
		if err := open(t).Configure(p); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(t).Configure(good); err != nil {
		t.Error(err)
	}
}

func TestNoIndexIsUsedTwiceUnderOneKey(t *testing.T) {
	a, b := pair(t, keying.AEADAES256GCM, pcmu())
	type index struct {
		keys     *generation
		roc      uint32
		sequence uint16
	}
	seen := make(map[index]bool, 70000)
	payload := frameOf(1, 160)
	for i := range 70000 {
		tick := codec.Tick(i)
		switch i % 1000 {
		case 300: // the same tick twice, then one of the past, then a jump
			tick--
		case 600:
			tick = codec.Tick(i / 2)
		case 900:
			p := pcmu()
			p.Remote, p.Codec, p.PT = b.LocalAddr(), []string{"pcmu", "l16", "opus"}[i/1000%3], 96
			configure(t, a, p)
			a.Next(tick)
		case 950:
			if i%10000 == 9950 {
				k, _ := keysFor(keying.AEADAES256GCM, byte(1+i/10000), a.SSRC(), b.SSRC())
				setKeys(t, a, k)
				a.Next(tick)
			}
		}
		before := a.counters.packetsSent.Load()
		a.Send(tick, codec.Packet{Payload: payload})
		if a.counters.packetsSent.Load() == before {
			continue
		}
		roc, _ := a.keys.sending.send.ROC(a.ssrc)
		at := index{a.keys.sending, roc, uint16(a.out.packet[2])<<8 | uint16(a.out.packet[3])}
		if seen[at] {
			t.Fatalf("packet %d: index %d/%d again", i, at.roc, at.sequence)
		}
		seen[at] = true
	}
	if len(seen) < 69000 {
		t.Errorf("only %d packets went out", len(seen))
	}
}
