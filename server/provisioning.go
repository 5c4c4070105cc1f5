package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
)

// ProvisioningURI is what a phone needs of a bundle, in the length that a QR code of it may have: everything but the certificates, and of the
// authority its fingerprint. It holds the secrets in the clear, as the bundle does.
//
//	conclave:alice@conf.example.com?server=tls:192.0.2.1:5061&password=...&psk=...&ca=...
//
// The user of digest is the account, its realm the domain; psk and ca (SHA-256 of the certificate) are base64url without padding. Several
// servers stand in the order of preference.
func ProvisioningURI(b *Bundle) string {
	var text strings.Builder
	text.WriteString("conclave:" + strings.TrimPrefix(b.URI, "sip:") + "?")
	for _, s := range b.Servers {
		text.WriteString("server=" + s.Transport + ":" + url.QueryEscape(s.Address) + "&")
	}
	text.WriteString("password=" + url.QueryEscape(string(b.Digest.Password.Bytes())))
	if psk := b.PSK.Bytes(); len(psk) > 0 {
		text.WriteString("&psk=" + base64.RawURLEncoding.EncodeToString(psk))
	}
	if block, _ := pem.Decode([]byte(b.CAPEM)); block != nil {
		print := sha256.Sum256(block.Bytes)
		text.WriteString("&ca=" + base64.RawURLEncoding.EncodeToString(print[:]))
	}
	return text.String()
}
