package mikey

import (
	"fmt"
	"time"
)

// String is the name of the message type in reports.
func (t Type) String() string {
	switch t {
	case TypePSKInit:
		return "psk-i"
	case TypePSKResp:
		return "psk-r"
	case TypePKEInit:
		return "pke-i"
	case TypePKEResp:
		return "pke-r"
	case TypeDHInit:
		return "dh-i"
	case TypeDHResp:
		return "dh-r"
	case TypeError:
		return "error"
	case TypeDHHMACInit:
		return "dhhmac-i"
	case TypeDHHMACResp:
		return "dhhmac-r"
	case TypeRSARInit:
		return "rsar-i"
	case TypeRSARResp:
		return "rsar-r"
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// String is the name of the PRF in reports.
func (p PRF) String() string {
	switch p {
	case PRFSHA1:
		return "hmac-sha-1"
	case PRFSHA256:
		return "hmac-sha-256"
	}
	return fmt.Sprintf("prf-%d", uint8(p))
}

// String is the name of the payload as RFC 3830 writes it.
func (c PayloadType) String() string {
	switch c {
	case PayloadLast:
		return "last"
	case PayloadKEMAC:
		return "KEMAC"
	case PayloadPKE:
		return "PKE"
	case PayloadDH:
		return "DH"
	case PayloadSIGN:
		return "SIGN"
	case PayloadT:
		return "T"
	case PayloadID:
		return "ID"
	case PayloadCERT:
		return "CERT"
	case PayloadCHASH:
		return "CHASH"
	case PayloadV:
		return "V"
	case PayloadSP:
		return "SP"
	case PayloadRAND:
		return "RAND"
	case PayloadERR:
		return "ERR"
	case PayloadKeyData:
		return "Key data"
	case PayloadGeneralExt:
		return "General Ext"
	}
	return fmt.Sprintf("payload-%d", uint8(c))
}

// String is the name of the group in configurations.
func (g Group) String() string {
	switch g {
	case GroupMODP1536:
		return "modp1536"
	case GroupMODP2048:
		return "modp2048"
	case GroupMODP3072:
		return "modp3072"
	case GroupP256:
		return "p256"
	}
	return fmt.Sprintf("group-%d", uint8(g))
}

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
