package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

type tokenInput struct {
	Token string `path:"token" maxLength:"256" doc:"Identifier of the token"`
}

type tokenDeleteInput struct {
	Token   string `path:"token" maxLength:"256" doc:"Identifier of the token"`
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the token must still have"`
}

// NewTokenView is the answer to whoever makes a token: the only one that holds it.
type NewTokenView struct {
	Token string `json:"token" doc:"The token, for the Authorization field; it is kept nowhere and not shown again"`
	server.TokenView
}

type (
	newTokenOutput struct {
		Location string `header:"Location" doc:"Path of the token"`
		Body     NewTokenView
	}
	tokenOutput struct {
		ETag string `header:"ETag" doc:"For If-Match"`
		Body server.TokenView
	}
)

func (a *Admin) tokenRoutes() {
	const all, one = "/v1/tokens", "/v1/tokens/{token}"
	huma.Register(a.api, operation(server.Administrator, "list-tokens", http.MethodGet, all, "List the tokens"), a.listTokens)
	create := operation(server.Administrator, "create-token", http.MethodPost, all, "Make a token", append(ofBody, http.StatusConflict)...)
	create.Description = "Answers with the token: its only copy. The server keeps its SHA-256. A token is not changed; revoke it and make another."
	create.DefaultStatus = http.StatusCreated
	huma.Register(a.api, create, a.createToken)
	huma.Register(a.api, operation(server.Administrator, "get-token", http.MethodGet, one, "Show a token", http.StatusNotFound), a.getToken)
	revoke := operation(server.Administrator, "delete-token", http.MethodDelete, one, "Revoke a token", ofChange...)
	revoke.Description = "At once: connections over which something is being answered that was asked for with it are closed."
	huma.Register(a.api, revoke, a.deleteToken)
}

func (a *Admin) listTokens(ctx context.Context, in *pageInput) (*listOutput[server.TokenView], error) {
	tokens, err := a.server.Tokens(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return pageOf(tokens, func(t server.TokenView) string { return t.ID }, *in)
}

func (a *Admin) createToken(ctx context.Context, in *struct{ Body server.NewToken }) (*newTokenOutput, error) {
	text, view, err := a.server.CreateToken(ctx, in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &newTokenOutput{Location: "/v1/tokens/" + view.ID, Body: NewTokenView{text, view}}, nil
}

func (a *Admin) getToken(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	view, err := a.server.Token(ctx, in.Token)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &tokenOutput{tokenTag(view), view}, nil
}

func (a *Admin) deleteToken(ctx context.Context, in *tokenDeleteInput) (*struct{}, error) {
	if err := a.server.DeleteToken(ctx, in.Token, ifMatch(in.IfMatch, tokenTag)); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.underway.cutOff(principalOfToken(in.Token), connectionOf(ctx))
	return nil, nil //nolint:nilnil // huma's way to say 204
}
