// Package trail keeps the audit trail: records in the order in which they came, each with the hash of the one before it, under
// signatures of the server, in files that are only ever appended to. Verify says whether somebody changed, removed or reordered any of
// them, and where.
//
// A file holds one JSON object a line (Record). prev of a record is the SHA-256 of the line before it, without its end. Now and then, and when
// the trail is closed, a record of type trail.signed holds an Ed25519 signature over its own number, time and prev, and so over all
// that came before. A file is begun after a signature only, and is named by the number of its first record. Where the trail takes more room than it
// may the oldest files go, and a record says so.
//
// A crash may leave the last line without its end. That is told, and is no sign of tampering, as long as it is the beginning of the next record
// and nothing comes after it; whoever opens the trail again cuts it off and says how much that was.
//
// What it shows: one octet that was changed, a record or a file that was taken out or put elsewhere, and, against the last signature that the
// server knows of (Head), an end that was cut off. What it cannot show: records after the last signature that were cut off, or written anew as a
// whole, while the server was down (trail.opened counts them), and anything that was done with the server's own key. Whoever must not trust the
// machine takes Head away from it.
//
// It decides nothing about what is recorded, and knows no type of the rest of the program. Whoever writes to it sees to it that no
// secret and no content of a call is among the data.
//
// Goroutines: one a Trail, which alone writes; it ends with Close. Note never waits: what finds the queue full is counted, and
// a record says how many were lost. Any goroutine may call any method.
//
// Ownership: the data of an entry must not change after it was handed in. The key is the caller's, and stays with the Trail until Close.
//
// RFCs: 8032 (Ed25519), 8259 (JSON).
package trail
