package keying

import "bytes"

// Running is what a leg keeps of its agreement to go on with: the crypto session bundle that a MIKEY update continues (RFC
// 3830 section 4.5), the a=crypto lines of SDES, the association of DTLS. It never changes: an update makes another. Any
// goroutine may use it, also while its leg wipes it.
type Running struct {
	method Method
	csbID  uint32
	role   Role
	offer  []byte // octets of the I_MESSAGE
}

// Same says whether a description brings the key management of the running agreement again, and so leaves the keys as they are.
func (r *Running) Same(a Attributes) bool {
	return r != nil && len(r.offer) > 0 && bytes.Equal(r.offer, a.MIKEY)
}

// Repeat is what a description of ours that leaves the keys as they are says about them; empty where nothing need be said.
func (r *Running) Repeat() Attributes {
	if r == nil || r.role != Initiator {
		return Attributes{}
	}
	return Attributes{MIKEY: r.offer}
}

// Reply is what our answer says to an offer that is Same.
func (r *Running) Reply(Attributes) Attributes { return Attributes{} }

// Method is how the keys were agreed on.
func (r *Running) Method() Method {
	if r == nil {
		return ""
	}
	return r.method
}

// CSBID is the crypto session bundle (RFC 3830 section 6.1), 0 without one.
func (r *Running) CSBID() uint32 {
	if r == nil {
		return 0
	}
	return r.csbID
}

// CanUpdate says whether the keys can be renewed with this peer.
func (r *Running) CanUpdate() bool { return r != nil }

// Wipe overwrites what is secret in it.
func (r *Running) Wipe() {}

// Message is the octets of the MIKEY message that opened the running agreement; they must not be changed.
func (r *Running) Message() []byte {
	if r == nil {
		return nil
	}
	return r.offer
}
