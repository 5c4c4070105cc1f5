package server

import (
	"net/netip"
	"sync"
	"time"

	"github.com/conclave/conclave/legs"
)

// What the events carry, by type. Each is flat and holds nothing that its owner may change later.
type (
	// RoomState comes with room.opened, room.changed and room.closed.
	RoomState struct {
		Policy   string `json:"policy"`
		Locked   bool   `json:"locked"`
		MaxSeats int    `json:"max_seats"`
		PIN      bool   `json:"pin"` // whether it asks for one
		Keys     bool   `json:"keys"`
		Tones    bool   `json:"tones"`
		Prompts  bool   `json:"prompts"`
		Reason   string `json:"reason,omitempty"`

		Permanent  bool     `json:"permanent"`
		Moderators []string `json:"moderators,omitempty"`
	}
	// SeatState comes with seat.joined, seat.changed, seat.away and seat.left.
	SeatState struct {
		DisplayName string  `json:"display_name"`
		Trunk       string  `json:"trunk,omitempty"`
		Muted       bool    `json:"muted"`
		Deaf        bool    `json:"deaf"`
		GainDB      float64 `json:"gain_db"`
		Away        bool    `json:"away"`
		Waiting     string  `json:"waiting,omitempty"` // for what, apart from the room
		Hand        bool    `json:"hand"`
	}
	// Speaking comes with seat.speaking.
	Speaking struct {
		Speaking bool `json:"speaking"`
	}
	// LegState comes with leg.state.
	LegState struct {
		Leg            string `json:"leg"`
		State          string `json:"state"` // confirmed: it stands; held; keyed: its keys came after that, by a handshake; ended
		Transport      string `json:"transport,omitempty"`
		Codec          string `json:"codec,omitempty"`
		Method         string `json:"method,omitempty"`
		Suite          string `json:"suite,omitempty"`
		ForwardSecrecy bool   `json:"forward_secrecy"`
		Fingerprint    string `json:"peer_fingerprint,omitempty"` // of the certificate that proved the peer, if one did
		Reason         string `json:"reason,omitempty"`           // of ended
	}
	// Rekeyed comes with leg.rekeyed.
	Rekeyed struct {
		Leg    string `json:"leg"`
		Ours   bool   `json:"ours"`   // we began it
		Result string `json:"result"` // done, refused, failed
	}
	// MoveState comes with move.begun, move.done and move.failed.
	MoveState struct {
		Move   string  `json:"move"`
		How    string  `json:"how"`
		Target string  `json:"target,omitempty"`
		GapMS  float64 `json:"gap_ms"`
		Reason string  `json:"reason,omitempty"`
	}
	// Refusal comes with call.refused.
	Refusal struct {
		Method    string `json:"method"` // of the request
		Status    int    `json:"status"`
		Reason    string `json:"reason"`
		Source    string `json:"source,omitempty"` // address without port
		Transport string `json:"transport,omitempty"`
		Trunk     string `json:"trunk,omitempty"`
		Untold    uint64 `json:"untold,omitempty"` // refusals before this one that were not told, for their number
	}
	// AccountState comes with account.created and account.changed.
	AccountState struct {
		DisplayName string `json:"display_name,omitempty"`
		Policy      string `json:"policy,omitempty"`
		Disabled    bool   `json:"disabled"`
	}
	// DeviceState comes with device.registered and device.gone.
	DeviceState struct {
		Name      string `json:"name,omitempty"`
		Instance  string `json:"instance,omitempty"`
		Transport string `json:"transport"`
	}
	// TokenState comes with token.created and token.revoked.
	TokenState struct {
		Token string `json:"token"` // its ID
		Role  string `json:"role,omitempty"`
	}
	// NodeShed comes with node.shed.
	NodeShed struct {
		Step int `json:"step"` // 0: nothing is left out
	}
	// NodeFull comes with node.full.
	NodeFull struct {
		Full bool `json:"full"`
	}
	// NodeDraining comes with node.draining.
	NodeDraining struct {
		Draining bool `json:"draining"`
		Calls    int  `json:"calls"` // that are left
		Away     int  `json:"away"`  // seats that wait for their owners
	}
)

// state of a room for its events; it runs in the room's goroutine, or before that runs.
func (r *room) state() RoomState {
	return RoomState{
		Policy: r.policy.Load().Name, Locked: r.locked, MaxSeats: r.maxSeats, PIN: r.pin != nil, Keys: r.manners.Keys, Tones: r.manners.Tones,
		Prompts: r.manners.Prompts, Permanent: r.permanent, Moderators: r.moderatorList(),
	}
}

// about is an event of a seat; it runs in the room's goroutine.
func (st *seat) about(kind string) Event {
	return Event{Type: kind, Room: st.room.name, Seat: st.id, Account: st.who.Account, Data: SeatState{
		DisplayName: st.display, Trunk: st.who.Trunk, Muted: st.muted, Deaf: st.deaf, GainDB: st.gainDB, Away: st.away != nil,
		Waiting: string(st.waits), Hand: st.hand,
	}}
}

// legState is the event of what a leg has come to.
func (o *tenancy) legState(l *legs.Leg, state, reason string) Event {
	d := LegState{Leg: l.ID(), State: state, Reason: reason, Method: o.method}
	if dialog := l.Dialog(); dialog != nil {
		d.Transport = dialog.Transport()
	}
	if t := l.Terms(); t != nil {
		d.Codec, d.Suite, d.ForwardSecrecy, d.Fingerprint = t.Codec, string(t.Posture.Suite), t.Posture.ForwardSecrecy, t.Posture.PeerFingerprint
	}
	return Event{Type: EventLegState, Room: o.room.name, Seat: o.seat.id, Account: o.seat.who.Account, Data: d}
}

// event of a move.
func (m *move) event(kind string) Event {
	v := m.view()
	return Event{Type: kind, Room: v.Room, Seat: v.Seat, Account: v.Account, Data: MoveState{
		Move: v.ID, How: v.How, Target: v.Target, GapMS: v.GapMS, Reason: v.Reason,
	}}
}

// event of a device.
func (b *binding) event(kind string) Event {
	return Event{Type: kind, Account: b.account, Data: DeviceState{Name: b.name, Instance: b.instance, Transport: b.transport}}
}

// event of an account.
func (v *AccountView) event(kind string) Event {
	return Event{Type: kind, Account: v.Name, Data: AccountState{DisplayName: v.DisplayName, Policy: v.Policy, Disabled: v.Disabled}}
}

// refused tells a refusal; whoever is refused need not have proven anything, so that so many a second are told and the others counted:
// a stranger's flood must not push out of the ring what others are to hear of.
func (s *Server) refused(e Event, d Refusal, source netip.AddrPort) {
	s.recordRefusal(e, d, source)
	untold, pass := s.refusals.pass(time.Now())
	if !pass {
		return
	}
	if source.IsValid() {
		d.Source = source.Addr().String()
	}
	d.Untold = untold
	e.Type, e.Data = EventCallRefused, d
	s.publish(e)
}

// pace lets so many pass in each second, and counts the others.
type pace struct {
	most int // set once

	mu     sync.Mutex
	second int64
	passed int    // in that second
	held   uint64 // since one passed
}

// pass says whether one may pass, and how many have not since the one before.
func (p *pace) pass(now time.Time) (held uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if second := now.Unix(); second != p.second {
		p.second, p.passed = second, 0
	}
	if p.passed >= p.most {
		p.held++
		return 0, false
	}
	p.passed++
	held, p.held = p.held, 0
	return held, true
}
