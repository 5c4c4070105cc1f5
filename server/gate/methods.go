package gate

// rule is how a method is treated outside a dialog. Inside a dialog every method but ACK and CANCEL needs a proof, and REFER a better
// one than the others.
type rule uint8

const (
	unknown    rule = iota // not in the table: 501
	open                   // no proof, no state: answered by the dialog package
	call                   // begins a call: proof, offer, agreement
	standalone             // asks something of its own: proof of an account
	dialogOnly             // means something inside a dialog only: 481
	unserved               // known, but nothing here serves it: 405
)

// methods is the table of all methods of the IANA registry. A method that is served without a line here cannot pass.
var methods = map[string]rule{
	"ACK":       open,
	"BYE":       dialogOnly,
	"CANCEL":    open,
	"INFO":      dialogOnly,
	"INVITE":    call,
	"MESSAGE":   unserved,
	"NOTIFY":    dialogOnly,
	"OPTIONS":   open,
	"PRACK":     dialogOnly,
	"PUBLISH":   unserved,
	"REFER":     standalone,
	"REGISTER":  standalone,
	"SUBSCRIBE": standalone,
	"UPDATE":    dialogOnly,
}

// neverChallenged: a 401 to these has no meaning (RFC 3261 section 22.1).
func neverChallenged(method string) bool { return method == "ACK" || method == "CANCEL" }

// carriesOffer: the body of these changes the session.
func carriesOffer(method string) bool { return method == "INVITE" || method == "UPDATE" }
