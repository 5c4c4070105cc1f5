package keying

import (
	"fmt"
	"log/slog"
)

// The types below hold secrets behind pointers or interfaces, which fmt follows for verbs that do not suit them, and which
// JSON follows always. None of them is ever printed.

// Format names the certificate and shows nothing of its key.
func (c *Certificate) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.name()) }

// LogValue names the certificate.
func (c *Certificate) LogValue() slog.Value { return slog.StringValue(c.name()) }

// MarshalJSON refuses.
func (c *Certificate) MarshalJSON() ([]byte, error) { return nil, ErrSecretInText }

func (c *Certificate) name() string {
	if c == nil || c.Leaf == nil {
		return "[certificate]"
	}
	return "[certificate " + c.Fingerprint() + "]"
}

// Format names the kinds that there are.
func (i Identity) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[identity %v %v]", i.RSA, i.ECDSA) }

// Format shows nothing.
func (a *Authority) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[authority]") }

// Format shows nothing.
func (i *Initiation) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[initiation]") }

// Format shows nothing.
func (v *Verified) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[verified]") }

// Format shows nothing.
func (k *Keyer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[keyer]") }

// Format names the method.
func (r *Running) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[running %s]", r.Method()) }

// Format shows nothing.
func (h *Handshake) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[handshake]") }
