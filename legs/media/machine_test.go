package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// network is two streams with a hand between them that delays, reorders and repeats what they send; and a signalling between them
// that is as slow as it likes.
type network struct {
	t     *rapid.T
	ends  [2]*Stream
	lines [2]line // from ends[i] to ends[1-i]
	tick  codec.Tick

	suite      keying.Suite
	mki        bool
	stated     bool // the peers' SSRCs are in the agreement
	generation int  // of the keys made last
	phase      phase
	offerer    int
	answer     keying.Keys // for the offerer, on its way
}

// phase is how far an update has come.
type phase int

const (
	settled phase = iota // no update runs; the last one may be without its ACK
	readied              // the answerer has the keys, its answer is on its way
	agreed               // the offerer has them, its ACK may come
)

// line is one direction.
type line struct {
	conn      *net.UDPConn // what the sender sends to; the other line's packets leave from it
	waiting   []parcel
	old       [][]byte // delivered
	taken     uint64   // packets taken from the sender
	repeated  uint64   // packets delivered a second time
	delivered uint64
}

// parcel is a packet on its way.
type parcel struct {
	octets     []byte
	generation uint64
	sent       codec.Tick
	overtaken  int
}

const (
	reorder = 64 // packets that may overtake another, and ticks that one may be under way
	perTick = 100
)

