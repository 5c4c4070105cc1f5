// Package events tells what happens to whoever listens: a ring of the last events, which every listener reads at its own pace.
//
// It is not a queue with a guarantee: a listener that is overtaken by the ring's end is cut off, and told so, and nothing survives a
// restart. It knows no HTTP and no SIP, and does not know what the events say.
//
// Goroutines: one a ring, the crier, which New starts and Close ends. Publish, Subscribe and Close are for any goroutine; a Subscription
// is its reader's. The ring is guarded by one mutex, held for some hundred nanoseconds, under which nothing else is locked.
package events
