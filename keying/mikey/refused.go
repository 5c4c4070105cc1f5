package mikey

import "fmt"

// refusal reads an error message that came in place of the R to i. authentic tells whether its V or SIGN holds with these
// octets signed beside it.
func (i *Message) refusal(e *Message, unstated []string, authentic func(beside []byte) bool) (Refusal, error) {
	if e.header.typ != TypeError || e.header.csbID != i.header.csbID {
		return Refusal{}, fmt.Errorf("%w: no error message of this CSB", ErrExchange)
	}
	r := Refusal{Numbers: e.ErrorNumbers(), Policies: e.Policies()}
	if e.authLen == 0 {
		return r, nil
	}
	// RFC 3830 section 5.2 appends identities and our time stamp to every answer, RFC 6043 nothing, and then it is the message's own
	// time that keeps an error about an earlier message from being sent again.
	besides := [][]byte{signedBeside(i, e)}
	if unstated != nil {
		besides = append(besides, idsAndTime(unstated[0], unstated[1], i.Timestamp()))
	}
	if e.Timestamp() == i.Timestamp() || later(e.Timestamp().ordinal(), i.Timestamp().ordinal()) {
		besides = append(besides, nil)
	}
	for _, beside := range besides {
		r.Authenticated = r.Authenticated || authentic(beside)
	}
	return r, nil
}

// holds tells whether V of e is under the key.
func (k messageKey) holds(e *Message) func([]byte) bool {
	return func(beside []byte) bool {
		v, ok := find[vPayload](e)
		return ok && k.verify(v.alg, v.mac, e.covered(), beside) == nil
	}
}

// holds tells whether SIGN of e is the peer's.
func (k PeerKey) holds(e *Message) func([]byte) bool {
	return func(beside []byte) bool { return k.Public != nil && k.verify(e, beside) == nil }
}

// Refused reads an error message: a PSK peer's has V, and one that could not open an envelope signs.
func (i *pskInitiation) Refused(e *Message, peer PeerKey) (Refusal, error) {
	if _, signed := find[signPayload](e); signed && i.answer == TypePKEResp {
		return i.m.refusal(e, i.unstated, peer.holds(e))
	}
	if i.crypto == nil { // once wiped, anybody knows the key
		return i.m.refusal(e, i.unstated, func([]byte) bool { return false })
	}
	return i.m.refusal(e, i.unstated, i.psk.holds(e))
}

// Refused reads an error message: signed, or under the pre-shared key of a DHHMAC.
func (i *dhInitiation) Refused(e *Message, peer PeerKey) (Refusal, error) {
	if i.psk == nil {
		return i.m.refusal(e, nil, peer.holds(e))
	}
	if i.over {
		return i.m.refusal(e, nil, func([]byte) bool { return false })
	}
	return i.m.refusal(e, nil, i.psk.holds(e))
}

// Refused reads an error message: signed.
func (i *rsarInitiation) Refused(e *Message, peer PeerKey) (Refusal, error) {
	return i.m.refusal(e, nil, peer.holds(e))
}