func newNetwork(tb testing.TB, t *rapid.T) *network {
	n := &network{
		t: t, suite: rapid.SampledFrom(keying.Suites()).Draw(t, "suite"),
		mki: rapid.Bool().Draw(t, "mki"), stated: rapid.Bool().Draw(t, "stated"),
	}
	for i := range n.ends {
		s, err := Open(NewPorts(loopback, 0, 0), Options{})
		if err != nil {
			t.Fatal(err)
		}
		n.ends[i] = s
		n.lines[i].conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
		if err != nil {
			t.Fatal(err)
		}
	}
	tb.Helper()
	keys := n.keys()
	for i, s := range n.ends {
		if n.stated {
			roc := rapid.SampledFrom([]uint32{0, 1, 9, 1 << 31}).Draw(t, "roll-over counter")
			keys[i].Send.ROC, keys[1-i].Receive.ROC = roc, roc
		}
		p := pcmu()
		p.Remote = n.lines[i].conn.LocalAddr().(*net.UDPAddr).AddrPort()
		if err := s.Configure(p); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range n.ends {
		if err := s.SetKeys(keys[i]); err != nil {
			t.Fatal(err)
		}
		s.Next(0)
	}
	n.start()
	return n
}

// start puts the sequence numbers anywhere, also just ahead of a wrap; then a packet each has to come before anything else, since a
// receiver that has heard nothing cannot know of a wrap (RFC 3711 section 3.3.1).
func (n *network) start() {
	for i, s := range n.ends {
		if rapid.Bool().Draw(n.t, "near the wrap") {
			s.out.sequence = uint16(65535 - rapid.IntRange(0, 200).Draw(n.t, "before the wrap"))
			n.send(i, 1)
			n.deliver(i, 0)
		}
	}
}

func (n *network) close() {
	for i, s := range n.ends {
		if err := s.Close(); err != nil {
			n.t.Error(err)
		}
		_ = n.lines[i].conn.Close()
	}
}

// keys makes the next generation.
func (n *network) keys() [2]keying.Keys {
	a, b := n.ends[0], n.ends[1]
	ka, kb := update(n.suite, byte(n.generation), n.mki, a, b)
	if !n.stated {
		ka.Receive.SSRC, kb.Receive.SSRC = 0, 0
	}
	n.generation++
	return [2]keying.Keys{ka, kb}
}

// send lets an end send, and takes what it sent off the wire.
func (n *network) send(i, packets int) {
	s := n.ends[i]
	for range packets {
		s.Send(n.tick, codec.Packet{Payload: frameOf(int(n.tick), 160)})
	}
	n.collect(i)
}

func (n *network) collect(i int) {
	l, c := &n.lines[i], &n.ends[i].counters
	for ; l.taken < c.packetsSent.Load()+c.rtcpSent.Load(); l.taken++ {
		b := make([]byte, maxDatagram)
		_ = l.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		size, err := l.conn.Read(b)
		if err != nil {
			n.t.Fatal(err)
		}
		l.waiting = append(l.waiting, parcel{octets: b[:size], generation: n.ends[i].keys.sending.number, sent: n.tick})
	}
}

// deliver hands over the packet at a place of the queue; those ahead of it are overtaken.
func (n *network) deliver(i, place int) {
	l := &n.lines[i]
	for k := range place {
		l.waiting[k].overtaken++
	}
	b := l.waiting[place].octets
	l.waiting = append(l.waiting[:place], l.waiting[place+1:]...)
	l.old = append(l.old, b)
	l.delivered++
	n.write(i, b)
}

func (n *network) write(i int, b []byte) {
	if _, err := n.lines[1-i].conn.WriteToUDPAddrPort(b, n.ends[1-i].LocalAddr()); err != nil {
		n.t.Fatal(err)
	}
}

// carry delivers some of what waits: in any order, but what waits too long first.
func (n *network) carry(i, packets int) {
	l := &n.lines[i]
	for k := 0; len(l.waiting) > 0 && k < perTick; k++ {
		first := &l.waiting[0]
		must := first.overtaken >= reorder-1 || n.tick-first.sent >= reorder
		if k >= packets && !must {
			return
		}
		place := 0
		if !must {
			place = rapid.IntRange(0, min(reorder-1, len(l.waiting)-1)).Draw(n.t, "place")
		}
		n.deliver(i, place)
	}
}

// repeat delivers something a second time.
func (n *network) repeat(i int) {
	if l := &n.lines[i]; len(l.old) > 0 {
		from := max(0, len(l.old)-300)
		n.write(i, l.old[rapid.IntRange(from, len(l.old)-1).Draw(n.t, "repeated")])
		l.repeated++
	}
}

// signal moves an update on.
func (n *network) signal() {
	switch n.phase {
	case settled, agreed:
		if n.phase == agreed && rapid.Bool().Draw(n.t, "ACK") {
			n.ends[1-n.offerer].SwitchKeys()
			n.phase = settled
			return
		}
		if !n.room() {
			return
		}
		n.offerer = rapid.IntRange(0, 1).Draw(n.t, "offerer")
		keys := n.keys()
		n.answer = keys[n.offerer]
		if err := n.ends[1-n.offerer].ReadyKeys(keys[1-n.offerer]); err != nil {
			n.t.Fatal(err)
		}
		n.phase = readied
	case readied:
		if err := n.ends[n.offerer].SetKeys(n.answer); err != nil {
			n.t.Fatal(err)
		}
		n.phase = agreed
	}
}

// room says whether another generation may be made: nothing that is under way, or still to be sent, may need the one that it ends.
func (n *network) room() bool {
	oldest := uint64(max(n.generation-maxGenerations+2, 0))
	for i, s := range n.ends {
		if s.keys.sending.number < oldest {
			return false
		}
		for _, p := range n.lines[i].waiting {
			if p.generation < oldest {
				return false
			}
		}
	}
	return true
}

// step is one tick of both ends.
func (n *network) step() {
	n.tick++
	for i, s := range n.ends {
		s.Next(n.tick)
		n.send(i, rapid.IntRange(0, 4).Draw(n.t, "packets"))
		if rapid.IntRange(0, 9).Draw(n.t, "report") == 0 {
			s.sendReport(false)
		}
		n.collect(i)
		n.carry(i, rapid.IntRange(0, 8).Draw(n.t, "carried"))
		if rapid.IntRange(0, 9).Draw(n.t, "repeat") == 0 {
			n.repeat(i)
		}
	}
	if rapid.IntRange(0, 9).Draw(n.t, "signal") < 2 {
		n.signal()
	}
}

// check compares what was taken with what was delivered: all of it, and each packet once.
func (n *network) check() {
	for i, s := range n.ends {
		if s.out.sequence != 0 && s.ROC() != rolled(s) { // at 0 the next packet turns it
			n.t.Fatalf("end %d at tick %d: roll-over counter %d, %d in the library", i, n.tick, s.ROC(), rolled(s))
		}
		l := &n.lines[i]
		await(n.ends[1-i], l.delivered)
		c := n.ends[1-i].Snapshot()
		if c.PacketsReceived+c.RTCPReceived != l.delivered {
			n.t.Fatalf("end %d at tick %d: %d packets delivered, %d and %d reports accepted; %d failed, %d replayed, %d foreign", 1-i, n.tick,
				l.delivered, c.PacketsReceived, c.RTCPReceived, c.AuthFailed, c.Replayed, c.ForeignSSRC)
		}
		if c.AuthFailed+c.Replayed > l.repeated || c.ForeignSSRC+c.Malformed+c.Unkeyed+c.SendErrors != 0 {
			n.t.Fatalf("end %d at tick %d: %d repeated; %d failed, %d replayed, %+v", 1-i, n.tick, l.repeated, c.AuthFailed, c.Replayed, c)
		}
	}
}

// TestRekeyMachine: whatever the order of rekeys, packets and reports, nothing is lost, refused or accepted twice.
func TestRekeyMachine(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := newNetwork(t, r)
		defer n.close()
		for range rapid.IntRange(50, 300).Draw(r, "ticks") {
			n.step()
			n.check()
		}
		for range reorder + 1 {
			n.tick++
			for i, s := range n.ends {
				n.collect(i)
				n.carry(i, 0)
				s.Next(n.tick)
			}
		}
		for i := range n.ends {
			n.collect(i)
			for len(n.lines[i].waiting) > 0 {
				n.deliver(i, 0)
				n.ends[1-i].drainAll(1)
			}
		}
		n.check()
		for i, s := range n.ends {
			if c := s.Snapshot(); c.Lost != 0 || c.PacketsReceived != n.ends[1-i].Snapshot().PacketsSent {
				r.Fatalf("end %d: lost %d, %d of %d", i, c.Lost, c.PacketsReceived, n.ends[1-i].Snapshot().PacketsSent)
			}
		}
	})
}
