// Package audit is what `conclave audit verify` does: it holds an audit trail to what the server that wrote it says of itself, or to what its
// reader kept from an earlier day, and tells people what was found.
//
// It is not the trail: server/trail writes it and knows what a record proves (docs/audit.md). What is added here is where the expectation
// comes from: the server that runs from a data directory, by its API; its store, where none runs; or, for files that were taken
// elsewhere, the options alone.
//
// Goroutines: none of its own. An Inspection is a value, and may be used from any goroutine.
//
// Ownership: files are opened for reading only. The store of a data directory is opened, and closed again, only when no server answers.
//
// RFCs: 8032 (Ed25519), 8259 (JSON).
package audit
