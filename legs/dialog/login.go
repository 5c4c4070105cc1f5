package dialog

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// login are the credentials of a call that we make. They answer challenges of their own realm only, on requests of the
// dialog that they were given for; a server's own dialogs have none and answer no challenge at all.
type login struct{ username, password, realm string }

// challenged tells a response that asks for credentials.
func challenged(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// authorize answers the strongest challenge of res on req: SHA-256 before MD5, auth-int (which covers the body) before
// auth. ErrChallenge when there is none for us.
func (l *login) authorize(req *sip.Request, res *sip.Response) error {
	if l == nil || l.username == "" {
		return ErrChallenge
	}
	asks, gives := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		asks, gives = "Proxy-Authenticate", "Proxy-Authorization"
	}
	best := l.best(res.GetHeaders(asks))
	if best == nil {
		return ErrChallenge
	}
	body := req.Body()
	cred, err := digest.Digest(best, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: l.username, Password: l.password,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	if !clean(cred.String()) {
		return ErrBadHeader
	}
	req.RemoveHeader(gives)
	req.AppendHeader(sip.NewHeader(gives, cred.String()))
	return nil
}

func (l *login) best(fields []sip.Header) *digest.Challenge {
	var best *digest.Challenge
	for _, h := range fields {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || c.Realm != l.realm || l.realm == "" {
			continue
		}
		for i := range c.QOP {
			c.QOP[i] = strings.TrimSpace(c.QOP[i])
		}
		if slices.Contains(c.QOP, "auth-int") {
			c.QOP = []string{"auth-int"}
		}
		if digest.CanDigest(c) && (best == nil || strength(c) > strength(best)) {
			best = c
		}
	}
	return best
}

func strength(c *digest.Challenge) int {
	switch strings.ToUpper(c.Algorithm) {
	case "SHA-256":
		return 3
	case "SHA-512-256", "SHA-512":
		return 2
	}
	return 1
}
