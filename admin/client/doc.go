// Package client is the Go client of the admin API, for the account command, the swarm and tests. Its types are the JSON of
// the API written down once more, so that it imports nothing of the server; a test holds them to the API's description.
//
// It is not a cache and tries nothing twice: a call is one request, or one for each page of a list. Errors of the API are
// *Problem values and match the sentinels of this package with errors.Is. The token is in no error.
//
// Goroutines: none of its own beyond those of net/http. A Client may be used from any goroutine; the API works on some tens
// of requests at a time and sheds more with ErrBusy.
//
// RFCs: 6750 (bearer tokens), 9110 (HTTP), 9457 (problems).
package client
