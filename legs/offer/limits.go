package offer

// Bounds of what is read from a peer and constants of what is written. They stand here so that one look tells what a
// stranger's description can cost.
const (
	// MaxSize is the largest description that is read, in octets. A MIKEY message with two certificates is under 6 KiB
	// in base64; 16 KiB leaves room and keeps a flood of descriptions cheap.
	MaxSize = 16 << 10

	// MaxMedia is the largest number of m= lines. An answer has to repeat every one of them.
	MaxMedia = 8

	// MaxPayloads is the largest number of payload types in one m= line; softphones stay under 30.
	MaxPayloads = 64

	// MaxMessage is the largest MIKEY message, in octets after base64.
	MaxMessage = 4 << 10

	// MaxKeyMgmt is the largest number of key-mgmt attributes in a description: one for the session and one for each
	// medium, or a few protocols side by side.
	MaxKeyMgmt = 8

	// maxLines bounds the number of lines: eight media with their attributes.
	maxLines = 512

	// maxCrypto is the largest number of a=crypto lines kept for a medium.
	maxCrypto = 16

	// maxCryptoLine is the longest a=crypto value that we write, in octets; ours are below 120.
	maxCryptoLine = 512

	// maxFingerprints is the largest number of a=fingerprint lines of one level: a few certificates under a few hashes.
	maxFingerprints = 8

	// maxHashName and maxDigest bound a fingerprint in octets; no registered hash has more than 64.
	maxHashName = 16
	maxDigest   = 64

	// minPtime and maxPtime are the packet lengths in milliseconds that are believed in an a=ptime; others count as
	// not stated. Our own packets are always framePtime.
	minPtime = 10
	maxPtime = 60

	// framePtime is the length of the packets that we send and ask for: one tick of the mixer.
	framePtime = 20

	// OpusBitrate is the house rate in bit/s: what we ask peers for when Local.Bitrate is 0, and what is sent to them
	// unless they bind it lower.
	OpusBitrate = 32000

	// minOpusBitrate and maxOpusBitrate are the range of maxaveragebitrate in RFC 7587 section 6.1, in bit/s.
	minOpusBitrate = 6000
	maxOpusBitrate = 510000
)
