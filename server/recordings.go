package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/recording"
)

// RecordingView is what the outside sees of a recording: all but what was said.
type RecordingView recording.Entry // under a name of its own in the description of the API

// Refusals of what the API asks of recordings.
var (
	// ErrRecorded says that the room is being recorded already (409).
	ErrRecorded = errors.New("server: the room is being recorded")
	// ErrNotRecorded says that the room is not being recorded (404).
	ErrNotRecorded = errors.New("server: the room is not being recorded")
	// ErrNoRecipients says that the configuration names nobody to seal recordings to (409).
	ErrNoRecipients = recording.ErrNoRecipients
	// ErrUnknownRecording says that there is no recording of that name (404).
	ErrUnknownRecording = recording.ErrUnknown
	// ErrRecordingRuns says that a recording is still being written (409).
	ErrRecordingRuns = recording.ErrRunning
	// ErrRecordingsFull says that recording.max_mb is used up (409), ErrNoSpace that the disk has no more than recording.free_mb left (409).
	ErrRecordingsFull = recording.ErrFull
	ErrNoSpace        = recording.ErrNoSpace
)

// Recorded comes with recording.begun and recording.ended.
type Recorded struct {
	Recording string `json:"recording"`
	Reason    string `json:"reason,omitempty"` // of recording.ended
}

// shelf is where recordings go, and how much of it.
func (c *RecordingConfig) shelf(data string, log *slog.Logger) recording.Config {
	return recording.Config{
		Folder: filepath.Join(data, recordingsFolder), Recipients: c.Recipients, Longest: c.MaxLength,
		Keep: int64(c.MaxMB) << 20, Free: int64(c.FreeMB) << 20, Log: log,
	}
}

// BeginRecording records what a room hears from now on, and has everybody in it told, and whoever comes later.
func (s *Server) BeginRecording(ctx context.Context, name string) (RecordingView, error) {
	r := s.rooms.find(name)
	if r == nil {
		return RecordingView{}, ErrUnknownRoom
	}
	rec, err := s.shelf.Begin(name, func(rec *recording.Recorder, reason string) {
		_ = r.post(func() { r.unrecord(rec, reason) }) // a room that has closed has stopped it
	})
	if errors.Is(err, recording.ErrTooMany) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return RecordingView{}, err
	}
	posted := r.do(ctx, func() {
		switch {
		case r.closing:
			err = ErrUnknownRoom
		case r.recorder != nil:
			err = ErrRecorded
		default:
			r.record(rec)
		}
	})
	if posted != nil {
		err = ErrUnknownRoom
	}
	if err != nil {
		rec.Discard()
		rec.Stop(closed(), "refused")
		return RecordingView{}, err
	}
	s.log.Info("recording begun", "room", name, "recording", rec.ID())
	return s.Recording(ctx, rec.ID())
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// record gives the recorder a seat in the mixer, where it hears what a listener does. It runs in the room's goroutine.
func (r *room) record(rec *recording.Recorder) {
	r.recorder, r.listener = rec, r.mix.Join(mixer.SeatConfig{Muted: true})
	r.listener.Attach(rec)
	r.mix.Interrupt(r.attendant.clips([]string{sayRecording})...) // however many tones wait
	r.publish(Event{Type: EventRecordingBegun, Room: r.name, Data: Recorded{Recording: rec.ID()}})
}

// unrecord ends a recording, nil for whichever runs. It does not wait for the disk. It runs in the room's goroutine.
func (r *room) unrecord(rec *recording.Recorder, reason string) {
	if r.recorder == nil || rec != nil && rec != r.recorder {
		return
	}
	rec, r.recorder = r.recorder, nil
	rec.Stop(r.listener.Leave(), reason)
	r.mix.Interrupt(r.attendant.clips([]string{sayRecordingOver})...)
	r.publish(Event{Type: EventRecordingEnded, Room: r.name, Data: Recorded{Recording: rec.ID(), Reason: reason}})
	r.log.Info("recording ended", "room", r.name, "recording", rec.ID(), "reason", reason)
}

// EndRecording ends the recording of a room.
func (s *Server) EndRecording(ctx context.Context, name string) error {
	r := s.rooms.find(name)
	if r == nil {
		return ErrUnknownRoom
	}
	var err error
	posted := r.do(ctx, func() {
		if r.recorder == nil {
			err = ErrNotRecorded
			return
		}
		r.unrecord(nil, "stopped")
	})
	if posted != nil {
		return ErrUnknownRoom
	}
	return err
}

// Recordings gives all recordings, by the time when they began.
func (s *Server) Recordings(context.Context) (views []RecordingView, err error) {
	all, err := s.shelf.List()
	for _, e := range all {
		views = append(views, RecordingView(e))
	}
	return views, err
}

// Recording gives one.
func (s *Server) Recording(_ context.Context, id string) (RecordingView, error) {
	e, err := s.shelf.Get(id)
	return RecordingView(e), err
}

// OpenRecording opens one, sealed as it is. Whoever opens it closes it.
func (s *Server) OpenRecording(_ context.Context, id string) (io.ReadCloser, RecordingView, error) {
	f, e, err := s.shelf.Content(id)
	return f, RecordingView(e), err
}

// DeleteRecording forgets one.
func (s *Server) DeleteRecording(_ context.Context, id string) error {
	err := s.shelf.Delete(id)
	if err == nil {
		s.log.Info("recording deleted", "recording", id)
	}
	return err
}
