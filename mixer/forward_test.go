package mixer

import (
	"bytes"
	"testing"

	"github.com/conclave/conclave/mixer/codec"
)

// monologue is a room in which one seat sends Opus, and what it says: silence for ten ticks, then recorded notes.
func monologue(t *testing.T, f codec.Format) (r *table, seat *Seat, port *fakePort) {
	t.Helper()
	song, still := recorded(t, f, 0), codec.Silence(f)
	next := func(k Tick) codec.Frame {
		if k < 10 {
			return codec.Frame{Kind: codec.Voice, Payload: still}
		}
		return song(k)
	}
	r = newTable(t, RoomConfig{Mixing: true})
	port = &fakePort{format: f, next: next}
	return r, r.sit(port), port
}

func (p *fakePort) said(k Tick) []byte { return p.next(k).Payload }

func (p *fakePort) packet() []byte { return p.heard[:p.heardN] }

func TestSoleSpeakerIsSentOnAsHeCame(t *testing.T) {
	r, _, speaker := monologue(t, opusCELT)
	same, other := &fakePort{format: opusCELT}, &fakePort{format: pcmu}
	r.sit(same)
	r.sit(other)
	r.run(10)
	before := r.pool.Stats()
	for range 60 {
		r.run(1)
		if !bytes.Equal(same.packet(), speaker.said(r.tick-1)) {
			t.Fatalf("tick %d: the listener got other octets than the speaker sent", r.tick-1)
		}
		if !speaker.lastOne.Silent {
			t.Fatalf("tick %d: the speaker hears himself", r.tick-1)
		}
	}
	after := r.pool.Stats()
	if n := after.Forwards - before.Forwards; n != 60 {
		t.Errorf("%d packets sent on, want 60", n)
	}
	if n := after.Encodes - before.Encodes; n != 60+primeFrames {
		t.Errorf("%d frames encoded, want those of the PCMU listener", n)
	}
}

// Shorter packets are padded, so that the length of all packets to a leg is one.
func TestForwardedPacketsHaveTheListenersLength(t *testing.T) {
	short, long := opusCELT, opusCELT
	short.Bitrate, long.Bitrate = 24000, 40000
	r, _, _ := monologue(t, short)
	listener, narrow := &fakePort{format: long}, &fakePort{format: codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: 16000}}
	r.sit(listener)
	r.sit(narrow)
	forwards := uint64(0)
	for range 100 {
		r.run(1)
		if listener.heardN != long.FrameSize() || narrow.heardN != narrow.format.FrameSize() {
			t.Fatalf("tick %d: %d and %d octets, want %d and %d", r.tick-1, listener.heardN, narrow.heardN, long.FrameSize(), narrow.format.FrameSize())
		}
		if _, ok := codec.Single(listener.packet()); !ok {
			t.Fatalf("tick %d: no packet of one frame", r.tick-1)
		}
		forwards = r.pool.Stats().Forwards
	}
	if forwards != 90 {
		t.Errorf("%d packets sent on, want 90: those to the listener whose bit rate they fit", forwards)
	}
}

// Whatever makes the bus differ from what the speaker sent ends it, in the same tick; it comes back when that has passed.
func TestForwardingYieldsToMixing(t *testing.T) {
	for _, c := range []struct {
		name     string
		disturb  func(*table, *Seat)
		recovers func(*Seat)
	}{
		{"gain", func(_ *table, s *Seat) { s.SetGain(-6) }, func(s *Seat) { s.SetGain(0) }},
		{"mute", func(_ *table, s *Seat) { s.SetMuted(true) }, func(s *Seat) { s.SetMuted(false) }},
		{"another speaker", func(r *table, _ *Seat) {
			_, next := voice(7, 6000)
			r.sit(&fakePort{format: l16, next: func(k Tick) codec.Frame {
				if k < 90 {
					return next(k)
				}
				return codec.Frame{}
			}})
		}, func(*Seat) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, seat, speaker := monologue(t, opusCELT)
			listener := &fakePort{format: opusCELT}
			r.sit(listener)
			r.run(60)
			if !bytes.Equal(listener.packet(), speaker.said(r.tick-1)) {
				t.Fatal("not forwarded to begin with")
			}
			before := r.pool.Stats().Forwards
			c.disturb(r, seat)
			r.run(30)
			if n := r.pool.Stats().Forwards - before; n != 0 {
				t.Errorf("%d packets sent on all the same", n)
			}
			c.recovers(seat)
			r.run(200)
			if !bytes.Equal(listener.packet(), speaker.said(r.tick-1)) {
				t.Error("forwarding did not come back")
			}
		})
	}
}

