package admin

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/conclave/conclave/server"
)

// eventsPath is the route of the events. Its answer has no end, so that what bounds other requests does not fit it.
const eventsPath = "/v1/events"

// eventsInput chooses among the events.
type eventsInput struct {
	Room  string   `query:"room" maxLength:"256" doc:"Events of this room alone; of everything when absent"`
	Types []string `query:"types" maxItems:"64" doc:"Events of these types alone, separated by commas; of all types when absent" example:"seat.joined,seat.left"`
	After string   `header:"Last-Event-ID" maxLength:"20" doc:"Begin with what is kept of the events after this one; with those to come when absent"`
}

func (a *Admin) eventRoutes() {
	op := operation(server.Viewer, "events", http.MethodGet, eventsPath, "Listen to what happens", http.StatusServiceUnavailable)
	ofRoom(&op, func(ctx huma.Context) string { return ctx.Query("room") })
	op.Description = "Server-sent events: id, event (its type) and data (the event as JSON) of each. A comment comes every " + heartbeat.String() +
		" where nothing else does. Who reconnects with Last-Event-ID misses nothing, or is told by an event of type missed, without id, that what came " +
		"between is not kept any more: then look at the rooms anew. Who does not take what comes is cut off. A token, or a certificate, listens " + strconv.Itoa(maxListeningBy) + " times at most."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The events, without end",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(a.api, op, a.events)
}

// listener is one who listens to events by HTTP.
type listener struct {
	heard *server.Subscription
	stall time.Duration
	by    *principal
	room  string
	types []string
	under *connection // nil: none of ours
	out   http.ResponseWriter
	conn  *http.ResponseController
	text  bytes.Buffer // what is written next
}

// errOver says that the token of a listener is good no longer.
var errOver = errors.New("admin: the token of the listener is good no longer")

// Resolve checks what no schema can say.
func (in *eventsInput) Resolve(huma.Context) (errs []error) {
	known := server.EventTypes()
	for _, t := range in.Types {
		if !slices.Contains(known, t) {
			errs = append(errs, &huma.ErrorDetail{Location: "query.types", Message: "no type of event; there are " + strings.Join(known, ", "), Value: t})
		}
	}
	if _, err := in.after(); err != nil {
		errs = append(errs, &huma.ErrorDetail{Location: "header.Last-Event-ID", Message: "no id of an event", Value: in.After})
	}
	return errs
}

// after is the event to begin after.
func (in *eventsInput) after() (uint64, error) {
	if in.After == "" {
		return server.LatestEvent, nil
	}
	return strconv.ParseUint(in.After, 10, 64)
}

func (a *Admin) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	after, err := in.after()
	if err != nil {
		return nil, a.problem(ctx, err) // Resolve has seen it
	}
	l := &listener{heard: a.server.Subscribe(after), room: strings.ToLower(in.Room), types: in.Types, stall: a.stalled, by: principalOf(ctx)}
	if err := l.heard.Err(); err != nil {
		a.log.DebugContext(ctx, "a listener was refused", "err", err)
		return nil, huma.Error503ServiceUnavailable("too many listeners, or the server stops; try again")
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer l.heard.Close()
		r, w := humachi.Unwrap(hctx)
		l.out, l.conn, l.under = w, http.NewResponseController(w), connectionOf(r.Context())
		err := l.serve(r.Context())
		if errors.Is(err, server.ErrSlowListener) || errors.Is(err, os.ErrDeadlineExceeded) || l.under != nil && l.under.givenUp.Load() {
			a.meters.cutOff.Inc()
		}
		a.log.DebugContext(ctx, "a listener has gone", "err", err)
	}}, nil
}

// serve writes events until the client goes, is cut off, or there are no more.
func (l *listener) serve(ctx context.Context) error {
	h := l.out.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // or a proxy keeps them to itself
	err := l.conn.SetReadDeadline(time.Time{})
	if l.under != nil {
		err = errors.Join(err, l.under.hurry(l.stall))
	}
	if err != nil {
		return err
	}
	l.text.WriteString("retry: " + strconv.Itoa(int(retryListening.Milliseconds())) + "\n\n")
	if l.heard.Missed() {
		l.text.WriteString("event: missed\ndata: {}\n\n")
	}
	for {
		if l.by.over() {
			return errOver
		}
		if err := l.flush(); err != nil {
			return err
		}
		some, err := l.next(ctx)
		if err != nil {
			return err
		}
		for i := range some {
			l.add(&some[i])
		}
		if some == nil {
			l.text.WriteString(":\n\n")
		}
	}
}

// next waits for events; nil: it is time for a sign of life.
func (l *listener) next(ctx context.Context) ([]server.Event, error) {
	wait, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	some, err := l.heard.Next(wait)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return some, err
}

// add puts an event into what is written next, if it was asked for.
func (l *listener) add(e *server.Event) {
	if l.room != "" && e.Room != l.room || len(l.types) > 0 && !slices.Contains(l.types, e.Type) {
		return
	}
	l.text.WriteString("id: ")
	l.text.Write(strconv.AppendUint(l.text.AvailableBuffer(), e.ID, 10))
	l.text.WriteString("\nevent: " + e.Type + "\ndata: ")
	l.text.Write(e.JSON()) // one line: JSON escapes what ends one
	l.text.WriteString("\n\n")
}

// flush writes it, or gives up on a client that does not take it in time.
func (l *listener) flush() error {
	if l.text.Len() == 0 {
		return nil
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.stall)); err != nil {
		return err
	}
	_, err := l.out.Write(l.text.Bytes())
	l.text.Reset()
	return errors.Join(err, l.conn.Flush())
}
