package keying

// Words is a reason in words for people, fit for a Warning (RFC 3261 section 20.43): it names what was missing and quotes nothing
// that a peer said.
func Words(r Reason) string {
	if words, known := reasonWords[r]; known {
		return words
	}
	return reasonWords[ReasonInternal]
}

var reasonWords = map[Reason]string{
	ReasonMalformed:          "the key management of the description cannot be read",
	ReasonNotAnOffer:         "the MIKEY message offers nothing",
	ReasonNotAnAnswer:        "the MIKEY message answers another one",
	ReasonPeerRefused:        "the peer refused the keys",
	ReasonMethodRefused:      "this keying method is not allowed here",
	ReasonWeakProtection:     "the protection of the keys themselves is too weak",
	ReasonNoCommonSuite:      "no SRTP suite in common",
	ReasonNoCommonGroup:      "this Diffie-Hellman group is not allowed here",
	ReasonWrongIdentity:      "the identities do not agree",
	ReasonUnknownIdentity:    "authentication failed", // who exists is not told
	ReasonBidDown:            "the list of keying methods was changed on the way",
	ReasonStale:              "the clock of the caller is off, or the message is old",
	ReasonReplayed:           "the message came before",
	ReasonBadMAC:             "authentication failed",
	ReasonBadSignature:       "authentication failed",
	ReasonBadCertificate:     "the certificate is not accepted",
	ReasonBadPublicValue:     "the Diffie-Hellman value is out of range",
	ReasonKeyReuse:           "these keys were in use before",
	ReasonBusy:               "too many key exchanges in progress",
	ReasonCancelled:          "the call ended first",
	ReasonReplayCacheFull:    "too many key exchanges to remember",
	ReasonNoCredential:       "a key or certificate that the method needs is missing",
	ReasonInternal:           "internal failure",
	ReasonForwardSecrecy:     "forward secrecy is required here",
	ReasonInsecureSignalling: "sdes needs TLS or a trunk",
	ReasonUnknownBundle:      "the update is of keys that do not run here",
	ReasonAddressChanged:     "the media address is not the one that was protected",
	ReasonMKIReused:          "the key identifier was in use before",
	ReasonHandshake:          "the DTLS handshake failed",
}
