package mikey

import (
	"encoding/binary"
	"fmt"
)

// keyData is a key data sub-payload (RFC 3830 section 6.13).
type keyData struct {
	typ      KeyType // 4 bits
	key      []byte
	salt     []byte // types 1, 3 and 5 only
	validity validity
}

// hasSalt: the odd types carry a salt.
func (t KeyType) hasSalt() bool { return t == KeyTGKSalt || t == KeyTEKSalt || t == 5 }

// append writes the sub-payload.
func (k keyData) append(b []byte, next PayloadType) []byte {
	b = append(b, byte(next), byte(k.typ)<<4|k.validity.kind)
	b = append16(b, k.key)
	if k.typ.hasSalt() {
		b = append16(b, k.salt)
	}
	return k.validity.append(b)
}

// parseKeyData reads the decrypted content of a PSK's KEMAC: key data sub-payloads and nothing else. What it returns
// shares plain.
func parseKeyData(plain []byte) ([]keyData, error) {
	r := &reader{b: plain}
	var ks []keyData
	for next := PayloadKeyData; next != PayloadLast; {
		if next != PayloadKeyData || len(ks) == MaxKeys {
			return nil, fmt.Errorf("%w: sub-payload %d, the %dth", ErrMalformed, next, len(ks)+1)
		}
		next = PayloadType(r.u8())
		typeKV := r.u8()
		k := keyData{typ: KeyType(typeKV >> 4), key: r.vec16()}
		if k.typ.hasSalt() {
			k.salt = r.vec16()
		}
		var err error
		if k.validity, err = parseValidity(r, typeKV&0x0F); err != nil {
			return nil, err
		}
		if r.short {
			return nil, fmt.Errorf("%w: ends within the key data", ErrMalformed)
		}
		ks = append(ks, k)
	}
	if len(r.b) != 0 {
		return nil, fmt.Errorf("%w: %d octets after the key data", ErrMalformed, len(r.b))
	}
	return ks, nil
}

// single is the one key an SRTP leg takes. A TEK without a salt leaves the salt undefined (RFC 3830 says nothing), and
// group keys are for other uses.
func single(ks []keyData) (keyData, error) {
	if len(ks) != 1 {
		return keyData{}, fmt.Errorf("%w: %d keys", ErrKeyData, len(ks))
	}
	k := ks[0]
	switch {
	case k.typ != KeyTGK && k.typ != KeyTGKSalt && k.typ != KeyTEKSalt:
		return keyData{}, fmt.Errorf("%w: key type %d", ErrKeyData, k.typ)
	case len(k.key) < minTGK, k.typ.hasSalt() && len(k.salt) == 0:
		return keyData{}, fmt.Errorf("%w: key of %d octets, salt of %d", ErrKeyData, len(k.key), len(k.salt))
	}
	return k, nil
}

// idsAndTime is what V covers besides the message: IDi || IDr || T, the identities without their payload headers, the
// time as eight octets (RFC 3830 section 5.2). Empty strings stand for identities that nobody stated.
func idsAndTime(idi, idr string, t Timestamp) []byte {
	b := make([]byte, 0, len(idi)+len(idr)+binary.Size(uint64(0)))
	b = append(append(b, idi...), idr...)
	return append(b, t.eight()...)
}
