package webhook

import "time"

const (
	// queueLength bounds what waits for one hook: an hour of a quiet server, 500 KB.
	queueLength = 1024
	// keptDead bounds the dead letters that are shown of one hook.
	keptDead = 50
	// attemptPatience bounds one POST: a receiver that thinks longer should queue.
	attemptPatience = 10 * time.Second
	// firstPause is between the first attempt and the second; it doubles up to longestPause. Each is spread by half of itself either way.
	firstPause   = time.Second
	longestPause = time.Minute
	// oldest is how old an event is tried for another time: a receiver that is restarted, or replaced, misses nothing.
	oldest = 15 * time.Minute
	// closePatience bounds what is sent after the server has stopped.
	closePatience = 2 * time.Second
	// answerOctets is what is read of an answer, so that the connection can be used again.
	answerOctets = 4 << 10
	// window is how far the time of a signature may be from the receiver's clock.
	window = 5 * time.Minute
	// SecretOctets is the least length of a secret.
	SecretOctets = 32
)
