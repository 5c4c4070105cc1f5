package keying

import "time"

// Every bound, window and lifetime of this package, with the reason for its value.
const (
	// defaultSkew is how far a peer's clock may be off; minutes would multiply the replay cache, seconds would refuse phones
	// that set their clock once a day.
	defaultSkew = 60 * time.Second
	// maxSkew caps what a configuration may ask: five minutes at 2,000 calls a second are 1.2 million cache entries.
	maxSkew = 300 * time.Second
	// defaultReplayEntries is two windows of 60 s at 2,000 authenticated messages a second, about 15 MB.
	defaultReplayEntries = 240_000
	// replaySlotBits groups cache entries that expire together, 2^3 = 8 s: small against the window, so that few live longer
	// than they must.
	replaySlotBits = 3
	// ceilingAhead is how far ahead of the newest accepted timestamp the restart ceiling is stored: one write in five seconds
	// under load, and after a crash honest callers wait five seconds at most.
	ceilingAhead = 5 * time.Second

	// guardLife is how long a TEK is remembered; far beyond the replay window, as it is the last line behind it.
	guardLife = 24 * time.Hour
	// guardSlot groups entries that are forgotten together.
	guardSlot = time.Hour
	// guardShares is how many slots a full guard has at least: it forgets one of them, an eighth, where it would have to refuse every call
	// until the slot is over, which a thousand set-ups a second fill in minutes.
	guardShares = 8
	// defaultGuardEntries is two for each of a million agreements; about 80 MB when full.
	defaultGuardEntries = 1 << 21

	// offerTries bounds how often an update is made while others of its bundle come in: each of them is one of a peer who proved himself,
	// and who waits for an answer before he sends another.
	offerTries = 4
	// poolNiceness lowers the priority of threads that compute in groups: at 10 they get a ninth of a core that somebody else wants.
	// Without it ticks of the mixer came 5 ms late in 2 to 4 % of all cases beside half as many set-ups as the machine could bear,
	// with it in 0 to 0.4 % (modp1536; the same runs show 0 % without set-ups).
	poolNiceness = 10
	// threadIdle is how long such a thread waits for more work: making one costs as much as an operation of p256.
	threadIdle = 20 * time.Millisecond
	// defaultQueue bounds waiting for the pool: at 2 to 8 ms an operation the last of 64 waits a quarter of a second.
	defaultQueue = 64
	// defaultDeadline bounds that wait in time; the caller has not yet heard ringing, and asks again sooner than it gives up.
	defaultDeadline = 250 * time.Millisecond

	// maxChain bounds the certificates of a peer: a leaf and two intermediates, so that a chain costs three verifications.
	maxChain = 3
	// minRSABits and maxRSABits bound keys of peers: below is weak, above makes a stranger's verification dear.
	minRSABits = 2048
	maxRSABits = 4096
	// rsaBits of the keys that the Authority makes: the strength of the groups beside it at a bearable signing time.
	rsaBits = 2048

	// authorityLife is the validity of the authority's own certificate; replacing it means new bundles for everybody.
	authorityLife = 10 * 365 * 24 * time.Hour
	// serverLife suits a server that issues its certificates at each start; TLS clients refuse more than 398 days.
	serverLife = 397 * 24 * time.Hour
	// accountLife is the validity of an account's certificate; rotating an account issues a new one.
	accountLife = 397 * 24 * time.Hour
	// backdate lets certificates hold for peers whose clock is slow.
	backdate = time.Hour

	// maxLines bounds the a=crypto lines of a description that are read: every suite registered, each with three keys.
	maxLines = 32
	// maxLineMKI is the longest MKI, in octets, of a line that is taken: that of the example in RFC 4568 section 4. Each packet carries it.
	maxLineMKI = 32
	// maxFingerprints bounds the fingerprints of one that are compared: each usable hash, of two certificates.
	maxFingerprints = 6

	// maxKeptTGK is the longest TGK, in octets, that is kept for another device: that of the largest group. One that a peer chose longer
	// would swell every offer, and the next device gets a fresh one.
	maxKeptTGK = 384

	// maxKeyPackets is all that SRTP may send under one key (RFC 3711 section 9.2).
	maxKeyPackets = 1 << 48

	// decoyLength of the key that stands in for those of unknown accounts, in octets: that of the keys we hand out.
	decoyLength = 32
	// maxBundle bounds the file of a bundle: three certificates, two keys and names stay far below it.
	maxBundle = 64 << 10
)
