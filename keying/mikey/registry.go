package mikey

// Type is the data type of a message (RFC 3830 table 6.1.a, RFC 4650, RFC 4738).
type Type uint8

// The message types that parse.
const (
	TypePSKInit    Type = 0
	TypePSKResp    Type = 1
	TypePKEInit    Type = 2
	TypePKEResp    Type = 3
	TypeDHInit     Type = 4
	TypeDHResp     Type = 5
	TypeError      Type = 6
	TypeDHHMACInit Type = 7
	TypeDHHMACResp Type = 8
	TypeRSARInit   Type = 9
	TypeRSARResp   Type = 10
)

// PRF is the pseudo-random function of a CSB (RFC 3830 section 4.1.2, RFC 6043 section 6.1).
type PRF uint8

// The pseudo-random functions.
const (
	PRFSHA1   PRF = 0 // MIKEY-1, HMAC-SHA-1
	PRFSHA256 PRF = 1 // PRF-HMAC-SHA-256
)

// MapType is the CS ID map type of the header (RFC 3830 section 6.1, RFC 4563, RFC 6043).
type MapType uint8

// The CS ID map types.
const (
	MapSRTP    MapType = 0
	MapEmpty   MapType = 1
	MapGeneric MapType = 2
)

// PayloadType is a next payload code (RFC 3830 table 6.1.b).
type PayloadType uint8

// The payloads of RFC 3830.
const (
	PayloadLast       PayloadType = 0
	PayloadKEMAC      PayloadType = 1
	PayloadPKE        PayloadType = 2
	PayloadDH         PayloadType = 3
	PayloadSIGN       PayloadType = 4
	PayloadT          PayloadType = 5
	PayloadID         PayloadType = 6
	PayloadCERT       PayloadType = 7
	PayloadCHASH      PayloadType = 8
	PayloadV          PayloadType = 9
	PayloadSP         PayloadType = 10
	PayloadRAND       PayloadType = 11
	PayloadERR        PayloadType = 12
	PayloadKeyData    PayloadType = 20
	PayloadGeneralExt PayloadType = 21
)

// Identity types of the ID payload (RFC 3830 table 6.7.a) and CERT types (table 6.7.b).
const (
	IDTypeNAI uint8 = 0
	IDTypeURI uint8 = 1

	CertX509     uint8 = 0 // X.509v3
	CertX509URL  uint8 = 1 // URL of one; never fetched
	CertX509Sign uint8 = 2 // X.509v3 for signatures
	CertX509Encr uint8 = 3 // X.509v3 for encryption
)

// KeyType is the type of a key data sub-payload (RFC 3830 table 6.13.a).
type KeyType uint8

// The key types an exchange accepts; the others parse and are refused.
const (
	KeyTGK     KeyType = 0
	KeyTGKSalt KeyType = 1
	KeyTEK     KeyType = 2
	KeyTEKSalt KeyType = 3
)

// SRTP policy parameters (RFC 3830 section 6.10.1.A, RFC 7714 section 14.3) and the values this product speaks.
const (
	ParamEncrAlg    uint8 = 0
	ParamEncrKeyLen uint8 = 1 // octets; also the length of the master key
	ParamAuthAlg    uint8 = 2
	ParamAuthKeyLen uint8 = 3 // octets
	ParamSaltLen    uint8 = 4 // octets
	ParamPRF        uint8 = 5
	ParamKDR        uint8 = 6
	ParamSRTPEncr   uint8 = 7
	ParamSRTCPEncr  uint8 = 8
	ParamFECOrder   uint8 = 9
	ParamSRTPAuth   uint8 = 10
	ParamAuthTagLen uint8 = 11 // octets
	ParamPrefixLen  uint8 = 12 // octets
	ParamROCRate    uint8 = 13 // RFC 4771
	ParamAEADTagLen uint8 = 20 // octets
	EncrNULL        uint8 = 0
	EncrAESCM       uint8 = 1
	EncrAESGCM      uint8 = 6
	AuthNULL        uint8 = 0
	AuthHMACSHA1    uint8 = 1
	ProtocolSRTP    uint8 = 0 // prot type of an SP payload
	ExtVendorID     uint8 = 0 // General Extension types, RFC 3830 table 6.15
	ExtSDPIDs       uint8 = 1
	ExtKeyID        uint8 = 3
	ExtVendor       uint8 = 241 // private use: our vendor extension
	extCSBID        uint8 = 4   // RFC 4738 section 3.9.3
	tsNTPUTC        uint8 = 0   // T payload types, RFC 3830 table 6.6
	tsNTP           uint8 = 1
	tsCounter       uint8 = 2
	tsNTPUTC32      uint8 = 3
	kemacNULL       uint8 = 0 // encryption of the KEMAC, RFC 3830 table 6.2.a, RFC 6043
	kemacAESCM128   uint8 = 1
	kemacAESKW128   uint8 = 2
	kemacNULL4650   uint8 = 2 // NULL as RFC 4650 section 4.2 numbers it, which is another table than RFC 3830's
	kemacAESCM256   uint8 = 3
	macHMAC4650     uint8 = 0 // HMAC-SHA-1 as RFC 4650 section 4.2 numbers it
	macNULL         uint8 = 0 // MACs of KEMAC and V, RFC 3830 table 6.2.b, RFC 6043
	macHMACSHA1     uint8 = 1
	macHMACSHA256   uint8 = 2
	signRSA         uint8 = 0 // S types of SIGN, RFC 3830 table 6.5
	signRSAPSS      uint8 = 1
	signECCSI       uint8 = 2
	signECDSAP256   uint8 = 15 // our own: r||s of 32 octets each over SHA-256; no RFC registers ECDSA
	kvNone          uint8 = 0  // key validity, RFC 3830 table 6.13.b
	kvSPI           uint8 = 1
	kvInterval      uint8 = 2
	cacheNo         uint8 = 0 // C of PKE, RFC 3830 table 6.3
	cacheAny        uint8 = 1
	cacheCSB        uint8 = 2
	version         uint8 = 1
	cacheHashSHA1   uint8 = 0 // CHASH, RFC 3830 table 6.8, RFC 6043
	cacheHashMD5    uint8 = 1
	cacheHashSHA256 uint8 = 2
)

// Group is the DH group number of a DH payload. Group 1 and 2 of RFC 3830 (768 and 1024 bits) parse and are refused.
type Group uint8

// The groups an exchange computes in. 241 to 243 are from the range for private use.
const (
	GroupMODP1536 Group = 0 // OAKLEY 5, mandatory with DH
	GroupMODP2048 Group = 241
	GroupMODP3072 Group = 242
	GroupP256     Group = 243 // uncompressed point; the TGK is the x coordinate

	groupOakley1 Group = 1
	groupOakley2 Group = 2
)
