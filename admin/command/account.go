package command

import (
	"context"
	"errors"
	"io"

	"github.com/alecthomas/kong"

	"github.com/conclave/conclave/admin/client"
)

// connection is which server a command is about; the tags are kong's.
type connection struct {
	Data      string `help:"Data directory of a running server on this machine." placeholder:"DIR" default:"${data}"`
	Admin     string `help:"URL of the admin API." placeholder:"URL"`
	TokenFile string `help:"File with the admin token." placeholder:"FILE"`
}

// AccountCommand is `conclave account`.
type AccountCommand struct {
	connection

	Add     accountAdd     `cmd:"" help:"Make an account; prints its BUNDLE once."`
	List    accountList    `cmd:"" help:"List the accounts."`
	Show    accountShow    `cmd:"" help:"Show one account."`
	Disable accountDisable `cmd:"" help:"Forbid an account to call and end its calls."`
	Rotate  accountRotate  `cmd:"" help:"Give an account new credentials in place of the old; prints its BUNDLE once."`
	Delete  accountDelete  `cmd:"" help:"Forget an account and end its calls."`
}

// AfterApply makes the client that all the verbs below get.
func (c *AccountCommand) AfterApply(k *kong.Context) error {
	return k.BindToProvider(c.client) // asked when a verb runs, not while the line is parsed
}

func (c *connection) client() (*client.Client, error) {
	if c.Admin == "" && c.TokenFile == "" {
		api, _, err := client.Open(c.Data)
		return api, err
	}
	return client.Remote(c.Admin, c.TokenFile)
}

// named is the account that a verb is about.
type named struct {
	Name string `arg:""`
}

type accountAdd struct {
	Name        string `arg:"" help:"[a-z0-9._-]{1,64}"`
	DisplayName string `help:"Name to show."`
	Cert        string `default:"ecdsa" enum:"rsa,ecdsa" help:"Kind of certificate (${enum})."`
	Policy      string `help:"Keying policy of the configuration that its calls must keep to beside the room's." placeholder:"NAME"`
	MD5         bool   `name:"md5" help:"Take SIP digest by MD5 too, for a phone that knows no other."`
}

type accountList struct{}

type accountShow struct{ named }

type accountDisable struct{ named }

type accountRotate struct {
	named
	Cert string `default:"ecdsa" enum:"rsa,ecdsa" help:"Kind of certificate (${enum})."`
}

type accountDelete struct{ named }

// Run makes the account and prints its bundle.
func (a *accountAdd) Run(ctx context.Context, out io.Writer, api *client.Client) error {
	bundle, err := api.CreateAccount(ctx, client.NewAccount{
		Name: a.Name, DisplayName: a.DisplayName, Cert: a.Cert, Policy: a.Policy, MD5: a.MD5,
	})
	return printed(out, bundle, err)
}

// Run prints one account a line.
func (a *accountList) Run(ctx context.Context, out io.Writer, api *client.Client) error {
	list, err := api.Accounts(ctx)
	for _, acc := range list {
		err = errors.Join(err, printJSON(out, acc))
	}
	return err
}

// Run prints the account.
func (a *accountShow) Run(ctx context.Context, out io.Writer, api *client.Client) error {
	acc, err := api.Account(ctx, a.Name)
	return printed(out, acc, err)
}

// Run disables the account.
func (a *accountDisable) Run(ctx context.Context, api *client.Client) error {
	disabled := true
	_, err := api.PatchAccount(ctx, a.Name, client.AccountPatch{Disabled: &disabled})
	return err
}

// Run prints the new bundle.
func (a *accountRotate) Run(ctx context.Context, out io.Writer, api *client.Client) error {
	bundle, err := api.RotateAccount(ctx, a.Name, a.Cert)
	return printed(out, bundle, err)
}

// Run deletes the account.
func (a *accountDelete) Run(ctx context.Context, api *client.Client) error {
	return api.DeleteAccount(ctx, a.Name)
}

// printed prints what the API answered, unless it failed.
func printed(out io.Writer, answer any, err error) error {
	if err != nil {
		return err
	}
	return printJSON(out, answer)
}
