package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// logbook keeps what a server logs, a line for each record, that begins with its level.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

// Enabled implements slog.Handler.
func (*logbook) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (b *logbook) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
	return nil
}

// WithAttrs implements slog.Handler.
func (b *logbook) WithAttrs([]slog.Attr) slog.Handler { return b }

// WithGroup implements slog.Handler.
func (b *logbook) WithGroup(string) slog.Handler { return b }

// count is the number of lines with all those words.
func (b *logbook) count(words ...string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
lines:
	for _, line := range b.lines {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// scene is a call of ann's that others go for, and all those others.
type scene struct {
	t      *testing.T
	server *Server
	book   *logbook
	ann    *keying.Bundle
	laptop *mobile
	leg    *mobileLeg
	seat   SeatView
	others map[string]*keying.Bundle // ben; cid, who is in the room; old, who was removed; off, who is disabled
}

// newScene puts ann in the hall, muted, so that her seat has something to lose. Her laptop may be prepared before.
func newScene(t *testing.T, yaml string, prepare ...func(laptop *mobile)) *scene {
	t.Helper()
	x := &scene{t: t, book: &logbook{}, others: make(map[string]*keying.Bundle)}
	x.server = serveLogging(t, yaml, slog.New(x.book))
	x.ann = enrolled(t, x.server, NewAccount{Name: "ann"})
	for _, name := range []string{"ben", "cid", "old", "off"} {
		x.others[name] = enrolled(t, x.server, NewAccount{Name: name})
	}
	if err := x.server.DeleteAccount(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, err := x.server.PatchAccount(t.Context(), "off", AccountPatch{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	x.laptop = newMobile(t, x.server, x.ann, "laptop")
	for _, f := range prepare {
		f(x.laptop)
	}
	x.leg, x.seat = x.laptop.joins("hall")
	if _, err := x.server.PatchSeat(t.Context(), "hall", x.seat.ID, SeatPatch{Muted: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := newMobile(t, x.server, x.others["cid"], "cids").call("hall"); err != nil {
		t.Fatal(err)
	}
	until(t, "both have seats, and ann is heard", func() bool {
		seats, err := x.server.Seats(t.Context(), "hall")
		return err == nil && len(seats) == 2 && seats[0].Leg != nil && seats[1].Leg != nil && seats[0].Leg.MediaAddr != ""
	})
	x.seat = x.now()
	return x
}

// now is ann's seat.
func (x *scene) now() SeatView {
	x.t.Helper()
	v, err := x.server.Seat(x.t.Context(), "hall", x.seat.ID)
	if err != nil || v.Leg == nil {
		x.t.Fatalf("ann's seat: %+v, %v", v, err)
	}
	return v
}

// made is the CSeq of the INVITE that made ann's call.
func (x *scene) made() int { return int(x.leg.Dialog().(*dialog.Dialog).Request().CSeq) }

// within is a request in ann's dialog, as if she sent it.
func (x *scene) within(method string, seq int) request {
	callID, local, remote := x.leg.Dialog().Tags()
	r := request{
		method: method, uri: x.server.uri("hall"), from: "<" + x.ann.URI + ">;tag=" + local, to: "<" + x.server.uri("hall") + ">;tag=" + remote,
		callID: callID, seq: seq,
	}
	switch method {
	case "INVITE", "UPDATE": // the classic theft of a call's media: a description that leaves the keys as they are
		r.body = hijacking
	case "REFER":
		r.fields = []string{"Refer-To: <sip:phone@203.0.113.9>"}
	}
	return r
}

// hijacking is an offer that would send the call's media elsewhere.
const hijacking = "v=0\r\no=- 7 7 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

// outside is a request outside any dialog that names ann's by its tags, from an account: a REFER, or a call with Replaces.
func (x *scene) outside(method, account string) request {
	callID, local, remote := x.leg.Dialog().Tags()
	r := request{
		method: method, uri: x.server.uri("hall"), from: "<" + x.server.uri(account) + ">;tag=" + word(), to: "<" + x.server.uri("hall") + ">",
		callID: word(), seq: 1,
	}
	if method == "REFER" {
		r.fields = []string{"Refer-To: <sip:phone@203.0.113.9>", "Target-Dialog: " + dialog.TargetDialog{CallID: callID, LocalTag: remote, RemoteTag: local}.String()}
	} else {
		r.fields = []string{"Replaces: " + dialog.Replaces{CallID: callID, ToTag: remote, FromTag: local}.String()}
	}
	return r
}

// refusals are what the server counts of refusals and of moves.
func (x *scene) refusals() map[string]float64 {
	all := measured(x.t, x.server)
	maps.DeleteFunc(all, func(name string, _ float64) bool {
		return !strings.HasPrefix(name, "conclave_refusals_total") && !strings.HasPrefix(name, "conclave_sip_refusals_total") &&
			!strings.HasPrefix(name, "conclave_moves_total")
	})
	return all
}

// gate and sip name the counters of refusals.
func gateCounter(reason string) string { return `conclave_refusals_total{reason="` + reason + `"}` }
func sipCounter(reason string) string  { return `conclave_sip_refusals_total{reason="` + reason + `"}` }

// refused runs what must be refused, once and for that reason: no other counter rises, nothing is moved, and ann's call goes on.
func (x *scene) refused(t *testing.T, counter string, attack func()) {
	t.Helper()
	before := x.refusals()
	attack()
	before[counter]++
	if after := x.refusals(); !maps.Equal(after, before) {
		maps.DeleteFunc(after, func(name string, v float64) bool { return before[name] == v })
		t.Errorf("counted %v; want %s to rise to %v", after, counter, before[counter])
	}
	x.goesOn(t)
}

// over ends ann's call from the server's side, where requests by hand have used up the numbers of her laptop's.
func (x *scene) over(t *testing.T) {
	t.Helper()
	if err := x.server.HangUp(t.Context(), "hall", x.seat.ID); err != nil {
		t.Error(err)
	}
	taken(t, x.leg.ended)
}

// goesOn tells whether ann's call is as it was: the same leg under the same keys, muted, and heard.
func (x *scene) goesOn(t *testing.T) {
	t.Helper()
	now, was := x.now(), x.seat
	if now.Leg.ID != was.Leg.ID || now.Leg.State != was.Leg.State || now.Leg.Keying.CSBID != was.Leg.Keying.CSBID || now.Leg.Keying.Rekeys != 0 ||
		now.Leg.SignallingAddr != was.Leg.SignallingAddr || now.Leg.MediaAddr != was.Leg.MediaAddr || !now.Muted || !now.JoinedAt.Equal(was.JoinedAt) {
		t.Errorf("the seat is %+v on %+v\nwas %+v on %+v", now, now.Leg, was, was.Leg)
	}
	heard := x.leg.Stream().Snapshot().PacketsReceived
	until(t, "packets flow", func() bool { return x.leg.Stream().Snapshot().PacketsReceived > heard })
}
