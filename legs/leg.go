package legs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
)

// Line is what the legs of one endpoint share. Its fields are set before the first leg and read only afterwards.
type Line struct {
	Domain string        // SIP domain, for Warning headers and identities
	Keyer  *keying.Keyer // makes the agreements
	Ports  *media.Ports  // sockets of the streams
	Ledger *media.Ledger // sees that no stream of the process encrypts two packets alike; nil: nobody does
	Codecs []string      // by preference: "opus", "pcmu", "pcma", "l16"
	CNAME  string        // RTCP canonical name (RFC 3550 section 6.5.1); must not tell who is on the leg
	Log    *slog.Logger

	// MediaTimeout ends a leg that is not on hold and brings nothing authentic for so long; 0 is 30 s (interface.md).
	MediaTimeout time.Duration
	// HandshakeTimeout ends a leg whose handshake over the media path (DTLS-SRTP) did not come to an end; 0 is 10 s.
	HandshakeTimeout time.Duration
	// Renew makes legs change their keys by themselves before they are as old as their policy allows, in time or in packets.
	// One side of a call is enough: the server does it.
	Renew bool
	// OnRekey is told of every change of keys after the first, once it is over: ours says that this side began it, err why it
	// failed (*Refused: the peer refused). From the leg's goroutine, so it must be quick; nil: nobody is told.
	OnRekey func(l *Leg, ours bool, err error)
	// OnShaken is told when a handshake over the media path gave a leg that stands its first keys; those of all others are in its terms
	// from the start. From the leg's goroutine, so it must be quick; nil: nobody is told.
	OnShaken func(l *Leg)
	// OnHold is told when a leg that stands goes on hold, and comes back. Otherwise it is as OnRekey.
	OnHold func(l *Leg, held bool)
	// OnInfo is told what became of an INFO with a body, one of InfoResults. Otherwise it is as OnRekey.
	OnInfo func(l *Leg, result string)
}

// Dialog is what a leg needs of its SIP dialog; *dialog.Dialog has it.
type Dialog interface {
	ID() string
	Tags() (callID, local, remote string)
	Transport() string
	Inbox() <-chan dialog.Event
	Reinvite(ctx context.Context, m dialog.Modification) (*dialog.Response, error)
	Send(ctx context.Context, method string, header []dialog.HeaderField, contentType string, body []byte) (*dialog.Response, error)
	Bye(ctx context.Context) error
	GlareWait() time.Duration
	RemoteSource() netip.AddrPort
	Connection() string
}

// Owner is told of the leg's life, from the leg's goroutine. Its methods may wait a tick or two, no longer.
type Owner interface {
	Accepted(*Leg)            // the call is answered; the leg's goroutine starts when this returns
	Confirmed(*Leg)           // the call stands on both sides: the seat may be heard
	Referred(*Leg, *Referral) // the peer asks that somebody be called in its place; it must be answered, later is soon enough
	Pressed(*Leg, byte)       // a key of the peer's keypad: 0 to 9, *, #, A to D
	Ended(*Leg, Ending)       // the dialog is over: take the stream from its ticker, then Release the leg
}

// Ending is how a leg ended.
type Ending struct {
	Reason string // "bye", "hangup", "media_timeout", "signalling_lost", "no_ack", "bad_answer", "rekey_failed", "handshake_failed", "session_expired"
	Err    error  // the cause where there is one, for logs
}

// State of a leg.
type State uint32

// States, in the order in which a leg goes through them.
const (
	Negotiating State = iota
	Answered          // 200 sent, ACK awaited
	Confirmed
	Held // neither side sends to the other, or one side does not
	Ended
)

// String names the state as REST shows it.
func (s State) String() string {
	return [...]string{"negotiating", "answered", "confirmed", "held", "ended"}[s]
}

// Leg is one participant's leg. Its methods are safe from any goroutine unless they say otherwise.
type Leg struct {
	id     string
	line   *Line
	owner  Owner
	stream *media.Stream

	// Owned by the leg's goroutine once it runs; before that by whoever prepares the leg.
	call       keying.Call
	local      offer.Local
	pending    offer.Local        // the first offer or that in a 200 of ours, which waits for its answer
	initiation *keying.Initiation // of the first offer, while it waits for its answer
	agreement  *keying.Agreement  // the running one; its keys are wiped, the stream has made its contexts of them
	negotiated *offer.Negotiated
	dlg        Dialog
	offered    bool      // our 200 to a re-INVITE held an offer: its ACK brings the answer
	current    *change   // of ours, in the hands of a goroutine
	waiting    []*change // of ours, in the order in which they were asked for; at most maxWaiting
	rekeys     uint64
	readied    bool      // the stream sends under the old keys until the peer has our answer
	switchAt   time.Time // when it does no longer, where no ACK will tell; zero: the ACK will
	renewal    renewal
	overdue    bool
	handshake  *keying.Handshake // of the keys that run, or of those to come while shaking; nil: none
	shaking    bool
	shakeDue   bool      // the handshake is to be started
	shakeOurs  bool      // it was we who offered it
	asking     bool      // an OPTIONS of ours is on its way
	since      time.Time // when heard last rose, by our clock
	heard      uint64    // packets of the peer that were authentic, RTP and RTCP
	asked      time.Time
	keysBy     keyWay    // the last key came so
	keyAt      time.Time // at that time
	session    session
	place      whereabouts

	first     []byte // body of our 200 to the first INVITE; set by Prepare, cleared by Accept
	state     atomic.Uint32
	terms     atomic.Pointer[Terms]
	mailbox   chan func()
	notices   chan notice    // of a REFER of ours
	referring atomic.Bool    // one is under way
	ending    chan Ending    // why the leg is to end: holds the first cause
	hasKeys   chan struct{}  // closed when the stream has its first keys
	started   atomic.Bool    // the goroutine has
	finished  chan struct{}  // closed when the goroutine has ended, or never will begin
	helpers   sync.WaitGroup // goroutines of the leg's, all of which end before it
	released  atomic.Bool
}

