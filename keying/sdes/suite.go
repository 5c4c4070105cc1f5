package sdes

// suite is a crypto-suite with the lengths of its master key and salt in octets.
type suite struct {
	name      string
	key, salt int
}

// suites are those registered for SRTP whose key length is fixed (RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 14.2).
var suites = [...]suite{
	{"AES_CM_128_HMAC_SHA1_80", 16, 14},
	{"AES_CM_128_HMAC_SHA1_32", 16, 14},
	{"F8_128_HMAC_SHA1_80", 16, 14},
	{"AES_192_CM_HMAC_SHA1_80", 24, 14},
	{"AES_192_CM_HMAC_SHA1_32", 24, 14},
	{"AES_256_CM_HMAC_SHA1_80", 32, 14},
	{"AES_256_CM_HMAC_SHA1_32", 32, 14},
	{"AEAD_AES_128_GCM", 16, 12},
	{"AEAD_AES_256_GCM", 32, 12},
}
