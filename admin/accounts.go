package admin

import (
	"context"
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

type (
	newAccountInput struct {
		QR   string `query:"qr" enum:"svg,png" doc:"Answer with a QR code of the bundle, too"`
		Body server.NewAccount
	}
	rotateInput struct {
		Account string `path:"account" maxLength:"256" doc:"Name of the account"`
		QR      string `query:"qr" enum:"svg,png" doc:"Answer with a QR code of the bundle, too"`
		Body    *server.Rotation
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
		QR      *Provisioning  `json:"provisioning,omitempty" doc:"What a phone scans, where qr asked for it"`
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
	create.Responses = a.answersBundle("201", "The bundle of the new account")
	huma.Register(a.api, create, a.createAccount)
	huma.Register(a.api, operation(server.Viewer, "get-account", http.MethodGet, one, "Show an account", http.StatusNotFound), a.getAccount)
	huma.Register(a.api, operation(server.Administrator, "patch-account", http.MethodPatch, one, "Change an account", append(ofBody, ofChange...)...), a.patchAccount)
	huma.Register(a.api, operation(server.Administrator, "delete-account", http.MethodDelete, one, "End an account's calls and forget it", ofChange...), a.deleteAccount)
	rotate := operation(server.Administrator, "rotate-account", http.MethodPost, one+"/rotate", "Give an account new credentials", append(ofBody, http.StatusNotFound)...)
	rotate.Description = "Answers with the new bundle, once; the old key, password and certificate are good for nothing from then on. Devices have to register " +
		"anew. Calls that stand go on."
	rotate.Responses = a.answersBundle("200", "The new bundle of the account")
	huma.Register(a.api, rotate, a.rotateAccount)
}

// answersBundle describes an answer that is a bundle.
func (a *Admin) answersBundle(status, what string) map[string]*huma.Response {
	shape := a.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[bundle](), true, "Bundle")
	return map[string]*huma.Response{status: {
		Description: what, Content: map[string]*huma.MediaType{"application/json": {Schema: shape}},
	}}
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

func (a *Admin) createAccount(ctx context.Context, in *newAccountInput) (*bundleOutput, error) {
	in.Body.Name = strings.ToLower(in.Body.Name)
	made, view, err := a.server.CreateAccount(ctx, in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.handOver(ctx, made, view.Name, in.QR)
}

func (a *Admin) rotateAccount(ctx context.Context, in *rotateInput) (*bundleOutput, error) {
	var ask server.Rotation
	if in.Body != nil {
		ask = *in.Body
	}
	made, view, err := a.server.RotateAccount(ctx, strings.ToLower(in.Account), ask)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.handOver(ctx, made, view.Name, in.QR)
}

// handOver answers with a bundle.
func (a *Admin) handOver(ctx context.Context, made *server.Bundle, name, format string) (*bundleOutput, error) {
	body, err := bundleJSON(made, format)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &bundleOutput{Location: "/v1/accounts/" + url.PathEscape(name), ContentType: "application/json", Body: body}, nil
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
