// Package dialog is the SIP endpoint: listeners for UDP, TCP and TLS, and the dialogs that live on them. It is the only
// importer of sipgo, from which it takes the parser, the transactions (RFC 3261 section 17, RFC 6026) and nothing else:
// dialogs, CSeq order, retransmitted 2xx and their ACKs, target refresh, glare and digest on the caller's side are here.
//
// It is not a policy: every request outside its syntax is shown to the Host first (Admit), and the Host alone says who may
// call. It knows no SDP, no key and no room; a body is octets with a Content-Type.
//
// The way of a message:
//
//	socket → triage (UDP: a batch at a time; while as many new calls are inside as can be answered in time, a 503 at the price of a look)
//	       → inbox (three classes in turns: calls that stand, new calls, the rest) → front (size, shape, per-source budget, whole messages only; a stateless 400
//	       for what cannot be read) → sipgo (parse, transaction) → handler (validate once into a Request without nil members; 4xx)
//	       → its turn, for a new call (door) → Host.Admit → the dialog's goroutine (CSeq order) → Inbox, or Host.Invite for a new call, or
//	       Host.Serve for a REGISTER, REFER or SUBSCRIBE outside any call
//
// Moves: a call or request of ours may go over the flow that a device holds open (flow.go); a REFER outside a dialog gets its subscription
// as a Dialog that only sends (standalone.go), and so does a SUBSCRIBE, in which later ones are found; Rebind changes the local address of UDP under the calls (rebind.go), and a
// re-INVITE or UPDATE that was admitted changes the peer's. What Replaces, Refer-To and Target-Dialog name is parsed here, and who may
// have it is the Host's to say.
//
// Where requests go: over a connection, or over UDP to the address that the peer speaks from, whatever his Contact and Record-Route name (route.go);
// an INVITE of ours has its dialog with the 2xx, and what overtakes that waits for it (overtake.go); its ACK is kept for when a 2xx comes again (again.go).
//
// Overload: the door bounds the new calls in work and those that wait for a turn, a second at most; only their handlers count them.
// What is beyond gets 503 with Retry-After before anybody has parsed it; the ACK of that is dropped by its tag. Requests over UDP that were answered for good, and INVITEs over any transport
// that had their 2xx, leave a trace (a few octets, for 64*T1) in place of sipgo's transaction.
//
// Every octet passes the front, also on connections that we dialled: sipgo itself never opens a socket.
//
// Goroutines: one per listener (two for UDP: one reads the socket, one for sipgo; for 64*T1 after a Rebind two more, for the old socket and
// its end), one per connection (sipgo's reader, which runs our framing), one per message while it is handled (sipgo), one per dialog (run.go: it owns the remote CSeq, the inbox, the 2xx that waits for its ACK). All end with
// Endpoint.Close. Requests that we send run in the goroutine of whoever calls Reinvite, Request or Bye.
//
// Ownership: a Request and a Response are plain values and never change after they were handed over. A Dialog's sending
// half (local CSeq, target, routes) is under its mutex; its receiving half belongs to its goroutine. A Host's Admit runs in
// sipgo's goroutine of that message and must not block; Host.Invite and Host.Serve have that goroutine for themselves.
//
// Process-wide settings of sipgo (datagram size, timers, logger) are made once, in globals.go.
//
// RFCs: 3261 (SIP), 3581 (rport), 5118 (IPv6), 4475 (torture), 5626 (flows; keep-alives of section 3.5, with binding requests of 5389),
// 6026 (2xx), 7616 and 8760 (digest, caller's side), 3311 (UPDATE as an event), 3515 and 6665 (REFER as an event or a request of its own,
// its subscription; SUBSCRIBE), 4579 (the Contact of a focus), 3891 (Replaces), 4538 (Target-Dialog), 4028 (session timers: the fields).
package dialog
