package admin

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/conclave/conclave/server"
)

func (f *fake) BeginRecording(ctx context.Context, room string) (server.RecordingView, error) {
	if _, err := f.Room(ctx, room); err != nil {
		return server.RecordingView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.recorded[room] {
		return server.RecordingView{}, server.ErrRecorded
	}
	f.recorded[room] = true
	return server.RecordingView{ID: "c2", Room: room, Running: true, BegunAt: start}, nil
}

func (f *fake) EndRecording(ctx context.Context, room string) error {
	if _, err := f.Room(ctx, room); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.recorded[room] {
		return server.ErrNotRecorded
	}
	delete(f.recorded, room)
	return nil
}

func (f *fake) Recordings(context.Context) ([]server.RecordingView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.kept), nil
}

func (f *fake) Recording(_ context.Context, id string) (server.RecordingView, error) {
	if err := f.enter(); err != nil {
		return server.RecordingView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.kept {
		if v.ID == id {
			return v, nil
		}
	}
	return server.RecordingView{}, server.ErrUnknownRecording
}

func (f *fake) OpenRecording(ctx context.Context, id string) (io.ReadCloser, server.RecordingView, error) {
	v, err := f.Recording(ctx, id)
	return io.NopCloser(strings.NewReader("sealed")), v, err
}

func (f *fake) DeleteRecording(ctx context.Context, id string) error {
	if _, err := f.Recording(ctx, id); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = nil
	return nil
}
