package admin

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/conclave/conclave/server"
)

// open says whether a route asks nobody for a token.
func (a *Admin) open(path string) bool {
	return slices.Contains(openRoutes, path) || ofConsole(path) || (path == "/metrics" && !a.metricsToken)
}

// identified is the one place that lets a request pass to its route. It denies by default, unknown routes included; what the
// one who asks may do is for authorize to say. It comes before anything that is bounded for all, since to look at a token costs a hash.
func (a *Admin) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(probes, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if a.open(r.URL.Path) {
			a.welcome(w, r, next)
			return
		}
		token, present := bearer(r)
		if !present {
			if p := certified(r); p != nil {
				a.paced(w, r, p, next)
				return
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="conclave admin"`)
			a.refuse(w, reasonNoToken, http.StatusUnauthorized, "give the admin token: Authorization: Bearer TOKEN")
			return
		}
		p, err := a.bearerOf(token)
		if err != nil {
			a.mistaken(w, r, p, err)
			return
		}
		a.paced(w, r, p, next)
	})
}

// welcome lets anybody pass, and who proves himself all the same as himself: so that whoever watches the server with a token does not share the
// bounds of strangers. What proves nobody is no matter here.
func (a *Admin) welcome(w http.ResponseWriter, r *http.Request, next http.Handler) {
	p := certified(r)
	if token, present := bearer(r); present {
		known, err := a.bearerOf(token)
		if p = known; err != nil {
			p = nil
		}
	}
	if p == nil {
		next.ServeHTTP(w, r)
		return
	}
	a.paced(w, r, p, next)
}

// paced holds everybody to a rate of his own, so that one program that runs wild leaves the API to the others.
func (a *Admin) paced(w http.ResponseWriter, r *http.Request, p *principal, next http.Handler) {
	if !a.paces.allow(p.id) {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		a.refuse(w, reasonPaced, http.StatusTooManyRequests, "too many requests with this token; slow down")
		return
	}
	if c := connectionOf(r.Context()); c != nil && !c.prove(p.id) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		a.refuse(w, reasonConnected, http.StatusTooManyRequests,
			fmt.Sprintf("%d connections are open with this token; close those that do nothing, or use a token of its own for each program", maxProvenBy))
		return
	}
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
}

// bearerOf gives the principal of a token; with server.ErrTokenExpired the one that it was good for.
func (a *Admin) bearerOf(token string) (*principal, error) {
	if known(a.tokens, token) {
		return &principal{id: "file", role: server.Administrator}, nil
	}
	hash := HashToken(token)
	view, err := a.server.TokenOf(hash)
	if err != nil && !errors.Is(err, server.ErrTokenExpired) {
		return nil, err
	}
	ends := func() bool {
		_, err := a.server.TokenOf(hash)
		return err != nil
	}
	return &principal{id: principalOfToken(view.ID), role: view.Role, room: view.Room, ends: ends}, err
}

// principalOfToken is the principal's id of a token's.
func principalOfToken(id string) string { return "token:" + id }

// certified gives the principal of a client's certificate of admin.client_ca, which TLS has verified: its role is the one
// organizational unit that names one. nil: there is no such certificate, or it names no role, or several.
func certified(r *http.Request) *principal {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	leaf := r.TLS.VerifiedChains[0][0]
	role, ok := roleOf(leaf)
	if !ok {
		return nil
	}
	print := sha256.Sum256(leaf.Raw)
	ends := func() bool { return time.Now().After(leaf.NotAfter) }
	return &principal{id: "cert:" + hex.EncodeToString(print[:8]), role: role, ends: ends}
}

func roleOf(leaf *x509.Certificate) (role server.Role, ok bool) {
	for _, unit := range leaf.Subject.OrganizationalUnit {
		if r := server.Role(unit); r.Includes(server.Viewer) {
			if ok {
				return "", false
			}
			role, ok = r, true
		}
	}
	return role, ok
}

// mistaken answers a token that proves nobody, p being who it did prove once.
func (a *Admin) mistaken(w http.ResponseWriter, r *http.Request, p *principal, err error) {
	tooMany, wait := a.failures.note(peer(r))
	if tooMany {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		a.refuse(w, reasonThrottled, http.StatusTooManyRequests, "too many wrong tokens from this address; wait")
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="conclave admin", error="invalid_token"`)
	if errors.Is(err, server.ErrTokenExpired) {
		a.log.InfoContext(r.Context(), "admin request with an expired token", "by", p.id, "source", peer(r))
		a.refuse(w, reasonToken, http.StatusUnauthorized, "the token has expired; ask an admin for another")
		return
	}
	a.log.WarnContext(r.Context(), "admin request with a wrong token", "source", peer(r))
	a.toTrail(r, server.AdminAction{Operation: "wrong token", Path: r.URL.Path, Status: http.StatusUnauthorized})
	a.refuse(w, reasonToken, http.StatusUnauthorized, "the token is wrong")
}
