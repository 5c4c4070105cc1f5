// Package server is the composition root and everything that decides: which calls are let in, which rooms there are, who
// sits in them and how they end. It wires the packages below it: the gate before call control, the legs, the mixer, the
// store; each of those knows nothing of the others.
//
// It is not the admin API (package admin is built on it), not the SIP stack and not the mixer.
//
// Goroutines: one a room, which owns its seats and is spoken to by mailbox (room.do); the legs' own; the mixer's clock
// and workers; whoever calls a method of Server; and, for each change within a call that the admin API asked for, one that
// waits for the peer (chores, bounded). An INVITE is worked on in the goroutine that the dialog gives it. The account cache,
// that of tokens, the room table, the effective policies, the ledger of calls, the table of dialogs and the registrar are guarded by one mutex
// each; locks.txt says which may nest.
//
// Who calls is an account or, for callers without one, the trunk that speaks for them (gate.Who); what holds for a call is made
// of the room's policy and of theirs (policies).
//
// The way of an INVITE: Admit (gate) -> Invite: a seat is reserved in the room (room goroutine) -> legs.Prepare: key agreement
// and stream, put into the lobby -> 200 -> ACK -> Confirmed: the stream moves from the lobby to its seat. A failure unwinds in
// reverse.
//
// A seat outlives its legs. Each leg in it has a tenancy (tenancy.go), the owner of the leg: a seat has one, none while it waits for
// its owner, and two during a move (move, carry, dial, refer, replace: one goroutine a move). Where the server's own address changes the
// legs come along, those that do not stand yet as soon as they do (rehouse, links: one goroutine, with media.interface).
//
// A call that the API asks for (call_out) is a move of a seat that nobody fills yet. Rooms by the API: rooms_control; who uses the API: tokens.
//
// What happens is published (events, event_data, lookout) to whoever listens: the admin API, webhooks, and phones that watch a room
// (subscribe, watcher, roster: one goroutine a subscription).
//
// Where a seat can move: the devices of its account, which register here (registrar, register) or stand in its record (devices).
//
// What a room does for its callers beside mixing them (manners, manners_pin, manners_keys): prompts, tones, keys (RFC 4733), a PIN, moderators,
// recordings. Who has to wait sits in the room as a seat that is muted and deaf, and hears prompts alone.
//
// RFCs: 3261, 4353 (conferencing framework), 4579 (focus), 5626 (flows of registered devices), 3515, 3891 and
// 4538 (REFER, Replaces, Target-Dialog), 4028 (session timers), 6665 and 4575 (SUBSCRIBE to a conference).
package server
