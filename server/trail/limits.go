package trail

import "time"

// Every bound and wait of the package, with its reason.
const (
	// queueLength is how many entries wait for the disk: two seconds of the set-ups that a server can do, some 600 KiB.
	queueLength = 4096
	// batchLength bounds what is written at once, so that whoever waits for his entry (Write) does not wait for all others.
	batchLength = 256
	// signAfter is how many records stand without a signature at most: about 300 KB that a crash leaves unsigned.
	signAfter = 1000
	// signEvery is how long a record stands without one at most. A signature takes 0.1 ms, the sync of the file some milliseconds.
	signEvery = 10 * time.Second
	// fileOctets is the size beyond which the next file is begun: a page of the API reads one file, some 100 ms at most.
	fileOctets = 16 << 20
	// leastFiles is into how many files the room of a trail is cut at least, so that what goes at a time is a small part of it.
	leastFiles = 8
	// maxLine bounds a record in octets. Names are bounded by whoever hands them in; the longest are some 600 octets.
	maxLine = 16 << 10
	// maxTallied bounds the names that refusals are counted under; they are from closed sets, of some sixty.
	maxTallied = 128
	// maxPage bounds a page of records.
	maxPage = 1000
	// mostProblems bounds what Verify lists: with so many the file is another.
	mostProblems = 100
)

const (
	fileMode = 0o600
	suffix   = ".jsonl"
)
