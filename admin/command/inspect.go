package command

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/conclave/conclave/admin/audit"
	"github.com/conclave/conclave/keying"
)

// AuditCommand is `conclave audit`; the tags are kong's.
type AuditCommand struct {
	Verify auditVerify `cmd:"" help:"Say whether somebody changed, removed or reordered records of the audit trail, and where."`
}

type auditVerify struct {
	audit.Inspection
	JSON bool `name:"json" help:"One JSON object on stdout."`
}

// Run verifies; a trail with a problem is a failure.
func (c *auditVerify) Run(ctx context.Context, out io.Writer) error {
	report, err := c.Verify(ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = printJSON(out, report)
	default:
		c.Print(out, report)
	}
	if err == nil && len(report.Problems) > 0 {
		err = ErrTold
	}
	return err
}

// MikeyCommand is `conclave mikey`; the tags are kong's.
type MikeyCommand struct {
	Inspect mikeyInspect `cmd:"" help:"Decode one message, and verify it where a key is given."`
	Vectors mikeyVectors `cmd:"" help:"Write our test vectors, as JSON: every method with its updates, from published keys."`
}

type mikeyVectors struct{}

// Run makes them; they are the same every time.
func (mikeyVectors) Run(out io.Writer) error { return keying.WriteVectors(out) }

type mikeyInspect struct {
	Message  string `arg:"" help:"Base64 as after a=key-mgmt:mikey, or - for standard input." placeholder:"BASE64|-"`
	PSK      string `name:"psk" help:"Pre-shared key." placeholder:"HEX"`
	PeerCert string `type:"existingfile" help:"Certificate of the signer." placeholder:"PEM"`
	OwnKey   string `type:"existingfile" help:"Our private key, for modes that encrypt to it." placeholder:"PEM"`
	ShowKeys bool   `help:"Print TEKs and salts."`
	JSON     bool   `name:"json" help:"One JSON object on stdout."`
}

// Run decodes; a message that is malformed or does not authenticate is a failure.
func (c *mikeyInspect) Run(out io.Writer) error {
	text := c.Message
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, maxPiped))
		if err != nil {
			return err
		}
		text = string(b)
	}
	known, err := c.known()
	if err != nil {
		return usage{err}
	}
	report, err := keying.InspectMIKEY(text, known)
	switch {
	case err != nil:
		return usage{err}
	case c.JSON:
		err = printJSON(out, report)
	default:
		err = report.Print(out)
	}
	if err == nil && (report.Error != "" || report.Authenticated != nil && !*report.Authenticated) {
		err = ErrTold
	}
	return err
}

// known is what the options say beside the message.
func (c *mikeyInspect) known() (k keying.Inspection, err error) {
	k.ShowKeys = c.ShowKeys
	if c.PSK != "" {
		psk, err := hex.DecodeString(c.PSK)
		if err != nil {
			return k, errors.New("--psk is not hexadecimal")
		}
		k.PSK = keying.NewSecret(psk)
	}
	if c.PeerCert != "" {
		if k.PeerCert, err = os.ReadFile(c.PeerCert); err != nil {
			return k, err
		}
	}
	if c.OwnKey != "" {
		k.OwnKey, err = os.ReadFile(c.OwnKey)
	}
	return k, err
}
