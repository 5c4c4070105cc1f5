package server

import (
	"cmp"
	"context"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/legs"
)

// roster is who is in a room, as a conference document tells it (RFC 4575 section 5): a user for each account, an endpoint for each leg. It
// never changes, so that all who watch the room share it.
type roster struct {
	at       uint64            // it holds what events up to this one told
	state    string            // of the conference as a whole
	users    map[string]string // by entity
	entitled map[string]bool   // accounts that may watch: those with a seat, but for the waiting place
}

// The elements of a conference document that we fill, in the order of the schema (RFC 4575 section 6).
type (
	conferenceDescription struct {
		XMLName xml.Name `xml:"conference-description"`
		Display string   `xml:"display-text"`
		Most    int      `xml:"maximum-user-count"`
	}
	conferenceState struct {
		XMLName xml.Name `xml:"conference-state"`
		Users   int      `xml:"user-count"`
		Active  bool     `xml:"active"`
		Locked  bool     `xml:"locked"`
	}
	conferenceUser struct {
		XMLName   xml.Name             `xml:"user"`
		Entity    string               `xml:"entity,attr"`
		State     string               `xml:"state,attr"`
		Display   string               `xml:"display-text,omitempty"`
		Endpoints []conferenceEndpoint `xml:"endpoint"`
	}
	conferenceEndpoint struct {
		Entity string          `xml:"entity,attr"`
		State  string          `xml:"state,attr"`
		Status string          `xml:"status"`
		Method string          `xml:"joining-method"`
		Joined string          `xml:"joining-info>when"`
		Media  conferenceMedia `xml:"media"`
	}
	conferenceMedia struct {
		ID     string `xml:"id,attr"`
		Type   string `xml:"type"`
		Status string `xml:"status"`
	}
)

// rosterOf gives the roster of a room, not older than an event. All who watch share what is made for the first of them.
func (s *Server) rosterOf(ctx context.Context, r *room, event uint64) (*roster, error) {
	r.rosterMu.Lock()
	defer r.rosterMu.Unlock()
	if r.roster != nil && r.roster.at >= event {
		return r.roster, nil
	}
	made := &roster{at: s.events.Last(), users: make(map[string]string), entitled: make(map[string]bool)}
	about := conferenceDescription{Display: r.name}
	var now conferenceState
	users := make(map[string]*conferenceUser)
	err := r.do(ctx, func() {
		about.Most, now.Locked = r.maxSeats, r.locked
		for _, st := range slices.SortedFunc(maps.Values(r.seats), (*seat).before) {
			if st.waits == waitsNot { // who waits hears nothing of the room, in no way
				made.entitled[st.who.Account] = true
			}
			if st.told {
				st.entered(users, s.uri)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	now.Users = len(users)
	now.Active = now.Users > 0
	made.state = element(about) + element(now)
	for entity, u := range users {
		made.users[entity] = element(u)
	}
	r.roster = made
	return made, nil
}

// before orders seats by the time they were taken.
func (st *seat) before(other *seat) int {
	return cmp.Or(st.joined.Compare(other.joined), cmp.Compare(st.id, other.id))
}

// entered puts a seat among the users; it runs in the room's goroutine. A trunk proves nobody: its caller has a name to show, and an entity
// that means nothing elsewhere (section 5.6).
func (st *seat) entered(users map[string]*conferenceUser, uri func(string) string) {
	entity := "sip:" + st.id + "@anonymous.invalid"
	if st.who.Account != "" {
		entity = uri(st.who.Account)
	}
	u := users[entity]
	if u == nil {
		u = &conferenceUser{Entity: entity, State: "full", Display: st.display}
		users[entity] = u
	}
	if leg := st.leg(); leg != nil {
		u.Endpoints = append(u.Endpoints, st.endpoint(leg))
	}
}

// endpoint tells of a leg no more than what everybody in the room may know: no address, and no tag.
func (st *seat) endpoint(leg *legs.Leg) conferenceEndpoint {
	e := conferenceEndpoint{
		Entity: leg.ID(), State: "full", Status: "connected", Method: "dialed-in", Joined: st.joined.UTC().Format(time.RFC3339),
		Media: conferenceMedia{ID: "1", Type: "audio", Status: "sendrecv"},
	}
	if st.tenant.called {
		e.Method = "dialed-out"
	}
	held := leg.State() == legs.Held
	switch {
	case held:
		e.Status = "on-hold"
	case st.muted:
		e.Status = "muted-via-focus"
	}
	switch {
	case held, st.muted && st.deaf:
		e.Media.Status = "inactive"
	case st.muted:
		e.Media.Status = "recvonly"
	case st.deaf:
		e.Media.Status = "sendonly"
	}
	return e
}

// element writes one as XML. Names come from callers: what XML cannot hold is replaced.
func element(v any) string {
	text, _ := xml.Marshal(v) // strings, numbers and booleans cannot fail
	return string(text)
}

// changes are the users that are not as they were last, those that are gone included, in the order of their entities.
func (r *roster) changes(last *roster) (texts []string) {
	all := maps.Clone(r.users)
	if last != nil {
		maps.DeleteFunc(all, func(entity, text string) bool { return last.users[entity] == text })
		for entity := range last.users {
			if r.users[entity] == "" {
				all[entity] = element(conferenceUser{Entity: entity, State: "deleted"})
			}
		}
	}
	for _, entity := range slices.Sorted(maps.Keys(all)) {
		texts = append(texts, all[entity])
	}
	return texts
}

// document is a conference document of a room's URI. state is "full", "partial" or "deleted"; about is what it says of the whole.
func document(uri, state string, version uint32, about string, users []string) []byte {
	var b strings.Builder
	b.WriteString(xml.Header + `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="`)
	_ = xml.EscapeText(&b, []byte(uri)) // a Builder takes everything
	b.WriteString(`" state="` + state + `" version="` + strconv.FormatUint(uint64(version), 10) + `">` + about)
	if state != "deleted" {
		b.WriteString(`<users state="` + state + `">`)
		for _, u := range users {
			b.WriteString(u)
		}
		b.WriteString(`</users>`)
	}
	b.WriteString(`</conference-info>`)
	return []byte(b.String())
}

// portions splits users so that none has more octets than most, unless one user alone has.
func portions(users []string, most int) (all [][]string) {
	var size int
	all = [][]string{nil}
	for _, u := range users {
		if last := len(all) - 1; size+len(u) > most && len(all[last]) > 0 {
			all, size = append(all, nil), 0
		}
		last := len(all) - 1
		all[last] = append(all[last], u)
		size += len(u)
	}
	return all
}
