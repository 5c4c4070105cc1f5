package keying

import "sync"

// Running is what a leg keeps of its agreement to go on with: the crypto session bundle that a MIKEY update continues (RFC
// 3830 section 4.5), the a=crypto lines of SDES, the association of DTLS. It never changes but for Wipe: an update makes another.
// Any goroutine may use it, also while its leg wipes it.
type Running struct {
	method Method // set once
	csbID  uint32 // set once; 0 without a bundle

	mu   sync.Mutex
	kept kept // nil once wiped; guarded by mu
}

// kept is what one method keeps. None of it changes but by wipe.
type kept interface {
	same(Attributes) bool
	repeat() Attributes
	reply(Attributes) Attributes
	canUpdate() bool
	wipe()
}

// state is what is kept; nil once wiped, and of no agreement at all.
func (r *Running) state() kept {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept
}

// Same says whether a description brings the key management of the running agreement again, and so leaves the keys as they are:
// of MIKEY none at all, or a message of the running agreement, and the addresses that the peer has bound; of SDES the running key; of DTLS the running association.
// Whoever saw the description can send it again: it proves nobody's identity.
func (r *Running) Same(a Attributes) bool {
	if r == nil {
		return false
	}
	r.mu.Lock() // held throughout, so that a wiped key is never compared with
	defer r.mu.Unlock()
	return r.kept != nil && r.kept.same(a)
}

// Repeat is what an offer of ours that leaves the keys as they are says about them; empty where nothing need be said.
func (r *Running) Repeat() Attributes {
	return r.says(kept.repeat)
}

// Reply is what our answer says to an offer that is Same; empty where nothing need be said.
func (r *Running) Reply(a Attributes) Attributes {
	return r.says(func(k kept) Attributes { return k.reply(a) })
}

// says asks what is kept, if anything is, while nobody wipes it.
func (r *Running) says(what func(kept) Attributes) Attributes {
	if r == nil {
		return Attributes{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		return Attributes{}
	}
	return what(r.kept)
}

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

// CanUpdate says whether we can renew the keys with this peer. It may be able to where we are not.
func (r *Running) CanUpdate() bool {
	state := r.state()
	return state != nil && state.canUpdate()
}

// Wipe overwrites what is secret in it, and makes it of no use.
func (r *Running) Wipe() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept != nil {
		r.kept.wipe()
	}
	r.kept = nil
}

// Message is the octets of the MIKEY message that the running keys are of, nil with other methods; they must not be changed.
func (r *Running) Message() []byte {
	if s := r.bundle(); s != nil {
		return s.offers[0]
	}
	return nil
}
