package store

import "time"

// Every bound and wait of the package, with its reason.
const (
	// lockWait is how long Open waits for another process to let go: long enough for a restart in which the old process
	// is still closing, short enough for an operator who started two.
	lockWait = time.Second
	// maxFile bounds the file. An account takes about 1 KiB, so a million of them fit.
	maxFile = 4 << 30
	// maxRecord bounds one sealed record or blob: the largest is the CA with its keys and certificates, some 10 KiB.
	maxRecord = 64 << 10
	// maxPage bounds one page of a list, so that a read transaction stays short.
	maxPage = 1000
	// maxName is the length of a name in octets.
	maxName = 64
	// keyOctets is the length of the key in the key file, as AES-256 asks.
	keyOctets = 32
	// schema is the version of the records. A file of a later one is refused rather than misread.
	schema = 1
)

const (
	dirMode  = 0o700
	fileMode = 0o600
	openBits = 0o077 // any of these makes a file readable or writable to others

	dbName  = "conclave.db"
	keyName = "store.key"
)
