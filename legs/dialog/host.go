package dialog

// Host is whoever takes the calls of an Endpoint: the server, or a caller that accepts nothing.
type Host interface {
	// Admit sees every request (ACK and CANCEL excepted: they carry no proof) before anything else does; d is nil outside
	// a dialog; it may be that of a subscription. A non-nil refuse is sent statelessly and ends the matter. admitted comes back in Invite or in the Event.
	// It runs in the goroutine of that message, concurrently with others, and must not block.
	Admit(r *Request, d *Dialog) (admitted any, refuse *Response)
	// Invite has a new call that was admitted, in a goroutine of its own, and must end in in.Accept or in.Reject; when it
	// returns without, the caller gets 500.
	Invite(in *Incoming, admitted any)
	// Serve has a request outside any call that was admitted and is neither INVITE nor OPTIONS: a REGISTER (with Config.Registrar),
	// a REFER, or a SUBSCRIBE (with Config.Events), be it the first or one that renews or ends a subscription (Standalone.Renews). It has a goroutine for itself, may take a second or two, and must end in in.Reply; when it returns without, the peer gets 500.
	Serve(in *Standalone, admitted any)
}

// Kind says what happened in a dialog.
type Kind uint8

// The events of a dialog. Ack follows the 2xx of an accepted INVITE or re-INVITE and may carry the answer of a late offer.
// Gone is always the last one; the inbox is closed after it.
const (
	Ack Kind = iota + 1
	Reinvite
	Update
	Bye
	Refer
	Notify
	Info
	Gone
)

// String names the event as its SIP method.
func (k Kind) String() string {
	switch k {
	case Ack:
		return "ACK"
	case Reinvite:
		return "INVITE"
	case Update:
		return "UPDATE"
	case Bye:
		return "BYE"
	case Refer:
		return "REFER"
	case Notify:
		return "NOTIFY"
	case Info:
		return "INFO"
	case Gone:
		return "gone"
	}
	return "unknown"
}

// Event is one thing that happened in a dialog, delivered in the CSeq order of the peer.
type Event struct {
	Kind     Kind
	Request  *Request // nil for Gone
	Admitted any      // what Host.Admit returned for Request
	// Err tells why, for Gone: nil after our own Bye, ErrRemoteBye, ErrNoAck, ErrConnectionLost, ErrTimeout, ErrClosed ...
	Err error

	reply func(Response)
	form  func(Response) error
}

// Sendable says whether a response to Reinvite, Update, Refer, Notify or Info could be sent as it is: ErrTooLarge, ErrBadHeader, or
// ErrCancelled when the peer took its request back. Who changes something together with a 2xx asks before.
func (e Event) Sendable(r Response) error {
	if e.form == nil {
		return nil
	}
	return e.form(r)
}

// Reply answers Reinvite, Update, Refer, Notify and Info, exactly once; further calls and calls on other kinds do nothing
// (a BYE was answered 200 when it came). Without an answer within 64*T1, half of that when it is no Reinvite, the peer gets
// 500. A 2xx to a Reinvite is retransmitted until its ACK, which comes as an Ack event.
func (e Event) Reply(r Response) {
	if e.reply != nil {
		e.reply(r)
	}
}
