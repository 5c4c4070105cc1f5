package server

import "time"

const (
	// roomMailbox bounds what waits for a room's goroutine: joins, leaves and admin calls, each a few microseconds.
	roomMailbox = 256
	// roomPatience bounds how long a call or an admin request waits for a room: past it something is wrong.
	roomPatience = 2 * time.Second
	// drainPatience bounds the farewell to the legs when the server stops.
	drainPatience = 5 * time.Second
	// keySkew is how far a MIKEY timestamp may be from our clock (docs of keying.Replay).
	keySkew = time.Minute
	// replayEntries bounds the replay cache: two skews of 2,500 set-ups a second.
	replayEntries = 300_000
	// guardEntries bounds the guard against repeated keys: two directions of half a million calls; where a day has more, it forgets the
	// oldest.
	guardEntries = 1 << 20
	// dhDeadline bounds how long a set-up waits for a Diffie-Hellman worker before its caller gets 503.
	dhDeadline = time.Second
	// maxChanges bounds the re-INVITEs that the admin API has under way at a time, each a goroutine that waits for its peer.
	maxChanges = 256
	// changePatience bounds one of them: a transaction of 32 s (RFC 3261, timer B) after a wait for a glare to pass.
	changePatience = 45 * time.Second
	// maxMoves bounds the moves under way at a time, each a goroutine that waits for a device.
	maxMoves = 1024
	// ringPatience bounds the wait for a device that is called: a person may have to take it out of a pocket.
	ringPatience = 30 * time.Second
	// callPatience bounds the wait for the leg of a device that calls by itself: its answer, its ACK, or, where we sent it, its call.
	callPatience = 20 * time.Second
	// heardPatience bounds the wait for its first authentic frame once it stands.
	heardPatience = 10 * time.Second
	// turnPatience bounds the wait for its first frame of voice to play, behind the jitter buffer; who does not speak is not waited for.
	turnPatience = time.Second
	// movePatience bounds a move as a whole: ringing, answering, being heard.
	movePatience = ringPatience + callPatience + heardPatience
	// notifyPatience bounds the last NOTIFY of a referral: the BYE waits for it.
	notifyPatience = 2 * time.Second
	// keptMoves bounds the moves whose outcome can be asked for.
	keptMoves = 10_000
	// maxDisplayName bounds the name that a trunk gives a caller, in characters, as the admin API bounds an account's.
	maxDisplayName = 128
	// mostNamed bounds the names that one line of the log lists.
	mostNamed = 10
	// retryAfter is what a caller is told to wait when the server is full, in seconds.
	retryAfter = 5
)
