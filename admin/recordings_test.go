package admin

import (
	"strings"
	"testing"

	"github.com/conclave/conclave/server"
)

func TestRecordingIsDownloaded(t *testing.T) {
	r := newRig(t, nil)
	got := r.ask(t, "GET", "/v1/recordings/c1/content", "", nil)
	if got.status != 200 || got.body != "sealed" || got.header.Get("Content-Type") != "application/octet-stream" || got.header.Get("Content-Length") != "6" ||
		got.header.Get("Content-Disposition") != `attachment; filename="c1.opus.age"` {
		t.Errorf("%d %v %q", got.status, got.header, got.body)
	}
}

func TestRecordingRefusals(t *testing.T) {
	r := newRig(t, nil)
	r.ask(t, "POST", "/v1/rooms/demo/recording", "", nil).problem(t, 409)
	for _, c := range []struct {
		err    error
		status int
		remedy string
	}{
		{server.ErrNoRecipients, 409, "recording.recipients"}, {server.ErrRecordingRuns, 409, "end it first"}, {server.ErrUnknownRecording, 404, "no such"},
		{server.ErrNotRecorded, 404, "not being recorded"},
	} {
		r.fail = c.err
		if p := r.ask(t, "GET", "/v1/recordings/c1/content", "", nil).problem(t, c.status); !strings.Contains(p.Detail, c.remedy) {
			t.Errorf("%v: %s", c.err, p.Detail)
		}
	}
}
