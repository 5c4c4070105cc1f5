package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/conclave/conclave/keying"
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

// fakeToken is a token that is kept.
type fakeToken struct {
	server.TokenView
	expired bool
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

func (f *fake) Seats(_ context.Context, room string) ([]server.SeatView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open(room) {
		return nil, server.ErrUnknownRoom
	}
	return slices.Clone(f.seats), nil
}

// open says whether the room with the seats is there; mu is held.
func (f *fake) open(room string) bool {
	return room == "demo" && slices.ContainsFunc(f.rooms, func(r server.RoomView) bool { return r.Name == room })
}

func (f *fake) with(room, id string, change func(*server.SeatView)) (server.SeatView, error) {
	if err := f.enter(); err != nil {
		return server.SeatView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open(room) {
		return server.SeatView{}, server.ErrUnknownRoom
	}
	for i := range f.seats {
		if f.seats[i].ID == id {
			change(&f.seats[i])
			return f.seats[i], nil
		}
	}
	return server.SeatView{}, server.ErrUnknownSeat
}

func (f *fake) Seat(_ context.Context, room, id string) (server.SeatView, error) {
	return f.with(room, id, func(*server.SeatView) {})
}

func (f *fake) PatchSeat(ctx context.Context, room, id string, p server.SeatPatch, musts ...server.Must[server.SeatView]) (server.SeatView, error) {
	if v, err := f.Seat(ctx, room, id); err != nil || must(musts, v) != nil {
		return server.SeatView{}, cmp.Or(err, must(musts, v))
	}
	return f.with(room, id, func(s *server.SeatView) {
		if p.Muted != nil {
			s.Muted = *p.Muted
		}
		if p.Deaf != nil {
			s.Deaf = *p.Deaf
		}
		if p.GainDB != nil {
			s.GainDB = *p.GainDB
		}
		if p.Position != nil {
			place, _ := p.Position.Place()
			s.Position = &place
		}
	})
}

func (f *fake) Rekey(_ context.Context, room, id string) error    { return f.change(room, id) }
func (f *fake) Reinvite(_ context.Context, room, id string) error { return f.change(room, id) }

// MoveSeat goes well where the target is a phone of the seat's account.
func (f *fake) MoveSeat(_ context.Context, room, id string, ask server.MoveRequest) (server.MoveView, error) {
	v, err := f.with(room, id, func(*server.SeatView) {})
	if err == nil && !strings.HasPrefix(ask.Target, "sip:"+v.Account+"@") {
		err = server.ErrNotADevice
	}
	return server.MoveView{ID: "m1", Room: room, Seat: id, Account: v.Account, Target: ask.Target, How: "invite", State: "inviting"}, err
}

// CallOut knows one device.
func (f *fake) CallOut(_ context.Context, room string, ask server.CallRequest) (server.MoveView, error) {
	if err := f.enter(); err != nil {
		return server.MoveView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.open(room):
		return server.MoveView{}, server.ErrUnknownRoom
	case ask.URI != "sip:bob@test":
		return server.MoveView{}, server.ErrNotADevice
	}
	return server.MoveView{ID: "m2", Room: room, Seat: "s8", Account: "bob", Target: ask.URI, How: "dial", State: "inviting"}, nil
}

func (f *fake) Move(id string) (server.MoveView, error) {
	if err := f.enter(); err != nil {
		return server.MoveView{}, err
	}
	if id != "m1" {
		return server.MoveView{}, server.ErrUnknownMove
	}
	return server.MoveView{ID: id, Room: "demo", State: "done"}, nil
}

// change is of a call that stands, and counts as a change of its keys.
func (f *fake) change(room, id string) error {
	up := true
	_, err := f.with(room, id, func(s *server.SeatView) {
		if up = s.Leg != nil; up {
			s.Leg.Keying.Rekeys++
		}
	})
	if !up {
		return fmt.Errorf("%w: the call is still being set up", server.ErrUnavailable)
	}
	return err
}

func (f *fake) HangUp(ctx context.Context, room, id string, musts ...server.Must[server.SeatView]) error {
	v, err := f.Seat(ctx, room, id)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seats = slices.DeleteFunc(f.seats, func(s server.SeatView) bool { return s.ID == id })
	return nil
}

func (f *fake) Accounts(_ context.Context, after string, limit int) ([]server.AccountView, string, error) {
	if err := f.enter(); err != nil {
		return nil, "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var views []server.AccountView
	for _, a := range f.accounts {
		if a.Name > after {
			views = append(views, a)
		}
	}
	slices.SortFunc(views, func(a, b server.AccountView) int { return strings.Compare(a.Name, b.Name) })
	if len(views) > limit {
		return views[:limit], views[limit-1].Name, nil
	}
	return views, "", nil
}

func (f *fake) Account(_ context.Context, name string) (server.AccountView, error) {
	if err := f.enter(); err != nil {
		return server.AccountView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.accounts[name]; ok {
		return a, nil
	}
	return server.AccountView{}, server.ErrUnknownAccount
}

func (f *fake) CreateAccount(_ context.Context, n server.NewAccount) (*server.Bundle, server.AccountView, error) {
	if err := f.enter(); err != nil {
		return nil, server.AccountView{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.accounts[n.Name]; ok {
		return nil, server.AccountView{}, fmt.Errorf("wrapped: %w", server.ErrNameTaken)
	}
	v := server.AccountView{
		Name: n.Name, URI: "sip:" + n.Name + "@test", DisplayName: n.DisplayName, Policy: n.Policy, MD5: n.MD5,
		CertFingerprints: []string{}, Devices: []server.DeviceView{}, CreatedAt: start,
	}
	f.accounts[n.Name] = v
	return &server.Bundle{Account: n.Name, URI: v.URI, PSK: keying.NewSecret([]byte("sixteen octets!!"))}, v, nil
}

func (f *fake) PatchAccount(ctx context.Context, name string, p server.AccountPatch, musts ...server.Must[server.AccountView]) (server.AccountView, error) {
	v, err := f.Account(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return v, err
	}
	if p.Disabled != nil {
		v.Disabled = *p.Disabled
	}
	if p.DisplayName != nil {
		v.DisplayName = *p.DisplayName
	}
	if p.Policy != nil {
		v.Policy = *p.Policy
	}
	if p.Devices != nil {
		v.Devices = nil
		for _, d := range *p.Devices {
			v.Devices = append(v.Devices, server.DeviceView{Name: d.Name, URI: d.URI})
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[name] = v
	return v, nil
}

func (f *fake) RotateAccount(ctx context.Context, name string, _ server.Rotation) (*server.Bundle, server.AccountView, error) {
	v, err := f.Account(ctx, name)
	return &server.Bundle{Account: name, URI: v.URI, PSK: keying.NewSecret([]byte("sixteen others!!"))}, v, err
}

func (f *fake) DeleteAccount(ctx context.Context, name string, musts ...server.Must[server.AccountView]) error {
	v, err := f.Account(ctx, name)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.accounts, name)
	return nil
}

// grant keeps a token and gives its text.
func (f *fake) grant(id string, role server.Role, room string, expired bool) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, hash, err := NewToken()
	if err != nil {
		return ""
	}
	f.tokens[hash] = fakeToken{server.TokenView{ID: id, Name: id, Role: role, Room: room, CreatedAt: start}, expired}
	return text
}

// RecordAdmin keeps what it is told in acts.
func (f *fake) RecordAdmin(_ context.Context, a server.AdminAction) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts = append(f.acts, a)
	return f.noTrail
}

// AuditTrail has seven records.
func (f *fake) AuditTrail(_ context.Context, after uint64, limit int) ([]server.AuditRecord, uint64, error) {
	if err := f.enter(); err != nil {
		return nil, 0, err
	}
	var page []server.AuditRecord
	for seq := after + 1; seq <= 7; seq++ {
		if len(page) == limit {
			return page, seq - 1, nil
		}
		page = append(page, server.AuditRecord{
			Seq: seq, Time: start, Type: "seat.joined", Room: "demo", By: "<b>", Data: json.RawMessage(`{"a":"<i>"}`), Prev: strings.Repeat("0", 64),
		})
	}
	return page, 0, nil
}

func (f *fake) AuditKey(context.Context) (server.AuditKey, error) {
	return server.AuditKey{Algorithm: "Ed25519", Key: "AAAA", Head: server.AuditHead{Seq: 7, Hash: strings.Repeat("0", 64)}}, f.enter()
}

func (f *fake) TokenOf(hash [sha256.Size]byte) (server.TokenView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, ok := f.tokens[hash]
	switch {
	case !ok:
		return server.TokenView{}, server.ErrUnknownToken
	case token.expired:
		return token.TokenView, server.ErrTokenExpired
	}
	return token.TokenView, nil
}

func (f *fake) CreateToken(_ context.Context, n server.NewToken) (string, server.TokenView, error) {
	if err := f.enter(); err != nil {
		return "", server.TokenView{}, err
	}
	id := fmt.Sprintf("t%d", len(f.tokens)+1)
	text := f.grant(id, n.Role, n.Room, false)
	view, err := f.Token(context.Background(), id)
	return text, view, err
}

func (f *fake) Tokens(context.Context) ([]server.TokenView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var views []server.TokenView
	for _, token := range f.tokens {
		views = append(views, token.TokenView)
	}
	return views, nil
}

func (f *fake) Token(ctx context.Context, id string) (server.TokenView, error) {
	views, err := f.Tokens(ctx)
	for _, v := range views {
		if v.ID == id {
			return v, err
		}
	}
	return server.TokenView{}, cmp.Or(err, server.ErrUnknownToken)
}

func (f *fake) DeleteToken(ctx context.Context, id string, musts ...server.Must[server.TokenView]) error {
	v, err := f.Token(ctx, id)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.tokens, func(_ [sha256.Size]byte, t fakeToken) bool { return t.ID == id })
	return nil
}

var _ Server = (*fake)(nil)