// Terms are what both sides agreed on: an immutable snapshot.
type Terms struct {
	Codec         string // "opus", "pcmu", ...
	ClockRate     int    // Hz
	Bitrate       int    // bit/s, 0 where the codec fixes it
	Posture       keying.Posture
	Running       *keying.Running // of the running agreement, to know an unchanged re-offer and to take an update
	Rekeys        uint64          // agreements on new keys after the first
	Overdue       bool            // the keys are older than the policy allows and could not be renewed
	Send, Receive bool            // our side of the directions
	Remote        netip.AddrPort  // where the peer says that it takes media; the stream may learn better
}

// MediaAddr is where media goes: as learned from authenticated packets, or as agreed before any came.
func (l *Leg) MediaAddr() netip.AddrPort {
	if learned := l.stream.Snapshot().Remote; learned.IsValid() {
		return learned
	}
	if t := l.Terms(); t != nil {
		return t.Remote
	}
	return netip.AddrPort{}
}

// ErrEnded is returned to commands for a leg that has ended.
var ErrEnded = errors.New("legs: the leg has ended")

// newLeg opens the stream of a leg.
func (line *Line) newLeg(call keying.Call, owner Owner) (*Leg, error) {
	stream, err := media.Open(line.Ports, media.Options{CNAME: line.CNAME, Ledger: line.Ledger, Log: line.Log})
	if err != nil {
		return nil, &Reject{Status: 503, Retry: 5, Reason: "no_port", Err: err}
	}
	call.SSRC = stream.SSRC()
	l := &Leg{
		id: newID(), line: line, owner: owner, stream: stream, call: call,
		mailbox: make(chan func(), mailboxLength), notices: make(chan notice, maxNotices), ending: make(chan Ending, 1), hasKeys: make(chan struct{}), finished: make(chan struct{}),
	}
	session, err := offer.NewSession(rand.Reader)
	if err != nil {
		l.Release()
		return nil, err
	}
	l.local = offer.Local{Session: session, Addr: stream.LocalAddr(), Codecs: line.Codecs, Events: true, Mux: true}
	return l, nil
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// ID is a random name for REST and logs; it says nothing about the dialog.
func (l *Leg) ID() string { return l.id }

// Stream is the leg's SRTP stream: whoever ticks it owns its Next and Send.
func (l *Leg) Stream() *media.Stream { return l.stream }

// State of the leg now.
func (l *Leg) State() State { return State(l.state.Load()) }

// Terms last agreed on; nil before the first agreement.
func (l *Leg) Terms() *Terms { return l.terms.Load() }

// Dialog is the leg's dialog; nil before Owner.Accepted, or Outgoing.OnDialog.
func (l *Leg) Dialog() Dialog { return l.dlg }

// Done is closed when the leg's goroutine has ended, or the leg was released without ever having one.
func (l *Leg) Done() <-chan struct{} { return l.finished }

// Keyed is closed when the first keys run and stand in Terms: from the start, or once the handshake of DTLS-SRTP is over.
func (l *Leg) Keyed() <-chan struct{} { return l.hasKeys }

// Release closes the stream, whose contexts are the last to hold the keys, and wipes an exchange that is still
// open and what the leg would have gone on with. The owner calls it once nobody ticks the stream any more. A leg that does not
// run yet never will: whoever has a command for it is told so.
func (l *Leg) Release() {
	if l.released.Swap(true) {
		return
	}
	if !l.started.Load() {
		l.state.Store(uint32(Ended))
		close(l.finished)
	}
	if err := l.stream.Close(); err != nil {
		l.line.Log.Debug("closing the stream", "leg", l.id, "err", err)
	}
	l.initiation.Abandon()
	wipe(&l.pending.Keys)
	l.closeHandshake()
	if l.agreement != nil {
		l.agreement.Running.Wipe()
	}
}
