package mikey

import (
	"fmt"
	"time"
)

// nameOf is the name of a number, or for one without a name its kind and the number.
func nameOf[N ~uint8](names map[N]string, n N, kind string) string {
	if name, ok := names[n]; ok {
		return name
	}
	return fmt.Sprintf("%s-%d", kind, uint8(n))
}

var (
	typeNames = map[Type]string{
		TypePSKInit: "psk-i", TypePSKResp: "psk-r", TypePKEInit: "pke-i", TypePKEResp: "pke-r", TypeDHInit: "dh-i", TypeDHResp: "dh-r",
		TypeError: "error", TypeDHHMACInit: "dhhmac-i", TypeDHHMACResp: "dhhmac-r", TypeRSARInit: "rsar-i", TypeRSARResp: "rsar-r",
	}
	prfNames = map[PRF]string{
		PRFSHA1: "hmac-sha-1", PRFSHA256: "hmac-sha-256",
	}
	payloadNames = map[PayloadType]string{
		PayloadLast: "last", PayloadKEMAC: "KEMAC", PayloadPKE: "PKE", PayloadDH: "DH", PayloadSIGN: "SIGN", PayloadT: "T",
		PayloadID: "ID", PayloadCERT: "CERT", PayloadCHASH: "CHASH", PayloadV: "V", PayloadSP: "SP", PayloadRAND: "RAND",
		PayloadERR: "ERR", PayloadKeyData: "Key data", PayloadGeneralExt: "General Ext",
	}
	groupNames = map[Group]string{
		GroupMODP1536: "modp1536", GroupMODP2048: "modp2048", GroupMODP3072: "modp3072", GroupP256: "p256",
	}
)

// String is the name of the message type in reports.
func (t Type) String() string { return nameOf(typeNames, t, "type") }

// String is the name of the PRF in reports.
func (p PRF) String() string { return nameOf(prfNames, p, "prf") }

// String is the name of the payload as RFC 3830 writes it.
func (c PayloadType) String() string { return nameOf(payloadNames, c, "payload") }

// String is the name of the group in configurations.
func (g Group) String() string { return nameOf(groupNames, g, "group") }

// String is the meaning of the number, as RFC 3830 table 6.12 words it.
func (n ErrorNumber) String() string {
	names := [...]string{
		"Auth failure", "Invalid TS", "Invalid PRF", "Invalid MAC", "Invalid EA", "Invalid HA", "Invalid DH", "Invalid ID",
		"Invalid Cert", "Invalid SP", "Invalid SPpar", "Invalid DT", "Unspecified error", "Unsupported message type",
	}
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("error-%d", uint8(n))
}

// text is the time stamp for reports; near resolves the era of NTP seconds.
func (t Timestamp) text(near time.Time) string {
	if n, ok := t.Counter(); ok {
		return fmt.Sprintf("counter %d", n)
	}
	if at, ok := t.Time(near); ok {
		return at.Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("ntp %016x", t.value)
}

// suite is the SRTP suite that a policy amounts to; the name is for reports only. Lengths in octets.
type suite struct {
	name      string
	key, salt int
}

// policyOf is the policy of a CS; without any SP it is an empty one, which means SRTP's defaults.
func policyOf(ps []Policy, s Session) Policy {
	for _, p := range ps {
		if p.Number == s.Policy {
			return p
		}
	}
	return Policy{Number: s.Policy}
}

// suite names the policy. An absent parameter has its default of RFC 3830 section 6.10.1: AES-CM-128 with HMAC-SHA-1,
// 80-bit tag.
func (p Policy) suite() suite {
	get := func(typ uint8, otherwise uint64) uint64 {
		if v, ok := p.Get(typ); ok {
			return v
		}
		return otherwise
	}
	key := get(ParamEncrKeyLen, 16)
	if key != 16 && key != 32 {
		return suite{}
	}
	switch get(ParamEncrAlg, uint64(EncrAESCM)) {
	case uint64(EncrAESGCM):
		return suite{fmt.Sprintf("AEAD_AES_%d_GCM", key*8), int(key), 12}
	case uint64(EncrAESCM):
		tag := get(ParamAuthTagLen, 10)
		if get(ParamAuthAlg, uint64(AuthHMACSHA1)) != uint64(AuthHMACSHA1) || tag != 10 && tag != 4 {
			return suite{}
		}
		return suite{fmt.Sprintf("%sHMAC_SHA1_%d", map[uint64]string{16: "AES_CM_128_", 32: "AES_256_CM_"}[key], tag*8), int(key), 14}
	}
	return suite{}
}
