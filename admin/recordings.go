package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

type recordingInput struct {
	Recording string `path:"recording" maxLength:"256" doc:"Identifier of the recording"`
}

type (
	newRecordingOutput struct {
		Location string `header:"Location" doc:"Path of the recording"`
		Body     server.RecordingView
	}
	recordingOutput struct{ Body server.RecordingView }
)

func (a *Admin) recordingRoutes() {
	const all, one, ofRoom = "/v1/recordings", "/v1/recordings/{recording}", "/v1/rooms/{room}/recording"
	begin := operation(server.Operator, "begin-recording", http.MethodPost, ofRoom, "Record a room", http.StatusNotFound, http.StatusConflict)
	begin.Description = "What the room hears is written as Opus in Ogg, sealed with age to recording.recipients of the configuration. " +
		"It is announced in the room, and to whoever comes later. It ends with a DELETE, when everybody has left, or when it reaches a bound of the configuration."
	begin.DefaultStatus = http.StatusCreated
	huma.Register(a.api, begin, a.beginRecording)
	huma.Register(a.api, operation(server.Operator, "end-recording", http.MethodDelete, ofRoom, "End the recording of a room", http.StatusNotFound), a.endRecording)
	huma.Register(a.api, operation(server.Administrator, "list-recordings", http.MethodGet, all, "List the recordings"), a.listRecordings)
	huma.Register(a.api, operation(server.Administrator, "get-recording", http.MethodGet, one, "Show a recording", http.StatusNotFound), a.getRecording)
	content := operation(server.Administrator, "get-recording-content", http.MethodGet, one+"/content", "Download a recording", http.StatusNotFound, http.StatusConflict)
	content.Description = "As it was sealed: age --decrypt -i KEY opens it, for a recipient."
	content.Responses = map[string]*huma.Response{"200": {
		Description: "An age file that holds Opus in Ogg",
		Content:     map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	huma.Register(a.api, content, a.getRecordingContent)
	huma.Register(a.api, operation(server.Administrator, "delete-recording", http.MethodDelete, one, "Delete a recording", http.StatusNotFound, http.StatusConflict), a.deleteRecording)
}

func (a *Admin) beginRecording(ctx context.Context, in *roomInput) (*newRecordingOutput, error) {
	v, err := a.server.BeginRecording(ctx, strings.ToLower(in.Room))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &newRecordingOutput{Location: "/v1/recordings/" + v.ID, Body: v}, nil
}

func (a *Admin) endRecording(ctx context.Context, in *roomInput) (*struct{}, error) {
	if err := a.server.EndRecording(ctx, strings.ToLower(in.Room)); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil //nolint:nilnil // huma's way to say 204
}

func (a *Admin) listRecordings(ctx context.Context, in *pageInput) (*listOutput[server.RecordingView], error) {
	all, err := a.server.Recordings(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return pageOf(all, func(v server.RecordingView) string { return v.ID }, *in)
}

func (a *Admin) getRecording(ctx context.Context, in *recordingInput) (*recordingOutput, error) {
	v, err := a.server.Recording(ctx, in.Recording)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &recordingOutput{v}, nil
}

// getRecordingContent sends a file for as long as the client takes it.
func (a *Admin) getRecordingContent(ctx context.Context, in *recordingInput) (*huma.StreamResponse, error) {
	file, v, err := a.server.OpenRecording(ctx, in.Recording)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", "application/octet-stream")
		out.SetHeader("Content-Length", strconv.FormatInt(v.Octets, 10))
		out.SetHeader("Content-Disposition", `attachment; filename="`+v.ID+`.opus.age"`)
		err := errors.Join(sendFile(out.BodyWriter(), file), file.Close())
		if err != nil {
			a.log.DebugContext(ctx, "a recording was not sent whole", "recording", v.ID, "err", err)
		}
	}}, nil
}

// sendFile copies a file. A client has writePatience for each part of it, not for the whole.
func sendFile(to io.Writer, file io.Reader) error {
	w, _ := to.(http.ResponseWriter)
	for {
		if w != nil {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writePatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
		}
		if _, err := io.CopyN(to, file, streamPart); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (a *Admin) deleteRecording(ctx context.Context, in *recordingInput) (*struct{}, error) {
	if err := a.server.DeleteRecording(ctx, in.Recording); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil //nolint:nilnil // huma's way to say 204
}
