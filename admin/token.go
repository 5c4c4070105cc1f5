package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// TokenHash is a token as it is kept: its SHA-256. A token is random and long, so that no salt and no slow hash is needed.
type TokenHash [sha256.Size]byte

// NewToken makes a token of 256 bits and the hash to keep. The token itself goes to its owner and is not kept.
func NewToken() (string, TokenHash, error) {
	raw := make([]byte, tokenOctets)
	if _, err := rand.Read(raw); err != nil {
		return "", TokenHash{}, fmt.Errorf("admin: make a token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(raw)
	return token, HashToken(token), nil
}

// HashToken gives the hash under which a token is kept.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// bearer gives the token of the Authorization field (RFC 6750 2.1), and whether there is one at all.
func bearer(r *http.Request) (token string, present bool) {
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return "", len(fields) > 0 // two of them are one too many to tell which holds
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimLeft(token, " "), true
}

// known compares the token with every hash in constant time.
func known(hashes []TokenHash, token string) bool {
	given := HashToken(token)
	found := 0
	for i := range hashes {
		found |= subtle.ConstantTimeCompare(hashes[i][:], given[:])
	}
	return found == 1
}
