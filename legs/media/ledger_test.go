package media

import (
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// twin opens a stream with the SSRC of another, which only a fault could make, and sends on from a sequence number. What it sends
// comes to conn.
func twin(t *testing.T, l *Ledger, ssrc uint32, sequence uint16, k *talker) *Stream {
	t.Helper()
	s := openOn(t, NewPorts(loopback, 0, 0), Options{Ledger: l})
	s.ssrc, s.out.sequence = ssrc, sequence
	p := pcmu()
	p.Remote = k.addr()
	configure(t, s, p)
	return s
}

func sendTicks(s *Stream, from, to codec.Tick) {
	for t := from; t < to; t++ {
		s.Next(t)
		s.Send(t, codec.Packet{Payload: frameOf(1, 160)})
	}
}

// TestRepeatedIndexIsNotSent: two streams of one key and SSRC, one after the other. What the second would encrypt under an index of the
// first is counted and kept back, RTP and RTCP; what lies behind is sent.
func TestRepeatedIndexIsNotSent(t *testing.T) {
	const first, ssrc, sent = 1000, 0x1234567, 100
	for _, suite := range keying.Suites() {
		l := NewLedger()
		k := &talker{t: t, conn: dial(t)}
		keys, _ := keysFor(suite, 0, ssrc, 0xabcdef01)
		a := twin(t, l, ssrc, first, k)
		setKeys(t, a, keys)
		sendTicks(a, 0, sent)
		if n := a.Snapshot(); l.Repeated() != 0 || n.PacketsSent != sent || n.RTCPSent == 0 || n.SendErrors != 0 {
			t.Fatalf("%s: %d repeated, %+v", suite, l.Repeated(), n)
		}
		reports := a.Snapshot().RTCPSent
		if err := a.Close(); err != nil { // says BYE, under an index of its own
			t.Fatal(err)
		}
		reports++
		b := twin(t, l, ssrc, first+sent-10, k)
		setKeys(t, b, keys)
		sendTicks(b, 0, 12)
		if n := b.Snapshot(); l.Repeated() != 10 || n.PacketsSent != 2 || n.SendErrors != 10 {
			t.Errorf("%s: %d repeated, want 10; %+v", suite, l.Repeated(), n)
		}
		for range reports {
			b.sendReport(false)
		}
		if n := b.Snapshot(); l.Repeated() != 10+reports || n.RTCPSent != 0 {
			t.Errorf("%s: %d repeated with RTCP, want %d; %+v", suite, l.Repeated(), 10+reports, n)
		}
		b.sendReport(false)
		if n := b.Snapshot(); l.Repeated() != 10+reports || n.RTCPSent != 1 {
			t.Errorf("%s: a report with an index of its own was kept back: %+v", suite, n)
		}
	}
}

// TestLedgerTellsKeysAndSSRCsApart: each key and each SSRC has indexes of its own; the roll-over counter is part of them.
func TestLedgerTellsKeysAndSSRCsApart(t *testing.T) {
	const ssrc = 0x1234567
	l := NewLedger()
	k := &talker{t: t, conn: dial(t)}
	streams := func(generation byte, ssrc, roc uint32) *Stream {
		s := twin(t, l, ssrc, 5, k)
		keys, _ := keysFor(keying.AEADAES128GCM, generation, ssrc, 0xabcdef01)
		keys.Send.ROC = roc
		setKeys(t, s, keys)
		return s
	}
	for _, s := range []*Stream{streams(0, ssrc, 0), streams(1, ssrc, 0), streams(0, ssrc+1, 0), streams(0, ssrc, 1)} {
		sendTicks(s, 0, 10)
		if n := s.Snapshot().PacketsSent; n != 10 {
			t.Errorf("%d packets sent, want 10", n)
		}
	}
	if n := l.Repeated(); n != 0 {
		t.Errorf("%d repeated", n)
	}
	last := streams(0, ssrc, 0)
	sendTicks(last, 0, 10)
	if n := l.Repeated(); n != 10 {
		t.Errorf("%d repeated under a roll-over counter that is over, want 10", n)
	}
}

// TestLedgerFollowsFreshKeysOfOurs: where only ours are fresh (RFC 4568) they have a span of their own.
func TestLedgerFollowsFreshKeysOfOurs(t *testing.T) {
	l := NewLedger()
	k := &talker{t: t, conn: dial(t)}
	s := twin(t, l, 0x1234567, 5, k)
	keys, _ := keysFor(keying.AEADAES128GCM, 0, s.ssrc, 0xabcdef01)
	setKeys(t, s, keys)
	sendTicks(s, 0, 10)
	fresh, _ := keysFor(keying.AEADAES128GCM, 1, s.ssrc, 0xabcdef01)
	fresh.Receive = keys.Receive
	setKeys(t, s, fresh)
	sendTicks(s, 10, 20)
	if n := len(l.spans); n != 2 {
		t.Fatalf("%d spans, want 2", n)
	}
	span := l.span(fresh.Send.Key, s.ssrc)
	if next := span.rtp.Load(); next != 25 || l.Repeated() != 0 {
		t.Errorf("the next index is %d, want 25; %d repeated", next, l.Repeated())
	}
}

func TestLedgerIsBounded(t *testing.T) {
	const most = 50
	l := NewLedger()
	l.most = most
	key := keying.NewSecret(make([]byte, 16))
	oldest := l.span(key, 0)
	oldest.use(&oldest.rtp, 7)
	if l.span(key, 0) != oldest {
		t.Fatal("a key that is known got another span")
	}
	for ssrc := range uint32(most) {
		l.span(key, ssrc+1)
	}
	if len(l.spans) != most || l.ages.Len() != most {
		t.Errorf("%d spans by key and %d by age, want %d", len(l.spans), l.ages.Len(), most)
	}
	if l.span(key, 0) == oldest {
		t.Error("the oldest was not forgotten")
	}
	newest := l.span(key, most)
	newest.use(&newest.rtp, 7)
	if l.span(key, most).rtp.Load() != 8 {
		t.Error("the newest is not known")
	}
}

func TestLedgerUseAllocatesNothing(t *testing.T) {
	l := NewLedger()
	span := l.span(keying.NewSecret(make([]byte, 16)), 1)
	index := uint64(0)
	if n := testing.AllocsPerRun(100, func() { span.use(&span.rtp, index); index++ }); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

func BenchmarkLedger(b *testing.B) {
	l := NewLedger()
	span := l.span(keying.NewSecret(make([]byte, 16)), 1)
	b.ReportAllocs()
	for index := uint64(0); b.Loop(); index++ {
		span.use(&span.rtp, index)
	}
}
