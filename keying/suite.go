package keying

import (
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// Lengths in octets that all suites of ours share.
const (
	hmacKeyLen = 20 // HMAC-SHA-1 session key (RFC 3711 section 5.2)
	hmacTagLen = 10 // the 80 bits of the suites' names
	aeadTagLen = 16 // RFC 7714 section 13.2
)

// spPolicy is the SP payload for the suite (RFC 3830 section 6.10.1, RFC 7714 section 14.3), every parameter written out.
func (s Suite) spPolicy(number uint8) mikey.Policy {
	p := mikey.Policy{Number: number, Protocol: mikey.ProtocolSRTP}
	put := func(typ uint8, value int) {
		p.Params = append(p.Params, mikey.Param{Type: typ, Value: []byte{byte(value)}})
	}
	encryption, authentication := mikey.EncrAESCM, mikey.AuthHMACSHA1
	if s.AEAD() {
		encryption, authentication = mikey.EncrAESGCM, mikey.AuthNULL
	}
	put(mikey.ParamEncrAlg, int(encryption))
	put(mikey.ParamEncrKeyLen, s.KeyLen())
	put(mikey.ParamAuthAlg, int(authentication))
	if !s.AEAD() {
		put(mikey.ParamAuthKeyLen, hmacKeyLen)
	}
	put(mikey.ParamSaltLen, s.SaltLen())
	put(mikey.ParamPRF, 0)
	put(mikey.ParamSRTPEncr, 1)
	put(mikey.ParamSRTCPEncr, 1)
	put(mikey.ParamSRTPAuth, 1)
	if s.AEAD() {
		put(mikey.ParamAEADTagLen, aeadTagLen)
	} else {
		put(mikey.ParamAuthTagLen, hmacTagLen)
	}
	return p
}

// suiteOf returns the suite that both sessions of a message agree on.
func suiteOf(m *mikey.Message) (Suite, error) {
	policies, sessions := m.Policies(), m.Sessions()
	if len(policies) == 0 {
		return suiteOfPolicy(mikey.Policy{Protocol: mikey.ProtocolSRTP})
	}
	if len(sessions) == 0 {
		if len(policies) > 1 {
			return "", fmt.Errorf("%w: several policies and no session that chooses", ErrUnknownSuite)
		}
		return suiteOfPolicy(policies[0])
	}
	var common Suite
	for i, session := range sessions {
		suite, err := suiteOfNumber(policies, session.Policy)
		if err != nil {
			return "", err
		}
		if i > 0 && suite != common {
			return "", fmt.Errorf("%w: sessions of different suites", ErrUnknownSuite)
		}
		common = suite
	}
	return common, nil
}

func suiteOfNumber(policies []mikey.Policy, number uint8) (Suite, error) {
	for _, p := range policies {
		if p.Number == number {
			return suiteOfPolicy(p)
		}
	}
	return "", fmt.Errorf("%w: no policy number %d", ErrUnknownSuite, number)
}

// suiteOfPolicy reads an SP payload. Only exact suites pass: a parameter that would weaken or change one, or that we do not
// know, makes it another suite. An absent parameter has SRTP's default (RFC 3830 section 6.10.1).
func suiteOfPolicy(p mikey.Policy) (Suite, error) {
	if p.Protocol != mikey.ProtocolSRTP {
		return "", fmt.Errorf("%w: policy for protocol %d", ErrUnknownSuite, p.Protocol)
	}
	get := func(typ uint8, absent uint64) uint64 {
		if !p.Has(typ) {
			return absent
		}
		if v, ok := p.Get(typ); ok {
			return v
		}
		return ^uint64(0)
	}
	keyLen := get(mikey.ParamEncrKeyLen, 16)
	var suite Suite
	switch encryption := get(mikey.ParamEncrAlg, uint64(mikey.EncrAESCM)); {
	case encryption == uint64(mikey.EncrAESGCM) && keyLen == 32:
		suite = AEADAES256GCM
	case encryption == uint64(mikey.EncrAESGCM) && keyLen == 16:
		suite = AEADAES128GCM
	case encryption == uint64(mikey.EncrAESCM) && keyLen == 32:
		suite = AESCM256SHA1x80
	case encryption == uint64(mikey.EncrAESCM) && keyLen == 16:
		suite = AESCM128SHA1x80
	default:
		return "", fmt.Errorf("%w: encryption %d with keys of %d octets", ErrUnknownSuite, encryption, keyLen)
	}
	for _, param := range p.Params {
		if v := get(param.Type, 0); !suite.permits(param.Type, v) {
			return "", fmt.Errorf("%w: parameter %d of value %d", ErrUnknownSuite, param.Type, v)
		}
	}
	return suite, nil
}

// permits says whether a present parameter has the only value that the suite leaves it.
func (s Suite) permits(typ uint8, value uint64) bool {
	switch typ {
	case mikey.ParamEncrAlg, mikey.ParamEncrKeyLen:
		return true // they chose the suite
	case mikey.ParamAuthAlg:
		return value == uint64(mikey.AuthHMACSHA1) || s.AEAD() && value == uint64(mikey.AuthNULL)
	case mikey.ParamAuthKeyLen:
		return value == hmacKeyLen || s.AEAD() // AEAD has no such key; RFC 7714 leaves the parameter undefined
	case mikey.ParamAuthTagLen:
		return value == hmacTagLen || s.AEAD() // likewise
	case mikey.ParamSaltLen:
		return value == uint64(s.SaltLen())
	case mikey.ParamPRF, mikey.ParamKDR, mikey.ParamFECOrder, mikey.ParamPrefixLen:
		return value == 0
	case mikey.ParamSRTPEncr, mikey.ParamSRTCPEncr, mikey.ParamSRTPAuth:
		return value == 1
	case mikey.ParamAEADTagLen:
		return s.AEAD() && value == aeadTagLen
	}
	return false
}

// mikeyGroup returns the group's number in MIKEY.
func (g Group) mikeyGroup() (mikey.Group, bool) {
	switch g {
	case MODP1536:
		return mikey.GroupMODP1536, true
	case MODP2048:
		return mikey.GroupMODP2048, true
	case MODP3072:
		return mikey.GroupMODP3072, true
	case P256:
		return mikey.GroupP256, true
	}
	return 0, false
}

// groupOf returns the group of a Diffie-Hellman message.
func groupOf(m *mikey.Message) (Group, error) {
	number, ok := m.DHGroup()
	if !ok {
		return "", fmt.Errorf("%w: no Diffie-Hellman value", ErrUnknownGroup)
	}
	for _, g := range Groups() {
		if n, _ := g.mikeyGroup(); n == number {
			return g, nil
		}
	}
	return "", fmt.Errorf("%w: number %d", ErrUnknownGroup, number)
}
