package media

import (
	"encoding/binary"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// presser is a talker that presses keys, as RFC 4733 section 2.5 has it.
type presser struct {
	*talker
	stream *Stream
	seq    uint16
	tick   codec.Tick
}

func newPresser(t testing.TB) *presser {
	t.Helper()
	k, s := newTalker(t, keying.AEADAES256GCM, pcmu(), true)
	k.say(0)
	s.Next(0)
	k.pt = 101
	return &presser{talker: k, stream: s}
}

// event sends one packet of an event, and ticks.
func (p *presser) event(ts uint32, code byte, end bool, duration uint16) {
	p.t.Helper()
	payload := []byte{code, 10, 0, 0}
	if end {
		payload[1] |= 0x80
	}
	binary.BigEndian.PutUint16(payload[2:], duration)
	p.seq++
	p.write(p.seal(p.plain(p.seq, ts, payload)))
	p.tick++
	p.stream.Next(p.tick)
}

// pressed is what the stream told of so far.
func (p *presser) pressed() (keys string) {
	for {
		select {
		case k := <-p.stream.Keys():
			keys += string(k)
		default:
			return keys
		}
	}
}

func TestKeysAreToldOnce(t *testing.T) {
	p := newPresser(t)
	ts := uint32(1 << 31) // where a signed difference must do
	for _, code := range []byte{1, 1, 10, 15, 0} {
		ts += 1600
		for i := range 5 {
			p.event(ts, code, false, uint16(160*(i+1)))
		}
		for range 3 {
			p.event(ts, code, true, 960)
		}
	}
	if got := p.pressed(); got != "11*D0" {
		t.Errorf("told of %q", got)
	}
}

func TestKeysOfWhichLittleCame(t *testing.T) {
	p := newPresser(t)
	p.event(1600, 5, true, 800)  // the begin was lost
	p.event(4800, 6, false, 160) // the end was lost
	p.event(3200, 9, true, 800)  // overtaken by the one after it
	p.event(1600, 5, true, 800)
	if got := p.pressed(); got != "56" {
		t.Errorf("told of %q", got)
	}
}

func TestAKeyHeldForLongIsOneKey(t *testing.T) {
	p := newPresser(t)
	p.event(8000, 3, false, 160)
	p.event(8000, 3, false, longestEvent)
	p.event(8000+longestEvent, 3, false, 160)
	p.event(8000+longestEvent, 3, true, 4000)
	if got := p.pressed(); got != "3" {
		t.Errorf("told of %q", got)
	}
	p.event(8000+2*longestEvent, 3, true, 800) // the one before it had ended
	if got := p.pressed(); got != "3" {
		t.Errorf("then of %q", got)
	}
}

// A sender that begins its timestamps anew is not silent until they have caught up.
func TestKeysGoOnWhereTimestampsBeginAnew(t *testing.T) {
	p := newPresser(t)
	p.event(10_000_000, 3, true, 800)
	p.event(1600, 4, true, 800)
	if got := p.pressed(); got != "34" {
		t.Errorf("told of %q", got)
	}
}

func TestWhatIsNoKeyIsNotTold(t *testing.T) {
	p := newPresser(t)
	p.event(1600, 16, true, 800) // flash
	p.event(3200, 255, true, 800)
	p.seq++
	p.write(p.seal(p.plain(p.seq, 4800, []byte{1, 10, 0}))) // cut off
	p.tick++
	p.stream.Next(p.tick)
	held := pcmu()
	held.Remote, held.Receive = p.addr(), false
	configure(t, p.stream, held)
	p.event(6400, 1, true, 800)
	forged := p.seal(p.plain(p.seq+1, 8000, []byte{2, 10, 3, 32}))
	forged[len(forged)-1] ^= 1
	p.write(forged)
	p.stream.Next(p.tick + 1)
	if got := p.pressed(); got != "" {
		t.Errorf("told of %q", got)
	}
}

func TestKeysThatNobodyTakesAreBoundedAndCostNothing(t *testing.T) {
	p := newPresser(t)
	const extra = 3
	for i := range maxKeysWaiting + extra {
		p.event(uint32(1600*(i+1)), 7, true, 800)
	}
	if n := p.stream.Snapshot(); n.KeysDropped != extra {
		t.Errorf("%d keys dropped", n.KeysDropped)
	}
	if got := p.pressed(); len(got) != maxKeysWaiting {
		t.Errorf("%d keys wait", len(got))
	}
	ts := uint32(1 << 20)
	if n := testing.AllocsPerRun(100, func() {
		ts += 1600
		p.stream.keypad.take(ts, []byte{1, 0x8a, 3, 32}, 8000)
		<-p.stream.Keys()
	}); n != 0 {
		t.Errorf("%v allocations per key", n)
	}
}
