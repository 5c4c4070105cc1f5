package offer

import "errors"

// What can be wrong with a description. The texts are fixed: nothing of the peer's octets goes into them.
var (
	// ErrTooLarge: the description exceeds one of the bounds of limits.go.
	ErrTooLarge = errors.New("offer: description too large")
	// ErrSyntax: not a session description of RFC 8866.
	ErrSyntax = errors.New("offer: malformed description")
	// ErrNoAudio: no audio line at all.
	ErrNoAudio = errors.New("offer: no audio")
	// ErrDisabled: every audio line that could be used has port 0.
	ErrDisabled = errors.New("offer: audio is disabled")
	// ErrNotSecure: audio is there, but only as RTP/AVP or RTP/AVPF.
	ErrNotSecure = errors.New("offer: audio is not secured")
	// ErrProfile: audio is there, but only under a profile that is not spoken here.
	ErrProfile = errors.New("offer: unsupported transport profile")
	// ErrAddress: the media address is a name, a group, of another address family, or missing.
	ErrAddress = errors.New("offer: unusable media address")
	// ErrNoCodec: no common codec.
	ErrNoCodec = errors.New("offer: no common codec")
	// ErrPtime: the peer cannot take packets of 20 ms.
	ErrPtime = errors.New("offer: packets of 20 ms are refused")
	// ErrNoKeyMgmt: neither key-mgmt nor a=crypto applies to the audio line.
	ErrNoKeyMgmt = errors.New("offer: no key management")
	// ErrKeyMgmtProtocol: key-mgmt attributes are there, none of them is mikey (RFC 4567 section 4.1.2).
	ErrKeyMgmtProtocol = errors.New("offer: unsupported key management protocol")
	// ErrSeveralKeyMgmt: more than one MIKEY message applies; RFC 4567 does not negotiate within one protocol.
	ErrSeveralKeyMgmt = errors.New("offer: several MIKEY messages")
	// ErrCrypto: an answer that does not choose one of the a=crypto lines offered.
	ErrCrypto = errors.New("offer: no choice among the crypto attributes")
	// ErrFingerprint: DTLS-SRTP without a=fingerprint, or one that RFC 8122 section 5 does not know.
	ErrFingerprint = errors.New("offer: fingerprint missing or malformed")
	// ErrSetup: DTLS-SRTP without a=setup, with holdconn, or an answer whose role does not go with the offered one.
	ErrSetup = errors.New("offer: setup missing or unusable")
	// ErrTLSID: an a=tls-id that is none of RFC 8842 section 4.
	ErrTLSID = errors.New("offer: malformed tls-id")
	// ErrKeyMgmt: a mikey attribute that is not one message in base64.
	ErrKeyMgmt = errors.New("offer: malformed key-mgmt attribute")
	// ErrMismatch: an answer that does not fit the offer (RFC 3264 section 6).
	ErrMismatch = errors.New("offer: answer does not match the offer")
	// ErrRejected: the answer refuses the audio line with port 0.
	ErrRejected = errors.New("offer: audio was rejected")
	// ErrLocal: our own side is described wrongly; a programming error, not a peer's.
	ErrLocal = errors.New("offer: incomplete local description")
)

// warnings orders the sentinels by the warn-code of RFC 3261 section 20.43 that a 488 carries.
var warnings = []struct {
	err  error
	code int
	text string
}{
	{ErrNoCodec, 305, "no common codec"},
	{ErrPtime, 305, "packets of 20 ms needed"},
	{ErrNoKeyMgmt, 306, "a=key-mgmt:mikey or a=crypto needed"},
	{ErrCrypto, 306, "one a=crypto needed in the answer"},
	{ErrFingerprint, 306, "a=fingerprint missing or malformed"},
	{ErrSetup, 306, "a=setup:actpass, active or passive needed"},
	{ErrTLSID, 306, "a=tls-id malformed"},
	{ErrKeyMgmtProtocol, 306, "key-mgmt protocol not supported"},
	{ErrSeveralKeyMgmt, 306, "one MIKEY message at a time"},
	{ErrKeyMgmt, 306, "key-mgmt attribute malformed"},
	{ErrNotSecure, 399, "RTP/SAVP needed"},
	{ErrProfile, 399, "transport profile not supported"},
	{ErrNoAudio, 399, "no audio offered"},
	{ErrDisabled, 399, "audio is disabled"},
	{ErrRejected, 399, "audio was rejected"},
	{ErrAddress, 399, "media address cannot be used"},
	{ErrTooLarge, 399, "session description too large"},
	{ErrMismatch, 399, "answer does not match the offer"},
}

// Warning gives the warn-code (RFC 3261 section 20.43) and a fixed text for an error of this package; any other error is
// 399 with a general text.
func Warning(err error) (code int, text string) {
	for _, w := range warnings {
		if errors.Is(err, w.err) {
			return w.code, w.text
		}
	}
	return 399, "session description not acceptable"
}
