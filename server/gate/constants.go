package gate

import "time"

// Every time, window and size of the package.
const (
	// NonceLifetime is how long a challenge can be answered. A client answers within a round trip; a minute leaves room for
	// a person who types a password and keeps the window of counts small.
	NonceLifetime = time.Minute

	// nonceAhead is how far in the future a nonce of ours may seem to lie: a clock without a monotonic reading may step.
	nonceAhead = 5 * time.Second

	// nonceSalt is the length of a nonce's random part in octets: two callers behind one address get different nonces in
	// the same instant, else their counts would collide.
	nonceSalt = 8

	// nonceMAC is the length of a nonce's MAC in octets: 128 bits.
	nonceMAC = 16

	// countWindow is how many counts behind the highest are told apart, so that requests may overtake each other.
	countWindow = 64

	// maxNonces is how many nonces may be in use in one generation (NonceLifetime) of the window; each costs about 100
	// octets. It allows 2000 authenticated set-ups a second.
	maxNonces = 1 << 17

	// maxNoncesPerAccount keeps one account from filling the window for everybody.
	maxNoncesPerAccount = 1 << 14

	// maxAuthorizations is how many Authorization fields are looked at: one for each realm a caller knows.
	maxAuthorizations = 4

	// maxAuthorization is the longest Authorization field that is read, in octets; real ones are below 600.
	maxAuthorization = 2 << 10

	// maxParams is the largest number of parameters of an Authorization field; RFC 7616 knows eleven.
	maxParams = 24

	// maxCaller is the longest identity of a trunk's caller, in octets.
	maxCaller = 255

	// retryMin and retrySpread give the seconds of a Retry-After: random, so that callers do not come back together.
	retryMin    = 5
	retrySpread = 26
)
