package gate

import (
	"bytes"
	"crypto/md5" //nolint:gosec // only for accounts that ask for it (RFC 8760 section 3)
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"strings"
)

// Names of the hash algorithms (RFC 7616 section 6.1).
const (
	algorithmSHA256 = "SHA-256"
	algorithmMD5    = "MD5"
)

// digest checks the Authorization field of our realm. account is the proven account. Both results empty mean that no
// such field is there; a refusal means that there is one and it does not hold.
func (g *Gate) digest(r *Request) (account string, refusal *Reject) {
	c, err := g.credentials(r.Authorization)
	if err != nil {
		return "", g.challenge(r, ReasonBadCredentials, false, err)
	}
	if c == nil {
		return "", nil
	}
	newHash, ha1, known := g.secretOf(c)
	if newHash == nil {
		return "", g.challenge(r, ReasonBadCredentials, false, nil)
	}
	defer clear(ha1)
	right := subtle.ConstantTimeCompare(c.expected(newHash, ha1, r), []byte(strings.ToLower(c.response))) == 1
	switch {
	case !known:
		return "", g.challenge(r, ReasonUnknownAccount, false, nil)
	case !right:
		return "", g.challenge(r, ReasonBadDigest, false, nil)
	case !sameTarget(c.uri, r.RequestURI):
		return "", &Reject{Status: 400, Reason: ReasonDigestURI, Warning: g.warning(399, "digest for another URI")}
	}
	n, fresh := g.openNonce(c.nonce, r.Source.Addr())
	if !fresh {
		return "", g.challenge(r, ReasonStaleNonce, true, nil)
	}
	switch g.window.use(n, c.count, c.username, g.now()) {
	case repeated:
		return "", g.challenge(r, ReasonReplayedDigest, true, nil)
	case full:
		return "", busy(ReasonTooManyNonces, nil)
	}
	return c.username, nil
}

// credentials picks the Authorization field of our realm; nil when there is none. A field that cannot be read counts as
// ours only when no other one is.
func (g *Gate) credentials(fields []string) (*credentials, error) {
	var bad error
	for _, f := range fields[:min(len(fields), maxAuthorizations)] {
		if !isDigest(f) {
			continue
		}
		c, err := parseAuthorization(f)
		if err != nil {
			bad = err
			continue
		}
		if c.realm == g.realm {
			return c, nil
		}
	}
	return nil, bad
}

// secretOf finds hash and HA1 of the credentials, which the caller wipes; for an account that does not exist a decoy of the same length, so that
// refusing it takes as long. No hash: an algorithm that is not taken.
func (g *Gate) secretOf(c *credentials) (newHash func() hash.Hash, ha1 []byte, known bool) {
	if c.userhash {
		return nil, nil, false
	}
	switch {
	case strings.EqualFold(c.algorithm, algorithmSHA256):
		newHash = sha256.New
		ha1, known = g.accounts.HA1SHA256(c.username)
	case c.algorithm == "" || strings.EqualFold(c.algorithm, algorithmMD5):
		newHash = md5.New
		ha1, known = g.accounts.HA1MD5(c.username)
	default:
		return nil, nil, false
	}
	size := newHash().Size()
	if !known || len(ha1) != size || !validName(c.username) {
		clear(ha1)
		return newHash, bytes.Clone(g.decoy[:size]), false
	}
	return newHash, ha1, true
}

// expected computes the response that the right password gives (RFC 7616 section 3.4.1), in lower-case hex.
func (c *credentials) expected(newHash func() hash.Hash, ha1 []byte, r *Request) []byte {
	h := newHash()
	sum := func(parts ...[]byte) []byte {
		h.Reset()
		for i, p := range parts {
			if i > 0 {
				h.Write([]byte{':'})
			}
			h.Write(p)
		}
		return hex.AppendEncode(nil, h.Sum(nil))
	}
	a2 := [][]byte{[]byte(r.Method), []byte(c.uri)}
	if c.qop == "auth-int" {
		a2 = append(a2, sum(r.Body))
	}
	secret := hex.AppendEncode(nil, ha1)
	defer clear(secret)
	return sum(secret, []byte(c.nonce), []byte(c.nc), []byte(c.cnonce), []byte(c.qop), sum(a2...))
}
