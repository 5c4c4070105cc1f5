package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/conclave/conclave/server"
)

// fakeToken is a token that is kept.
type fakeToken struct {
	server.TokenView
	expired bool
}

// grant keeps a token and gives its text.
func (f *fake) grant(id string, role server.Role, room string, expired bool) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, hash, err := NewToken()
	if err != nil {
		return ""
	}
	f.tokens[hash] = fakeToken{server.TokenView{ID: id, Name: id, Role: role, Room: room, CreatedAt: start}, expired}
	return text
}

// RecordAdmin keeps what it is told in acts.
func (f *fake) RecordAdmin(_ context.Context, a server.AdminAction) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts = append(f.acts, a)
	return f.noTrail
}

// AuditTrail has seven records.
func (f *fake) AuditTrail(_ context.Context, after uint64, limit int) ([]server.AuditRecord, uint64, error) {
	if err := f.enter(); err != nil {
		return nil, 0, err
	}
	var page []server.AuditRecord
	for seq := after + 1; seq <= 7; seq++ {
		if len(page) == limit {
			return page, seq - 1, nil
		}
		page = append(page, server.AuditRecord{
			Seq: seq, Time: start, Type: "seat.joined", Room: "demo", By: "<b>", Data: json.RawMessage(`{"a":"<i>"}`), Prev: strings.Repeat("0", 64),
		})
	}
	return page, 0, nil
}

func (f *fake) AuditKey(context.Context) (server.AuditKey, error) {
	return server.AuditKey{Algorithm: "Ed25519", Key: "AAAA", Head: server.AuditHead{Seq: 7, Hash: strings.Repeat("0", 64)}}, f.enter()
}

func (f *fake) TokenOf(hash [sha256.Size]byte) (server.TokenView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, ok := f.tokens[hash]
	switch {
	case !ok:
		return server.TokenView{}, server.ErrUnknownToken
	case token.expired:
		return token.TokenView, server.ErrTokenExpired
	}
	return token.TokenView, nil
}

func (f *fake) CreateToken(_ context.Context, n server.NewToken) (string, server.TokenView, error) {
	if err := f.enter(); err != nil {
		return "", server.TokenView{}, err
	}
	id := fmt.Sprintf("t%d", len(f.tokens)+1)
	text := f.grant(id, n.Role, n.Room, false)
	view, err := f.Token(context.Background(), id)
	return text, view, err
}

func (f *fake) Tokens(context.Context) ([]server.TokenView, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var views []server.TokenView
	for _, token := range f.tokens {
		views = append(views, token.TokenView)
	}
	return views, nil
}

func (f *fake) Token(ctx context.Context, id string) (server.TokenView, error) {
	views, err := f.Tokens(ctx)
	for _, v := range views {
		if v.ID == id {
			return v, err
		}
	}
	return server.TokenView{}, cmp.Or(err, server.ErrUnknownToken)
}

func (f *fake) DeleteToken(ctx context.Context, id string, musts ...server.Must[server.TokenView]) error {
	v, err := f.Token(ctx, id)
	if err = cmp.Or(err, must(musts, v)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.tokens, func(_ [sha256.Size]byte, t fakeToken) bool { return t.ID == id })
	return nil
}
