package mikey

// Every bound of the package, with its reason.
const (
	// MaxMessage is the longest message, in octets, that Parse looks at: two RSA certificates, MODP-3072 twice and a
	// signature fit in, and a stranger cannot make us copy more than this.
	MaxMessage = 4096
	// MaxPayloads is the largest number of payloads after the header: the fullest message of RFC 3830 has about ten.
	MaxPayloads = 16
	// MaxSessions is the largest number of entries of a CS ID map: two for each of eight m-lines.
	MaxSessions = 16
	// MaxPolicies is the largest number of SP payloads in one message.
	MaxPolicies = 8
	// MaxChain is the largest number of CERT payloads: leaf, two intermediates, root.
	MaxChain = 4
	// MaxKeys is the largest number of key data sub-payloads within one KEMAC.
	MaxKeys = 4

	// MaxVendorExt is the longest vendor extension in octets: a name and two hashes.
	MaxVendorExt = 128

	// maxMKI is the longest MKI in octets that our own messages carry.
	maxMKI = 128

	// minRAND is RFC 3830 section 6.11's least length of RAND in octets, minPSK our least length of a pre-shared key:
	// below 128 bits the MAC can be searched offline from one captured INVITE.
	minRAND = 16
	minPSK  = 16
	// minTGK is our least length of a TGK in octets: the 128 bits that RFC 3830 section 9.1 calls practical.
	minTGK = 16
	// ownTGK is the length in octets of the TGKs we choose: 256 bits, and one octet more because the most copied old
	// implementation derives keys that do not depend on the TGK when its length is a multiple of 32.
	ownTGK = 33
	// minRSA and maxRSA bound RSA keys in bits: weaker ones are broken, longer ones burn our time.
	minRSA = 2048
	maxRSA = 4096
)
