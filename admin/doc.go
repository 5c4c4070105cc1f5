// Package admin is the REST API of the server, version 1: accounts, rooms and seats as JSON, health, metrics and the
// description of itself (OpenAPI 3.1 and a page made from it). Errors are RFC 9457 problems.
//
// It decides nothing: every answer comes from the Server it is given, which *server.Server satisfies. It knows no SIP, no
// key and no audio; of a new account's bundle it passes on the JSON and keeps nothing, but for a while where an Idempotency-Key asks for it.
//
// What every request passes, in this order, whatever its route: recover boundary, security headers, Host and Origin allow-list (against DNS
// rebinding), bearer token or client certificate, bound on requests in flight, audit, content type, deadline, Idempotency-Key. The bounds of
// those who have proven who they are stand apart from those of strangers, for connections (connections), for requests and for listeners (slots.go),
// and of each of them one principal, or one address of strangers, has a share, and some of each are left to those who run the server (admins of all rooms), who can so revoke, hang up and drain whatever others do. What
// is being answered that was asked for with a token ends when it is revoked (underway). /healthz and /readyz (probes) need neither token nor place.
// There is one function that lets somebody in (identified), which denies by default: only the routes of openRoutes need no token; and one that says what he may do (authorize), by the role that the route declares and the room that the request is about.
// docs/routes.md is its table.
//
// Whoever listens to events (GET /v1/events) has an answer without end: it has a bound of its own beside that on requests in flight, a share of it by
// token and by address, no deadline but one for each write, and is cut off when it does not take what comes.
//
// Goroutines: those of net/http, one a connection, and one inside Serve that waits for the end. All of them have ended when
// Serve returns. Shared state is the tables of connections, of places, of what is under way, of failed tokens, of rates and of kept answers, each behind
// its own mutex.
//
// RFCs: 9110 (HTTP), 6750 (bearer tokens), 9457 (problems).
package admin
