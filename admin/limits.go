package admin

import "time"

// Every bound and wait of the package, with its reason. Bounds of single values stand in the tags of the inputs and views, where
// the description of the API is made from them.
const (
	// headerPatience bounds the wait for a request's header: an honest client sends it at once.
	headerPatience = 5 * time.Second
	// readPatience bounds the wait for header and body together.
	readPatience = 10 * time.Second
	// writePatience bounds the writing of an answer; the largest is a page of seats or the metrics, some 100 KiB. A stranger has stalledPatience.
	writePatience = 30 * time.Second
	// idlePatience is how long a connection is kept for the next request.
	idlePatience = 60 * time.Second
	// requestPatience bounds the work on one request. The server's own waits are shorter.
	requestPatience = 15 * time.Second
	// stopPatience bounds the wait for requests in flight when the API stops.
	stopPatience = 3 * time.Second

	// auditPatience bounds the wait for the audit trail to take a request: the disk is slow when that is not enough.
	auditPatience = 2 * time.Second
	// maxAuditedPath bounds the path of a request in the audit trail, in octets; real ones are shorter.
	maxAuditedPath = 256
	// streamPart is how much of a file is sent within writePatience: a phone's connection takes it in a second.
	streamPart = 64 << 10

	// maxHeader bounds a request's header in octets; a token and some proxy's fields fit many times.
	maxHeader = 16 << 10
	// maxBody bounds a request's body in octets; the largest is the list of an account's devices.
	maxBody = 16 << 10
	// maxProven bounds the connections of those who have proven who they are: those of maxListening, and beside them those of requests, which
	// a swarm uses some tens of. maxProvenBy bounds those of one token or certificate likewise.
	maxProven, maxProvenBy = maxListening + 512, maxListeningBy + 128
	// maxStrangers bounds the connections over which nobody has proven anything yet, which an honest client does within milliseconds;
	// maxStrangersOf those of one source: several browsers, which open six each before they know the token.
	maxStrangers, maxStrangersOf = 256, 64
	// maxInFlight bounds requests that are worked on at a time: each costs what its answer has, up to some 200 KiB. maxInFlightBy bounds those of
	// one token or certificate: a swarm of 500 whose callers ask for themselves has some tens at a time.
	maxInFlight, maxInFlightBy = 256, 64
	// keptForAdmins of maxInFlight, and of maxListening, are taken by those alone who run the server (role admin, all rooms), so that they can
	// revoke, hang up and drain whatever other tokens do: five consoles, whose browsers ask for six things at a time, and some commands.
	keptForAdmins = 32
	// maxStrangersServed bounds the requests of strangers (metrics, the console's files, the description), maxStrangersServedFrom those from one
	// address: two browsers at a time behind one proxy, six each, and some more.
	maxStrangersServed, maxStrangersServedFrom = 64, 16

	// maxListening bounds those who listen to events: each is a connection and a goroutine, some 30 KiB. maxListeningBy bounds those of one
	// token or certificate, so that no viewer takes all places; maxListeningFrom those from one address, where somebody has several.
	maxListening, maxListeningBy, maxListeningFrom = 2048, 512, 1024
	// listenerBuffer is what the kernel is asked to keep for a listener (it takes twice that, its own records included): enough for what happens at once
	// and for one far away, since to write in parts costs the mixer its time, and 256 MB where everybody stalls.
	listenerBuffer = 64 << 10
	// heartbeat is how often a listener gets something where nothing happens: proxies close what is silent for a minute.
	heartbeat = 15 * time.Second
	// stalledPatience is how long a listener may take nothing of what its own kernel has no room for, and bounds one write to it. It bounds the
	// whole answer to a stranger, too.
	stalledPatience = 5 * time.Second
	// retryListening is what a listener is told to wait before it comes back.
	retryListening = 2 * time.Second

	// failuresAllowed wrong tokens from one source within failureWindow are answered with 401, more with 429.
	failuresAllowed = 10
	failureWindow   = time.Minute
	// maxSources bounds the table of sources with failures, some 300 KiB.
	maxSources = 4096
	// requestsPerToken bounds the requests of one token or certificate in a second, and requestsBurst those at once: a console asks for
	// some tens, a swarm makes some hundred accounts; a thousand would take a core from the mixer.
	requestsPerToken = 1000
	requestsBurst    = 2000
	// maxPaces bounds the table of those rates: all tokens that may be kept, and some certificates.
	maxPaces = 2048
	// maxExchanges bounds the answers that are kept for Idempotency-Keys, exchangeKept for how long: who has not asked again by then has
	// given up. maxExchange bounds one of them in octets; a bundle with an RSA certificate and a QR code has some 30 KiB.
	maxExchanges = 256
	exchangeKept = 10 * time.Minute
	maxExchange  = 128 << 10
	// maxKey bounds an Idempotency-Key in octets; a UUID has 36.
	maxKey = 128
	// retryAfter is what a client is told to wait when the API sheds, in seconds.
	retryAfter = 1

	// tokenOctets of randomness make a token; guessing one is hopeless at any rate.
	tokenOctets = 32
)
