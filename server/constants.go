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
	movePatience = ringPatience + callPatience + heardPatience + turnPatience + notifyPatience
	// notifyPatience bounds a NOTIFY of a referral: the call to the new device waits for the first, the BYE for the last.
	notifyPatience = 2 * time.Second
	// linksSettle is how long the addresses of an interface are given to settle once one came or went.
	linksSettle = time.Second
	// roamPatience bounds the wait for one leg to take our new address, while the others wait behind it: longer than a leg waits for a
	// processor (dhDeadline) or for its room (roomPatience), which is all that it does at a time.
	roamPatience = 3 * time.Second
	// rehousePace is the time between two calls that are told our new address: fifty a second make no storm of answers.
	rehousePace = 20 * time.Millisecond
	// keptMoves bounds the moves whose outcome can be asked for.
	keptMoves = 10_000
	// defaultRegistration is how long a device stays registered that asks for no time, minRegistration and maxRegistration bound what it
	// may ask for: less than a minute would make the registrar's work the server's, more than an hour would name devices that are gone.
	defaultRegistration = 10 * time.Minute
	minRegistration     = time.Minute
	maxRegistration     = time.Hour
	// maxDevices bounds the registered devices of an account, by their flows: a desk, a room, a pocket and a bag, twice each.
	maxDevices = 8
	// maxBindings bounds those of all accounts, some 100 MB.
	maxBindings = 100_000
	// maxContact bounds the URI and the instance of a device, in octets; real ones stay below a hundred.
	maxContact = 256
	// maxListed and maxDeviceName bound the devices of an account's record, and their names in octets.
	maxListed     = 16
	maxDeviceName = 64
	// sweepInterval is how often the registrar looks at all bindings for those that have expired: some milliseconds for the most there are.
	sweepInterval = time.Minute
	// keptEvents bounds the events that a listener may be behind by, or resume from: some minutes of a busy server, 2 MB.
	keptEvents = 4096
	// maxWebhooks bounds the hooks of the configuration: each is two goroutines and a queue.
	maxWebhooks = 64
	// maxSecret bounds the file with the secret of a hook.
	maxSecret = 4 << 10
	// watchPace is between two notifications of one subscription (RFC 4575 section 3.9).
	watchPace = 5 * time.Second
	// minSubscription and maxSubscription bound the life of a subscription that is not renewed: the longest is what RFC 4575 section 3.3 has
	// those get who ask for none.
	minSubscription = time.Minute
	maxSubscription = time.Hour
	// maxWatchers bounds the subscriptions of all accounts, each a goroutine that listens to events; maxWatchersOf those of one.
	maxWatchers   = 1000
	maxWatchersOf = 8
	// rosterDatagram and rosterStream bound the users that one NOTIFY tells of, in octets: a datagram is of 8 KiB at most.
	rosterDatagram = 6 << 10
	rosterStream   = 24 << 10
	// refusalsTold bounds the refusals in a second that become events.
	refusalsTold = 20
	// strangersRecorded bounds the refusals in a second that the audit trail has a record of each for, of those who proved nothing: 30 MB a
	// day of them at most. refusalsRecorded those of accounts and trunks.
	strangersRecorded = 1
	refusalsRecorded  = 20
	// speakingPace is how often it is looked who speaks, and what the node has to shed, while anybody listens.
	speakingPace = 500 * time.Millisecond
	// recordingsFolder is where the recordings are, below the data directory.
	recordingsFolder = "recordings"
	// mostPINDigits is how long a PIN may be (pinShape).
	mostPINDigits = 12
	// maxModerators bounds the moderators that the admin API gives a room.
	maxModerators = 100
	// pinPatience is how long a caller may take for one PIN, lobbyPatience how long he waits for a moderator.
	pinPatience   = time.Minute
	lobbyPatience = 10 * time.Minute
	// maxTriesOfCall bounds the wrong PINs of one call, maxTriesOfAccount and maxTriesOfTrunk those within triesMemory: a PIN of six digits
	// lasts an account three years.
	maxTriesOfCall    = 3
	maxTriesOfAccount = 6
	maxTriesOfTrunk   = 60
	triesMemory       = 10 * time.Minute
	// maxTried bounds those whose tries are remembered, some megabytes; who is not known when so many are has none.
	maxTried = 20_000
	// maxAttended bounds the PINs that are computed, and the prompts whose end is waited for, at a time; attendedPatience one of them: the
	// longest handshake that a greeting waits for, and longer than any prompt.
	maxAttended      = 512
	attendedPatience = 30 * time.Second
	// keysASecond and keysAtOnce bound the keys of a seat: more than a phone dials that has them stored (40 ms of tone, 40 ms of pause, ITU-T Q.24).
	keysASecond, keysAtOnce = 20, 20
	// keysTold is how often it is told what the keys of a seat have changed: each time is an event and a record of the audit trail.
	keysTold = time.Second
	// starPatience is how soon after * the digit of a command has to come.
	starPatience = 5 * time.Second
	// keyGain is one step of loudness by keys in dB, keyGainMost the most that keys can do either way.
	keyGain, keyGainMost = 3.0, 12.0
	// maxDisplayName bounds the name that a trunk gives a caller, in characters, as the admin API bounds an account's.
	maxDisplayName = 128
	// mostNamed bounds the names that one line of the log lists.
	mostNamed = 10
	// tokenOctets of randomness make a token of the admin API; guessing one is hopeless at any rate.
	tokenOctets = 32
	// maxTokens bounds the tokens of the admin API, one for each program and person that uses it.
	maxTokens = 1000
	// pinSalt is the salt of a kept PIN in octets, pinRounds the rounds of PBKDF2: some milliseconds, which a few tries a minute may cost.
	pinSalt   = 16
	pinRounds = 16_384
	// retryAfter is what a caller is told to wait when the server is full, in seconds.
	retryAfter = 5
	// drainRetry is the same while it is being emptied: it stays so for a while, and others are there to be called.
	drainRetry = 30
)
