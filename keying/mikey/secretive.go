package mikey

import (
	"fmt"
	"log/slog"
)

// secretive is embedded in whatever holds keys, so that no verb of package fmt, no log and no JSON shows them.
type secretive struct{}

// Format prints "[secret]" for every verb.
func (secretive) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[secret]")) }

// LogValue logs "[secret]".
func (secretive) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalJSON refuses: keys are not for export.
func (secretive) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("%w: secrets do not marshal", ErrParams)
}
