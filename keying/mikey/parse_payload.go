package mikey

import "fmt"

// The payloads whose length follows from an algorithm number.

func parseTimestamp(r *reader) (payload, error) {
	t := Timestamp{typ: r.u8()}
	switch t.typ {
	case tsNTPUTC, tsNTP:
		t.value = r.u64()
	case tsCounter, tsNTPUTC32:
		t.value = uint64(r.u32())
	default:
		return nil, fmt.Errorf("%w: type %d", ErrTimestamp, t.typ)
	}
	return timestampPayload{t}, nil
}

// parsePolicy reads an SP. A parameter twice could be read in two ways, so it is refused.
func parsePolicy(r *reader) (payload, error) {
	sp := Policy{Number: r.u8(), Protocol: r.u8()}
	params := reader{b: r.vec16()}
	for len(params.b) > 0 && !params.short {
		q := Param{Type: params.u8(), Value: params.vec8()}
		if sp.Has(q.Type) {
			return nil, fmt.Errorf("%w: policy parameter %d twice", ErrMalformed, q.Type)
		}
		sp.Params = append(sp.Params, q)
	}
	if params.short {
		return nil, fmt.Errorf("%w: ends within a policy parameter", ErrMalformed)
	}
	return spPayload{sp}, nil
}

func parseCertHash(r *reader) (payload, error) {
	p := chashPayload{hash: r.u8()}
	switch p.hash {
	case cacheHashSHA1:
		p.data = r.take(20)
	case cacheHashMD5:
		p.data = r.take(16)
	case cacheHashSHA256:
		p.data = r.take(32)
	default:
		return nil, fmt.Errorf("%w: %d", ErrHash, p.hash)
	}
	return p, nil
}

// macLen is the length in octets of a MAC; ok is false for an algorithm that is not known.
func macLen(alg uint8) (n int, ok bool) {
	switch alg {
	case macNULL:
		return 0, true
	case macHMACSHA1:
		return 20, true
	case macHMACSHA256:
		return 32, true
	}
	return 0, false
}

func parseMAC(r *reader, alg uint8) ([]byte, error) {
	n, ok := macLen(alg)
	if !ok {
		return nil, fmt.Errorf("%w: %d", ErrMACAlg, alg)
	}
	return r.take(n), nil
}

// parseKEMACMAC reads the MAC of a KEMAC. RFC 4650 gives HMAC-SHA-1 the number that is NULL in RFC 3830: in its messages,
// at the end, that number with exactly 20 octets after it is an HMAC-SHA-1, and never a NULL MAC.
func parseKEMACMAC(r *reader, alg uint8, next PayloadType, t Type) ([]byte, error) {
	dhhmac := t == TypeDHHMACInit || t == TypeDHHMACResp
	if n, _ := macLen(macHMACSHA1); dhhmac && alg == macHMAC4650 && next == PayloadLast && len(r.b) == n {
		return r.take(n), nil
	}
	return parseMAC(r, alg)
}

func parseDH(r *reader) (payload, error) {
	p := dhPayload{group: Group(r.u8())}
	n := p.group.valueLen()
	if n == 0 {
		return nil, fmt.Errorf("%w: %d", ErrGroup, p.group)
	}
	p.value = r.take(n)
	kind := r.u8()
	p.reserved = kind >> 4
	var err error
	p.validity, err = parseValidity(r, kind&0x0F)
	return p, err
}

// parseValidity reads key validity data (RFC 3830 section 6.14).
func parseValidity(r *reader, kind uint8) (validity, error) {
	v := validity{kind: kind}
	switch kind {
	case kvNone:
	case kvSPI:
		v.spi = r.vec8()
	case kvInterval:
		v.from = r.vec8()
		v.to = r.vec8()
	default:
		return v, fmt.Errorf("%w: key validity %d", ErrMalformed, kind)
	}
	return v, nil
}
