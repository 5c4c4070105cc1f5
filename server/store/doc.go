// Package store keeps what survives a restart: accounts, rooms that were made to last, hashes of tokens, and small named blobs such as the
// key of the CA and counters. Store is the interface that the server uses, Bolt its implementation over
// one bbolt file.
//
// It is not a cache: the server reads accounts into memory itself and asks the store only when something changes. It
// decides nothing about what it keeps, and knows no type of the rest of the program.
//
// The data directory has mode 0700 and holds conclave.db and store.key, both 0600; wider modes are refused. Every value is
// sealed with AES-256-GCM under a key derived from store.key, with bucket and name of the record as associated data, so that
// a value that was altered, or moved to another name, is found. An old copy of the whole file, or a record that was deleted
// by somebody who can write it, is not found: whoever can write the directory must be trusted that far. Names of records
// stand in the clear. A deleted record stays, sealed, on a free page of the file until the page is used again.
//
// Goroutines: none of its own. All methods may be called from any goroutine; writers wait for one another and each
// returns after its change is on the disk. One process at a time holds the file, by its lock.
//
// Ownership: slices handed in are copied into the sealed record before the method returns; slices handed out belong to the
// caller, who wipes them.
package store