// What our decoder refuses is never put before the decoders of others, nor what may be a stream of another shape.
func TestForwardingRefusesWhatIsNotPlain(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"stereo":     func(p []byte) []byte { return append([]byte{p[0] | 4}, p[1:]...) },
		"two frames": func(p []byte) []byte { return append([]byte{30<<3 | 1}, p[1:len(p)&^1-1]...) },
	} {
		t.Run(name, func(t *testing.T) {
			song := recorded(t, opusCELT, 0)
			r := newTable(t, RoomConfig{Mixing: true})
			r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
				f := song(k)
				f.Payload = spoil(f.Payload)
				return f
			}})
			r.sit(&fakePort{format: opusCELT})
			r.run(150)
			s := r.pool.Stats()
			if s.Forwards != 0 {
				t.Errorf("%d packets sent on", s.Forwards)
			}
			if s.Decodes == 0 {
				t.Error("nothing was decoded: nothing was tested")
			}
		})
	}
}

func TestForwardingRefusesWhatDidNotDecode(t *testing.T) {
	r, seat, _ := monologue(t, opusCELT)
	r.run(60)
	if !seat.plainly(unity) {
		t.Fatal("not plain to begin with")
	}
	seat.spoilt = true
	if seat.plainly(unity) {
		t.Error("a frame that our decoder refused would be put before those of others")
	}
}

// A lost packet is concealed by us: the listener is sent an encoding of that, not a gap.
func TestLossEndsForwarding(t *testing.T) {
	r, _, speaker := monologue(t, opusCELT)
	whole := speaker.next
	speaker.next = func(k Tick) codec.Frame {
		if k == 40 {
			return codec.Frame{Kind: codec.Lost}
		}
		return whole(k)
	}
	listener := &fakePort{format: opusCELT}
	r.sit(listener)
	r.run(40)
	before := r.pool.Stats()
	r.run(1)
	after := r.pool.Stats()
	if listener.sends != 41 || after.Forwards != before.Forwards || after.Encodes == before.Encodes {
		t.Errorf("%d packets sent, %d sent on, %d encoded", listener.sends, after.Forwards-before.Forwards, after.Encodes-before.Encodes)
	}
	r.run(200)
	if !bytes.Equal(listener.packet(), speaker.said(r.tick-1)) {
		t.Error("forwarding did not come back")
	}
}

// Whoever sends more than fits now and then is not followed at every turn: each change costs an encoder that is primed, and a seam.
func TestForwardingDoesNotFlap(t *testing.T) {
	long := opusCELT
	long.Bitrate = 40000
	fits, exceeds := recorded(t, opusCELT, 0), recorded(t, long, 0)
	r := newTable(t, RoomConfig{Mixing: true})
	r.sit(&fakePort{format: opusCELT, next: func(k Tick) codec.Frame {
		if k%7 == 3 {
			return exceeds(k)
		}
		return fits(k)
	}})
	listener := &fakePort{format: opusCELT}
	r.sit(listener)
	changes, last, was := 0, uint64(0), false
	for range 700 {
		r.run(1)
		n := r.pool.Stats().Forwards
		if now := n > last; now != was {
			changes, was = changes+1, now
		}
		last = n
		if listener.heardN != opusCELT.FrameSize() {
			t.Fatalf("%d octets", listener.heardN)
		}
	}
	if changes > 700/forwardAfter {
		t.Errorf("%d changes in 700 ticks", changes)
	}
}

// Where the jitter buffer left something out our decoder joins what is left; the listener's could not.
func TestForwardingYieldsWhereSomethingWasLeftOut(t *testing.T) {
	r, seat, _ := monologue(t, opusCELT)
	r.run(60)
	seat.heeded.frame.Skipped = true
	if seat.plainly(unity) {
		t.Error("sent on, though something was left out before it")
	}
}
