package flood

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// Command is `conclave flood`; the tags are kong's.
type Command struct {
	Data      string        `help:"Data directory of a running server on this machine." placeholder:"DIR" default:"${data}"`
	Server    string        `help:"SIP address of the server, host:port." placeholder:"ADDR"`
	Admin     string        `help:"URL of its admin API." placeholder:"URL"`
	TokenFile string        `help:"File with its admin token." placeholder:"FILE"`
	Keying    string        `default:"mikey-dh" help:"Method of MIKEY."`
	DHGroup   string        `name:"dh-group" help:"Diffie-Hellman group; modp1536 when empty."`
	Suite     string        `help:"SRTP suite."`
	Cert      string        `default:"ecdsa" enum:"rsa,ecdsa" help:"Kind of the callers' certificates (${enum})."`
	Accounts  int           `default:"100" help:"Number of accounts that call."`
	Rooms     int           `default:"20" help:"Number of rooms that are called."`
	Rate      float64       `help:"Calls a second to offer; without it the peak is searched for." placeholder:"CALLS/S"`
	First     float64       `default:"100" help:"Calls a second at which the search begins."`
	Step      time.Duration `default:"2s" help:"Length of a step of the search."`
	Times     float64       `default:"10" help:"Multiple of the peak, or of --rate, that is offered in the end; 0: none."`
	Duration  time.Duration `default:"5s" help:"Length of what is offered otherwise."`
	Hold      time.Duration `default:"50ms" help:"How long a call stands."`
	ServerPID int           `name:"server-pid" help:"Process of the server, to report its CPU time."`
	JSON      bool          `name:"json" help:"One JSON object on stdout."`
}

// Run floods.
func (c *Command) Run(ctx context.Context, out io.Writer) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	report, err := Run(ctx, o)
	if report == nil {
		return err
	}
	if !c.JSON {
		report.Print(out)
		return err
	}
	return errors.Join(err, loadtest.PrintJSON(out, report))
}

func (c *Command) options() (o Options, err error) {
	o = Options{
		Cert: c.Cert, Accounts: c.Accounts, Rooms: c.Rooms, Rate: c.Rate, First: c.First, Step: c.Step, Times: c.Times,
		Duration: c.Duration, Hold: c.Hold, ServerPID: c.ServerPID,
	}
	var errs [3]error
	o.Method, errs[0] = keying.ParseMethod(c.Keying)
	if c.DHGroup != "" {
		o.Group, errs[1] = keying.ParseGroup(c.DHGroup)
	}
	if c.Suite != "" {
		o.Suite, errs[2] = keying.ParseSuite(c.Suite)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return o, fmt.Errorf("%w: %w", loadtest.ErrOptions, err)
	}
	if c.Admin != "" || c.Server != "" || c.TokenFile != "" {
		o.Target, err = loadtest.NewTarget(c.Server, c.Admin, c.TokenFile)
	} else {
		o.Target, err = loadtest.FindTarget(c.Data)
	}
	return o, err
}
