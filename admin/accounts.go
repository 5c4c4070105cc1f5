package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/conclave/conclave/server"
)

// The inputs of the routes. Names are kept in lower case and found whatever case they are asked in.
type (
	accountInput struct {
		Account string `path:"account" maxLength:"256" doc:"Name of the account"`
	}
	accountPatchInput struct {
		Account string `path:"account" maxLength:"256" doc:"Name of the account"`
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the account must still have"`
		Body    server.AccountPatch
	}
)

type accountDeleteInput struct {
	Account string `path:"account" maxLength:"256" doc:"Name of the account"`
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"ETag that the account must still have"`
}

type accountOutput struct {
	ETag string `header:"ETag" doc:"For If-Match"`
	Body server.AccountView
}

// bundleOutput passes the bundle through as the JSON that its own package makes of it.
type bundleOutput struct {
	Location    string `header:"Location" doc:"Path of the account"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// bundle and the two below describe a bundle in the OpenAPI document. They are never filled.
type (
	bundle struct {
		Account string         `json:"account" doc:"Name of the account"`
		URI     string         `json:"uri" doc:"SIP URI of the account"`
		Servers []bundleServer `json:"servers" nullable:"false" doc:"Where to call"`
		Digest  bundleDigest   `json:"digest" doc:"Credentials of SIP digest, RFC 7616"`
		PSK     string         `json:"psk" contentEncoding:"base64" doc:"Pre-shared key of MIKEY, base64"`
		Cert    string         `json:"cert" doc:"Certificate, PEM"`
		Key     string         `json:"key" doc:"Private key of the certificate, PEM"`
		CA      string         `json:"ca" doc:"Certificate of the CA that vouches for the server, PEM"`
		Server  string         `json:"server_cert,omitempty" doc:"RSA certificate of the server, to which mikey-pke encrypts, PEM"`
	}
	bundleServer struct {
		Transport string `json:"transport" enum:"udp,tcp,tls" doc:"Transport of the signalling"`
		Address   string `json:"address" doc:"IP:port"`
	}
	bundleDigest struct {
		Username string `json:"username" doc:"User name"`
		Realm    string `json:"realm" doc:"The one realm to answer for"`
		Password string `json:"password" doc:"Password"`
	}
)

func (a *Admin) accountRoutes() {
	const all, one = "/v1/accounts", "/v1/accounts/{account}"
	huma.Register(a.api, operation(server.Viewer, "list-accounts", http.MethodGet, all, "List accounts"), a.listAccounts)
	create := operation(server.Administrator, "create-account", http.MethodPost, all, "Make an account", append(ofBody, http.StatusConflict)...)
	create.Description = "Answers with the bundle: the only copy of the account's secrets in the clear. It is not shown again."
	create.DefaultStatus = http.StatusCreated
	shape := a.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[bundle](), true, "Bundle")
	create.Responses = map[string]*huma.Response{"201": {
		Description: "The bundle of the new account",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: shape}},
	}}
	huma.Register(a.api, create, a.createAccount)
	huma.Register(a.api, operation(server.Viewer, "get-account", http.MethodGet, one, "Show an account", http.StatusNotFound), a.getAccount)
	huma.Register(a.api, operation(server.Administrator, "patch-account", http.MethodPatch, one, "Change an account", append(ofBody, ofChange...)...), a.patchAccount)
	huma.Register(a.api, operation(server.Administrator, "delete-account", http.MethodDelete, one, "End an account's calls and forget it", ofChange...), a.deleteAccount)
}

func (a *Admin) listAccounts(ctx context.Context, in *pageInput) (*listOutput[server.AccountView], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	items, next, err := a.server.Accounts(ctx, after, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return newList(items, next), nil
}

func (a *Admin) createAccount(ctx context.Context, in *struct{ Body server.NewAccount }) (*bundleOutput, error) {
	in.Body.Name = strings.ToLower(in.Body.Name)
	made, view, err := a.server.CreateAccount(ctx, in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	body, err := json.Marshal(made)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &bundleOutput{
		Location: "/v1/accounts/" + url.PathEscape(view.Name), ContentType: "application/json", Body: body,
	}, nil
}

func (a *Admin) getAccount(ctx context.Context, in *accountInput) (*accountOutput, error) {
	view, err := a.server.Account(ctx, strings.ToLower(in.Account))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &accountOutput{accountTag(view), view}, nil
}

func (a *Admin) patchAccount(ctx context.Context, in *accountPatchInput) (*accountOutput, error) {
	view, err := a.server.PatchAccount(ctx, strings.ToLower(in.Account), in.Body, ifMatch(in.IfMatch, accountTag))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &accountOutput{accountTag(view), view}, nil
}

func (a *Admin) deleteAccount(ctx context.Context, in *accountDeleteInput) (*struct{}, error) {
	if err := a.server.DeleteAccount(ctx, strings.ToLower(in.Account), ifMatch(in.IfMatch, accountTag)); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil //nolint:nilnil // huma's way to say 204
}
