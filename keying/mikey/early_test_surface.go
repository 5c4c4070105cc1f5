package mikey

// Parse reads one message.
func Parse(b []byte) (*Message, error) { return nil, ErrMalformed }

// Peek reads what an error message needs of a message that does not parse.
func Peek(b []byte) (csbID uint32, t Timestamp, ok bool) { return 0, Timestamp{}, false }

// InitiatePSK makes a PSK I_MESSAGE (RFC 3830 section 3.1).
func InitiatePSK(p Params, psk []byte) (Initiation, error) { return nil, ErrExchange }

// InitiateDH makes a DH-SIGN I_MESSAGE (RFC 3830 section 3.3).
func InitiateDH(p Params, g Group, s Signer) (Initiation, error) { return nil, ErrExchange }

// AuthenticatePSK checks the MAC of a PSK I_MESSAGE; prior is the state of the CSB an update continues, else nil.
func AuthenticatePSK(m *Message, psk []byte, prior *Crypto) (Response, error) {
	return nil, ErrExchange
}

// AuthenticateDH checks the signature of a DH-SIGN I_MESSAGE.
func AuthenticateDH(m *Message, peer PeerKey) (Response, error) { return nil, ErrExchange }

// NewErrorMessage builds an unauthenticated error message (type 6).
func NewErrorMessage(csbID uint32, t Timestamp, number ErrorNumber, ours []Policy) []byte { return nil }
