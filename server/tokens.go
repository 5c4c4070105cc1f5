package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/conclave/conclave/server/store"
)

// Role is what whoever uses the admin API may do. Each may do what those before it may.
type Role string

// The roles, least first.
const (
	Viewer        Role = "viewer"   // looks on
	Operator      Role = "operator" // runs rooms and calls
	Administrator Role = "admin"    // makes accounts and tokens
)

var roles = []Role{Viewer, Operator, Administrator} // compiled table, ascending

// Includes says whether a role may do what asks for at least that one. A role that is none may nothing, and nobody may what asks for none.
func (r Role) Includes(least Role) bool {
	asked := slices.Index(roles, least)
	return asked >= 0 && slices.Index(roles, r) >= asked
}

// Refusals of tokens.
var (
	// ErrUnknownToken says that there is no such token (404; 401 where it was to prove somebody).
	ErrUnknownToken = errors.New("server: no such token")
	// ErrTokenExpired says that a token was good once (401).
	ErrTokenExpired = errors.New("server: the token has expired")
	// ErrTooManyTokens says that no more tokens are kept (409).
	ErrTooManyTokens = errors.New("server: too many tokens")
)

// NewToken asks for a token of the admin API.
type NewToken struct {
	Name      string `json:"name" minLength:"1" maxLength:"128" doc:"What it is for, for people" example:"wall board"`
	Role      Role   `json:"role" enum:"viewer,operator,admin" doc:"What it may do: viewer looks on, operator runs rooms and calls, admin makes accounts and tokens"`
	Room      string `json:"room,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9._-]{1,64}$" doc:"The one room that it is good for, open or not; every room when absent"`
	LifetimeS int64  `json:"lifetime_s,omitempty" minimum:"1" maximum:"315360000" doc:"Seconds until it expires; never when absent" example:"86400"`
}

// TokenView is what the outside sees of a token: not the token.
type TokenView struct {
	ID        string     `json:"id" doc:"Identifier, for the log and to revoke it"`
	Name      string     `json:"name" doc:"What it is for, for people"`
	Role      Role       `json:"role" enum:"viewer,operator,admin" doc:"What it may do"`
	Room      string     `json:"room" doc:"The one room that it is good for; empty: every room"`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made"`
	ExpiresAt *time.Time `json:"expires_at" doc:"When it expires; null: never"`
}

// tokens is the cache of the tokens in memory; the store is the truth, every change goes there first. A token is 256 random bits, so
// that its hash needs neither salt nor slowness, and looking the hash up in a map tells a stranger nothing that he could use.
type tokens struct {
	store store.Store
	now   func() time.Time

	mu     sync.RWMutex
	byHash map[[sha256.Size]byte]store.Token
}

func loadTokens(st store.Store, now func() time.Time) (*tokens, error) {
	t := &tokens{store: st, now: now, byHash: make(map[[sha256.Size]byte]store.Token)}
	for after := ""; ; {
		page, next, err := st.Tokens(after, accountsPage)
		if err != nil {
			return nil, err
		}
		for _, token := range page {
			t.byHash[[sha256.Size]byte(token.Hash)] = token
		}
		if after = next; next == "" {
			return t, nil
		}
	}
}

// create keeps a token. What has expired makes room first.
func (t *tokens) create(token store.Token) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, old := range t.byHash {
		if t.expired(old) {
			if err := t.store.DeleteToken(old.ID); err != nil {
				return fmt.Errorf("server: token store: %w", err)
			}
			delete(t.byHash, hash)
		}
	}
	if len(t.byHash) >= maxTokens {
		return ErrTooManyTokens
	}
	if err := t.store.CreateToken(token); err != nil {
		return fmt.Errorf("server: token store: %w", err)
	}
	t.byHash[[sha256.Size]byte(token.Hash)] = token
	return nil
}

func (t *tokens) expired(token store.Token) bool {
	return !token.ExpiresAt.IsZero() && !t.now().Before(token.ExpiresAt)
}

