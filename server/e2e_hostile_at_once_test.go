package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// TestPhoneHangsUpAtOnce: a device that takes the call and ends it before it was heard leaves the seat where it was.
func TestPhoneHangsUpAtOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t, "")
	p.phone.mute.Store(true)
	moving := make(chan error, 1)
	go func() { moving <- p.old.Refer(t.Context(), p.phone.uri()) }()
	leg := taken(t, p.phone.legs)
	if err := leg.Hangup(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	var refused *legs.Refused
	if err := taken(t, moving); !errors.As(err, &refused) {
		t.Errorf("the referral ends with %v", err)
	}
	p.same(t)
	if n := p.failed(t, byReferral, moveDone); n != 0 {
		t.Errorf("%v moves are done", n)
	}
}

// TestByeAtOnce: a device that takes the call and hangs up with the octets of its answer just sent, or of our ACK just read, has hung up: its BYE is
// of a dialog that we know, and the move waits for no sound of it.
func TestByeAtOnce(t *testing.T) {
	for _, behind := range []string{"SIP/2.0 200 ", "ACK "} {
		t.Run("behind "+strings.TrimSpace(behind), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, "")
			p.waits.Store(&patience{ring: e2ePatience, call: e2ePatience, heard: e2ePatience, turn: e2ePatience})
			on := newRelay(t, p.Server)
			var once atomic.Bool
			byes := make(chan int, 1)
			adds := func(m string) string {
				r := reply{text: m}
				number, method, _ := strings.Cut(r.field("CSeq"), " ")
				if line := statusLine.FindStringSubmatch(m); line != nil && number == "77" {
					status, _ := strconv.Atoi(line[1])
					select {
					case byes <- status:
					default: // the same once more
					}
				}
				if !strings.HasPrefix(m, behind) || method != "INVITE" && method != "ACK" || !strings.Contains(r.field("From"), "hall") || once.Swap(true) {
					return ""
				}
				at := on.conn.LocalAddr().String()
				return strings.Join([]string{
					"BYE sip:hall@" + on.server.String() + " SIP/2.0", "Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK" + word(), "Max-Forwards: 70",
					"From: " + r.field("To"), "To: " + r.field("From"), "Call-ID: " + r.field("Call-ID"), "CSeq: 77 BYE", "Content-Length: 0", "", "",
				}, "\r\n")
			}
			on.mu.Lock()
			on.adds = adds
			on.mu.Unlock()
			p.phone.via = on.conn.LocalAddr().String()
			p.phone.mute.Store(true)
			p.phone.register()
			moving := make(chan error, 1)
			go func() { moving <- p.old.Refer(t.Context(), p.phone.uri()) }()
			if status := taken(t, byes); status != 200 {
				t.Errorf("the BYE is answered %d", status)
			}
			var refused *legs.Refused
			if err := taken(t, moving); !errors.As(err, &refused) || refused.Status != 487 {
				t.Errorf("the referral ends with %v", err)
			}
			if p.failed(t, byReferral, failEnded) != 1 {
				t.Errorf("counted %v", measured(t, p.Server))
			}
			p.same(t)
		})
	}
}

// TestReferAtOnce: a device that takes the call and refers it before we have the keys is of a dialog that we know, and has no seat yet that it
// could move: it is told so, and the move goes on.
func TestReferAtOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t, "policies: {standard: {methods: [mikey-dh, mikey-psk]}}\nlimits: {dh_workers: 1, dh_queue: 64}\n")
	p.waits.Store(&patience{ring: e2ePatience, call: e2ePatience, heard: e2ePatience, turn: e2ePatience})
	w, ann := newWire(t, p.Server, "udp", "127.0.0.1"), p.phone.bundle
	refer := request{method: "REFER", uri: p.uri("hall"), from: "<" + ann.URI + ">;tag=" + word(), to: "<" + p.uri("hall") + ">", callID: word(), seq: 1}
	proof := w.owns(ann, refer)
	moving := p.rings(t)
	release := p.busy(t) // our half of the exchange waits for its turn, and so does the leg
	p.phone.status.Store(0)
	p.phone.answers <- struct{}{}
	var early *call
	until(t, "the dialog is known", func() bool {
		for _, c := range p.calls.all() {
			if c.leg.ID() != p.seat.Leg.ID {
				early = c
			}
		}
		return early != nil
	})
	callID, local, remote := early.leg.Dialog().Tags()
	refer.fields = []string{"Refer-To: <" + p.laptop.uri() + ">", "Target-Dialog: " + dialog.TargetDialog{CallID: callID, LocalTag: local, RemoteTag: remote}.String(), proof}
	if got := w.asks(refer); got.status != 481 {
		t.Errorf("the REFER is answered %d\n%s", got.status, got.text)
	}
	if early.leg.Terms() != nil {
		t.Error("the leg stood already: nothing was tested")
	}
	release()
	if err := taken(t, moving); err != nil {
		t.Errorf("the move: %v", err)
	}
	if now := seated(t, p.Server, "hall"); now.ID != p.seat.ID || now.Leg.ID != early.leg.ID() {
		t.Errorf("the seat is %+v on %+v", now, now.Leg)
	}
}

// busy keeps the processor of key agreements busy until what it returns is called: whoever needs it has twenty before him.
func (p *pair) busy(t *testing.T) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for ctx.Err() == nil {
				if i, err := p.keyer.Initiate(ctx, keying.MIKEYDH, keying.Call{Local: p.uri("hall"), Peer: p.phone.bundle.URI, SDPIDs: "mikey", SSRC: 1, Policy: keying.StandardPolicy()}); err == nil {
					i.Abandon()
				}
			}
		})
	}
	release = func() { cancel(); all.Wait() }
	t.Cleanup(release)
	until(t, "there is a queue", func() bool { return p.dh.Waiting() == 20 })
	return release
}
