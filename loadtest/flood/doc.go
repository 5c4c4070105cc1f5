// Package flood is a light sender of call set-ups, `conclave flood`: it prepares complete INVITEs with MIKEY messages of their own
// before the clock starts, offers them over UDP at a given rate whatever the server answers, and counts what comes back in time.
// It finds the peak of a server, offers a multiple of it beside it, three times, and shows what is left of the peak then and right after.
//
// It is not a caller: it plays and hears nothing, and looks into the answers of a few calls only, after the clock has stopped, to
// be sure that they hold keys (loadtest has the callers that listen). It honours no Retry-After, on purpose: it stands for those many
// who do not.
//
// Goroutines: one a lane, which owns a socket, a share of the calls and all their timers; while messages are prepared, one a
// processor. Everything is bounded: calls by their preparation, time by the plan, a call by the repeats of its requests.
//
// RFCs: 3261 (client transactions over UDP: timers A and E, the ACKs of section 13.2.2.4 and 17.1.1.3), 3830 and 4567 in the offers.
package flood
