package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/mixer/codec"
	"github.com/conclave/conclave/server/ogg"
)

// recordingYAML seals recordings to somebody, and has a room that lets anybody in.
func recordingYAML(t *testing.T) (string, *age.X25519Identity) {
	t.Helper()
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
policies: {open: {methods: [mikey-dh, sdes]}}
rooms: {policy: open, permanent: [{name: hall}]}
recording: {recipients: [%s]}
`, who.Recipient()), who
}

// unsealed decodes a recording, as its recipient does.
func unsealed(t *testing.T, s *Server, id string, who age.Identity) (tones map[float64]int, frames int) {
	t.Helper()
	f, _, err := s.OpenRecording(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := age.Decrypt(f, who)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	packets, _, err := ogg.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(codec.Format{Codec: codec.Opus, Rate: 48000}, 8000)
	if err != nil {
		t.Fatal(err)
	}
	ear := &handset{t: t, hears: make(map[float64]int)}
	pcm := make([]int16, frame8k)
	for _, p := range packets {
		if err := d.Decode(codec.Frame{Kind: codec.Voice, Payload: p}, pcm); err != nil {
			t.Fatal(err)
		}
		ear.note(pcm)
	}
	return ear.hears, len(packets)
}

// TestRecording: what is said in a room is in its recording, for the recipient; everybody hears that it is recorded, who is there and
// who comes.
func TestRecording(t *testing.T) {
	yaml, who := recordingYAML(t)
	s := serveTest(t, yaml)
	events := s.Subscribe(0)
	defer events.Close()
	p := newPhone(t, s)
	one := p.lift(attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}, toneOne)
	sits(t, s, "hall", "one", waits(waitsNot))
	mute := p.lift(attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "deaf"})}, toneTwo)
	deaf := true
	if _, err := s.PatchSeat(t.Context(), "hall", sits(t, s, "hall", "deaf", waits(waitsNot)).ID, SeatPatch{Deaf: &deaf}); err != nil {
		t.Fatal(err)
	}
	e, err := s.BeginRecording(t.Context(), "hall")
	if err != nil || !e.Running || e.Room != "hall" {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := s.BeginRecording(t.Context(), "hall"); !errors.Is(err, ErrRecorded) {
		t.Errorf("twice: %v", err)
	}
	told := func(h *handset) func() bool { return func() bool { _, n := h.heard(toneOne); return n > 25 } }
	until(t, "who is there is told", told(one))
	until(t, "who is deaf is told", told(mute))
	two := p.lift(attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "two"})}, toneTwo)
	until(t, "who comes is told", told(two))
	one.talks.Store(true)
	until(t, "one speaks", func() bool { n, _ := two.heard(toneOne); return n > 25 })
	if v, err := s.Room(t.Context(), "hall"); err != nil || !v.Recorded || v.Seats != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	one.forget()
	mute.forget()
	if err := s.EndRecording(t.Context(), "hall"); err != nil {
		t.Fatal(err)
	}
	until(t, "they are told that it is over", told(one))
	until(t, "who is deaf is told so", told(mute))
	if n, _ := mute.heard(toneOne); n > 0 {
		t.Errorf("who is deaf heard %d frames of the room", n)
	}
	if err := s.EndRecording(t.Context(), "hall"); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("ended twice: %v", err)
	}
	over := finished(t, s, e.ID)
	tones, frames := unsealed(t, s, e.ID, who)
	if over.Reason != "stopped" || over.Dropped != 0 || over.Seconds != (time.Duration(frames)*20*time.Millisecond).Seconds() || tones[toneOne] < 25 || tones[toneTwo] > 0 {
		t.Errorf("%+v: %d frames, tones in %v", over, frames, tones)
	}
	if all, err := s.Recordings(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := s.DeleteRecording(t.Context(), e.ID); err != nil {
		t.Error(err)
	}
	saw(t, events, EventRecordingBegun, EventRecordingEnded)
}

// saw waits for events of these types, in this order.
func saw(t *testing.T, events *Subscription, types ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
	defer cancel()
	for len(types) > 0 {
		some, err := events.Next(ctx)
		if err != nil {
			t.Fatalf("no %v: %v", types, err)
		}
		for _, e := range some {
			if len(types) > 0 && e.Type == types[0] {
				types = types[1:]
			}
		}
	}
}

func finished(t *testing.T, s *Server, id string) (e RecordingView) {
	t.Helper()
	until(t, "the recording is on the disk", func() bool {
		var err error
		e, err = s.Recording(t.Context(), id)
		return err == nil && !e.Running
	})
	return e
}

// TestRecordingsEndByThemselves: with the last who leaves, and with the room.
func TestRecordingsEndByThemselves(t *testing.T) {
	yaml, _ := recordingYAML(t)
	s := serveTest(t, yaml)
	p := newPhone(t, s)
	one := enrolled(t, s, NewAccount{Name: "one"})
	o, _ := p.joins(attempt{room: "hall", transport: "tls", as: one})
	e, err := s.BeginRecording(t.Context(), "hall")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.dialog.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	if over := finished(t, s, e.ID); over.Reason != "empty" {
		t.Errorf("%+v", over)
	}
	if _, err := s.CreateRoom(t.Context(), NewRoom{Name: "board"}); err != nil {
		t.Fatal(err)
	}
	if e, err = s.BeginRecording(t.Context(), "board"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRoom(t.Context(), "board"); err != nil {
		t.Fatal(err)
	}
	if over := finished(t, s, e.ID); over.Reason != "room_closed" {
		t.Errorf("%+v", over)
	}
	if _, err := s.BeginRecording(t.Context(), "board"); !errors.Is(err, ErrUnknownRoom) {
		t.Errorf("of no room: %v", err)
	}
	if _, err := s.BeginRecording(t.Context(), "hall"); err != nil { // the server ends it
		t.Error(err)
	}
}

func TestNobodyToRecordFor(t *testing.T) {
	s := serveTest(t, `rooms: {permanent: [{name: hall}]}`)
	if _, err := s.BeginRecording(t.Context(), "hall"); !errors.Is(err, ErrNoRecipients) {
		t.Errorf("%v", err)
	}
	if v, err := s.Room(t.Context(), "hall"); err != nil || v.Recorded {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestWhoComesBackIsTold that the room is recorded: he was away when that was announced.
func TestWhoComesBackIsTold(t *testing.T) {
	yaml, _ := recordingYAML(t)
	s := serveTest(t, yaml)
	p := newPhone(t, s)
	ask := attempt{room: "hall", transport: "tls", as: enrolled(t, s, NewAccount{Name: "one"})}
	p.lift(ask, toneOne)
	seat := sits(t, s, "hall", "one", waits(waitsNot))
	r := s.rooms.find("hall")
	var leg *legs.Leg
	if err := r.do(t.Context(), func() { leg = r.seats[seat.ID].leg() }); err != nil {
		t.Fatal(err)
	}
	if err := leg.Hangup(t.Context(), "media_timeout"); err != nil {
		t.Fatal(err)
	}
	until(t, "he is waited for", func() bool { v, err := s.Seat(t.Context(), "hall", seat.ID); return err == nil && v.Leg == nil })
	if _, err := s.BeginRecording(t.Context(), "hall"); err != nil {
		t.Fatal(err)
	}
	<-r.mix.Announce(entryTone()) // behind what is announced
	back := p.lift(ask, toneOne)
	until(t, "who comes back is told", func() bool { _, n := back.heard(toneOne); return n > 25 })
	if again := sits(t, s, "hall", "one", waits(waitsNot)); again.ID != seat.ID {
		t.Errorf("another seat: %s, not %s", again.ID, seat.ID)
	}
}
