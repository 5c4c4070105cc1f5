package mikey

// Policy is an SP payload (RFC 3830 section 6.10): a set of parameters under a number that the CS ID map refers to.
type Policy struct {
	Number   uint8
	Protocol uint8   // ProtocolSRTP
	Params   []Param // in the order of the payload, no type twice; an absent one has SRTP's default
}

// Param is one parameter of a policy.
type Param struct {
	Type  uint8
	Value []byte // 1 to 255 octets, most parameters have 1
}

// Get is the value of parameter typ as a big-endian number; ok is false when it is absent or longer than eight octets.
func (p Policy) Get(typ uint8) (value uint64, ok bool) {
	for _, q := range p.Params {
		if q.Type != typ {
			continue
		}
		if len(q.Value) == 0 || len(q.Value) > 8 {
			return 0, false
		}
		for _, b := range q.Value {
			value = value<<8 | uint64(b)
		}
		return value, true
	}
	return 0, false
}

// Has tells whether parameter typ is present at all.
func (p Policy) Has(typ uint8) bool {
	for _, q := range p.Params {
		if q.Type == typ {
			return true
		}
	}
	return false
}
