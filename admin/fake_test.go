package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/events"
)

// fake is a Server of a few rooms and accounts. fail, when set, is the error of every call.
type fake struct {
	mu       sync.Mutex
	fail     error
	crash    bool
	ready    error
	draining bool
	accounts map[string]server.AccountView
	rooms    []server.RoomView
	seats    []server.SeatView
	recorded map[string]bool // rooms
	kept     []server.RecordingView
	ring     *events.Ring // nil: there are no more events
	tokens   map[[sha256.Size]byte]fakeToken
	acts     []server.AdminAction // that it was told to record
	noTrail  error                // what comes of that
}

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newFake() *fake {
	f := &fake{accounts: make(map[string]server.AccountView), recorded: map[string]bool{"demo": true}, tokens: make(map[[sha256.Size]byte]fakeToken)}
	f.kept = []server.RecordingView{{ID: "c1", Room: "demo", BegunAt: start, Octets: 6, Reason: "stopped", Recipients: []string{"age1x"}}}
	for i, id := range []string{"s9", "s2", "s5"} {
		f.seats = append(f.seats, server.SeatView{
			ID: id, Room: "demo", Account: fmt.Sprintf("a%d", i), JoinedAt: start.Add(time.Duration(i) * time.Second),
			Leg: &server.LegView{ID: "l" + id, State: "up", Codec: "opus"},
		})
	}
	f.rooms = []server.RoomView{
		{Name: "zoo", Policy: "standard", Speaking: []string{}, Moderators: []string{}, CreatedAt: start},
		{Name: "demo", Policy: "standard", Speaking: []string{"s2"}, Moderators: []string{}, CreatedAt: start},
	}
	return f
}

// must gives the first error of the conditions.
func must[V any](musts []server.Must[V], v V) error {
	for _, m := range musts {
		if err := m(v); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) enter() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crash {
		panic("fault of a handler")
	}
	return f.fail
}

func (f *fake) Subscribe(after uint64) *server.Subscription {
	if f.ring != nil {
		return f.ring.Subscribe(after)
	}
	over := events.New(1, time.Now)
	defer over.Close()
	return over.Subscribe(after)
}

func (f *fake) Webhooks(context.Context) ([]server.WebhookView, error) {
	return []server.WebhookView{{URL: "https://hooks.example.com/in", Types: []string{}, Rooms: []string{}, DeadLetters: []server.DeadLetter{}}}, f.enter()
}

func (f *fake) Ready(context.Context) error { return f.ready }

func (f *fake) Node(context.Context) server.NodeView {
	return server.NodeView{StartedAt: start, State: "ready", Calls: len(f.seats), Rooms: len(f.rooms)}
}

func (f *fake) Drain(ctx context.Context, on bool) server.NodeView {
	f.mu.Lock()
	f.draining = on
	f.mu.Unlock()
	v := f.Node(ctx)
	if on {
		v.State = "draining"
	}
	return v
}

func (f *fake) Rooms(context.Context) ([]server.RoomView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rooms := slices.Clone(f.rooms)
	for i := range rooms {
		if rooms[i].Name == "demo" {
			rooms[i].Seats = len(f.seats)
		}
	}
	return rooms, nil
}

func (f *fake) CreateRoom(ctx context.Context, n server.NewRoom) (server.RoomView, error) {
	if err := f.enter(); err != nil {
		return server.RoomView{}, err
	}
	if _, err := f.Room(ctx, n.Name); err == nil {
		return server.RoomView{}, server.ErrNameTaken
	}
	v := server.RoomView{
		Name: n.Name, Policy: cmp.Or(n.Policy, "standard"), Locked: n.Locked, MaxSeats: n.MaxSeats, PIN: n.PIN != "", Permanent: n.Permanent != nil && *n.Permanent,
		Speaking: []string{}, CreatedAt: start, Moderators: append([]string{}, n.Moderators...),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rooms = append(f.rooms, v)
	return v, nil
}

func (f *fake) PatchRoom(ctx context.Context, name string, p server.RoomPatch, musts ...server.Must[server.RoomView]) (server.RoomView, error) {
	v, err := f.Room(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return server.RoomView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rooms {
		if r := &f.rooms[i]; r.Name == name {
			if p.Locked != nil {
				r.Locked = *p.Locked
			}
			if p.MaxSeats != nil {
				r.MaxSeats = *p.MaxSeats
			}
			if p.PIN != nil {
				r.PIN = *p.PIN != ""
			}
			if p.Moderators != nil {
				r.Moderators = append([]string{}, *p.Moderators...)
			}
			v = *r
		}
	}
	return v, nil
}

func (f *fake) DeleteRoom(ctx context.Context, name string, musts ...server.Must[server.RoomView]) error {
	v, err := f.Room(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rooms = slices.DeleteFunc(f.rooms, func(r server.RoomView) bool { return r.Name == name })
	return nil
}

func (f *fake) Room(ctx context.Context, name string) (server.RoomView, error) {
	rooms, err := f.Rooms(ctx)
	if err != nil {
		return server.RoomView{}, err
	}
	for _, r := range rooms {
		if r.Name == name {
			return r, nil
		}
	}
	return server.RoomView{}, server.ErrUnknownRoom
}

var _ Server = (*fake)(nil)
