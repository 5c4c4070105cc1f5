package command

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/conclave/conclave/admin/audit"
	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/server"
)

// maxPiped bounds what is read of standard input: a message of any size that is inspected, and the line that it was copied with.
const maxPiped = 64 << 10

// ErrTold is a failure of which the output of the command says everything.
var ErrTold = errors.New("command: failed, as was printed")

// usage marks an error as one of the command line, and says no more than the error does.
type usage struct{ error }

// Unwrap is the error itself.
func (u usage) Unwrap() error { return u.error }

// BadUsage says whether the command line or the configuration is at fault for what a command here returned.
func BadUsage(err error) bool {
	var bad usage
	if errors.As(err, &bad) {
		return true
	}
	for _, of := range []error{server.ErrConfig, client.ErrNotServing, client.ErrOptions, audit.ErrOptions} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// printJSON writes one object on a line of its own.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
