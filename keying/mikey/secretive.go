package mikey

import "fmt"

// secretive is embedded in whatever holds keys, so that no verb of package fmt and no JSON shows them.
type secretive struct{}

// Format prints a fixed text.
func (secretive) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[mikey exchange]")) }

// MarshalJSON refuses: keys are not for export.
func (secretive) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("%w: exchanges do not marshal", ErrParams)
}
