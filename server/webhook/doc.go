// Package webhook sends events to the URLs of the configuration, signed, one POST each.
//
// It is not a queue that survives a restart: what was not taken when the server ended is lost. It sends to the URLs that it was given
// and to no other: it follows no redirect, uses no proxy, and speaks plain HTTP to this machine alone.
//
// Each hook has its own bounded queue and sends in order, one at a time: an event is tried until it is taken or too old, with a growing,
// jittered pause in between, while those behind it wait. What is given up, or finds no room, is a dead letter: counted, and shown.
//
// Goroutines: two a hook, one that listens to the ring and one that sends, and those of net/http. Start begins them and Close ends them.
// A hook's state is guarded by its mutex, under which nothing is locked and nothing is sent.
//
// Whoever receives checks with Verify, or as docs/events.md says. RFCs: 2104 (HMAC), 9110 (HTTP).
package webhook