// remove forgets the token of that ID.
func (t *tokens) remove(id string, musts []Must[TokenView]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, token := range t.byHash {
		if token.ID != id {
			continue
		}
		if err := all(musts, tokenView(token)); err != nil {
			return err
		}
		if err := t.store.DeleteToken(id); err != nil {
			return fmt.Errorf("server: token store: %w", err)
		}
		delete(t.byHash, hash)
		return nil
	}
	return ErrUnknownToken
}

// TokenOf gives the token that has the hash: ErrUnknownToken, or ErrTokenExpired with the token, where it proves nothing.
func (s *Server) TokenOf(hash [sha256.Size]byte) (TokenView, error) {
	s.tokens.mu.RLock()
	token, known := s.tokens.byHash[hash]
	s.tokens.mu.RUnlock()
	switch {
	case !known:
		return TokenView{}, ErrUnknownToken
	case s.tokens.expired(token):
		return tokenView(token), ErrTokenExpired
	}
	return tokenView(token), nil
}

// CreateToken makes a token; the text is its only copy.
func (s *Server) CreateToken(_ context.Context, n NewToken) (text string, _ TokenView, err error) {
	if n.Name == "" || printable(n.Name) != n.Name || !n.Role.Includes(Viewer) || n.LifetimeS < 0 {
		return "", TokenView{}, fmt.Errorf("%w: a token has a name that prints, a role and perhaps a lifetime", ErrInvalid)
	}
	text = base64.RawURLEncoding.EncodeToString(randomBytes(tokenOctets))
	hash := sha256.Sum256([]byte(text))
	token := store.Token{
		ID: hex.EncodeToString(randomBytes(8)), Name: n.Name, Hash: hash[:], Role: string(n.Role), Room: strings.ToLower(n.Room),
		CreatedAt: s.tokens.now().UTC().Truncate(time.Second),
	}
	if n.LifetimeS > 0 {
		token.ExpiresAt = token.CreatedAt.Add(time.Duration(n.LifetimeS) * time.Second)
	}
	if err := s.tokens.create(token); err != nil {
		return "", TokenView{}, err
	}
	s.publish(Event{Type: EventTokenCreated, Data: TokenState{Token: token.ID, Role: token.Role}})
	s.log.Info("token created", "token", token.ID, "role", token.Role, "room", token.Room)
	return text, tokenView(token), nil
}

// Tokens gives every token that is kept, those that have expired among them until others take their place.
func (s *Server) Tokens(context.Context) ([]TokenView, error) {
	s.tokens.mu.RLock()
	defer s.tokens.mu.RUnlock()
	views := make([]TokenView, 0, len(s.tokens.byHash))
	for _, token := range s.tokens.byHash {
		views = append(views, tokenView(token))
	}
	return views, nil
}

// Token gives the token of that ID, or ErrUnknownToken.
func (s *Server) Token(ctx context.Context, id string) (TokenView, error) {
	views, err := s.Tokens(ctx)
	if i := slices.IndexFunc(views, func(v TokenView) bool { return v.ID == id }); i >= 0 {
		return views[i], nil
	}
	return TokenView{}, errors.Join(ErrUnknownToken, err)
}

// DeleteToken revokes a token: from now on it proves nobody.
func (s *Server) DeleteToken(_ context.Context, id string, musts ...Must[TokenView]) error {
	if err := s.tokens.remove(id, musts); err != nil {
		return err
	}
	s.publish(Event{Type: EventTokenRevoked, Data: TokenState{Token: id}})
	s.log.Info("token revoked", "token", id)
	return nil
}

func tokenView(t store.Token) TokenView {
	v := TokenView{ID: t.ID, Name: t.Name, Role: Role(t.Role), Room: t.Room, CreatedAt: t.CreatedAt}
	if !t.ExpiresAt.IsZero() {
		v.ExpiresAt = &t.ExpiresAt
	}
	return v
}
