package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/conclave/conclave/admin/client"
)

// DrainCommand is `conclave drain`: what an upgrade begins with.
type DrainCommand struct {
	connection
	Wait bool `help:"Wait until no call is left, and nobody may come back to his seat."`
	End  bool `help:"Take new calls again."`
}

// errTakenBack says that somebody else had the server take calls again.
var errTakenBack = errors.New("the drain was ended by somebody else: the server takes new calls")

// Run begins a drain or ends it, and prints what the server is like then.
func (c *DrainCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Wait && c.End {
		return usage{errors.New("--wait is for a drain that begins, --end ends one")}
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	if !c.Wait {
		node, err := api.Drain(ctx, !c.End)
		return printed(out, node, err)
	}
	stream, err := api.Listen(ctx, "") // before it begins, so that its end cannot be missed
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // only read from
	node, err := api.Drain(ctx, true)
	if err == nil && node.Calls+node.Away > 0 {
		err = drained(stream)
	}
	if err == nil {
		node, err = api.Node(ctx)
	}
	return printed(out, node, err)
}

// drained reads events until one tells that no call is left, and nobody is waited for who lost his.
func drained(stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		text, found := strings.CutPrefix(lines.Text(), "data:")
		var event struct {
			Type string `json:"type"`
			Data struct {
				Draining bool `json:"draining"`
				Calls    int  `json:"calls"`
				Away     int  `json:"away"`
			} `json:"data"`
		}
		if !found || json.Unmarshal([]byte(text), &event) != nil || event.Type != "node.draining" {
			continue
		}
		switch {
		case !event.Data.Draining:
			return errTakenBack
		case event.Data.Calls+event.Data.Away == 0:
			return nil
		}
	}
	return fmt.Errorf("the server does not tell any more how its drain goes; ask it again: %w", errors.Join(lines.Err(), client.ErrAnswer))
}
