package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
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

// LoadToken reads the token from its file, of mode 0600, or makes one where there is no such file.
func LoadToken(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // in the data directory
	if errors.Is(err, fs.ErrNotExist) {
		return createToken(file)
	}
	if err != nil {
		return "", fmt.Errorf("admin: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("admin: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: %s can be read by others; run: chmod 600 %s", ErrConfig, file, file)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < tokenOctets {
		return "", fmt.Errorf("%w: the token in %s is too short; delete the file to have a new one made", ErrConfig, file)
	}
	return token, nil
}

// createToken makes a token and its file, which must not be there yet.
func createToken(file string) (string, error) {
	token, _, err := NewToken()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // in the data directory
	if err != nil {
		return "", fmt.Errorf("admin: keep the token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("admin: keep the token: %w", err), os.Remove(file))
	}
	return token, nil
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
