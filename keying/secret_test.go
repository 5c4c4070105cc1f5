package keying

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-9f31c77a"

// holders are the types that hold secrets, each with the canary in every secret field.
func holders() []any {
	s := NewSecret([]byte(canary))
	stream := Stream{Key: s, Salt: s}
	keys := Keys{Send: stream, Receive: stream}
	bundle := &Bundle{Account: "alice", URI: alice, PSK: s, KeyPEM: s, Digest: DigestCredential{Password: s}}
	hidden := struct{ inner Secret }{s}
	return []any{s, &s, stream, &keys, keys, &Agreement{Keys: keys}, Agreement{Keys: keys}, bundle, *bundle, hidden, &hidden}
}

func TestSecretsDoNotPrint(t *testing.T) {
	forms := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)), "Y2FuYXJ5"}
	check := func(how, text string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s shows the secret: %s", how, text)
			}
		}
	}
	for _, h := range holders() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			check(fmt.Sprintf("%T %s", h, verb), fmt.Sprintf(verb, h))
		}
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			if _, ok := h.(Bundle); ok {
				continue // its JSON is the account's file; a *Bundle in a log is only named
			}
			var b bytes.Buffer
			slog.New(handler(&b)).Info("x", "value", h)
			check(fmt.Sprintf("%T logged", h), b.String())
		}
	}
}

func TestSecretRefusesText(t *testing.T) {
	s := NewSecret([]byte(canary))
	if _, err := json.Marshal(s); !errors.Is(err, ErrSecretInText) {
		t.Error(err)
	}
	if _, err := json.Marshal(map[string]any{"keys": Keys{Send: Stream{Key: s}}}); !errors.Is(err, ErrSecretInText) {
		t.Error(err)
	}
	if _, err := s.MarshalText(); !errors.Is(err, ErrSecretInText) {
		t.Error(err)
	}
}

func TestSecretWipes(t *testing.T) {
	source := []byte(canary)
	s := NewSecret(source)
	clear(source)
	if string(s.Bytes()) != canary {
		t.Error("not a copy")
	}
	octets, other := s.Bytes(), s
	other.Wipe()
	if !bytes.Equal(octets, make([]byte, len(canary))) || s.Bytes() != nil || s.Len() != 0 {
		t.Error("not wiped")
	}
	s.Wipe()
	Secret{}.Wipe()
	(*Keys)(nil).Wipe()
	(*Agreement)(nil).Wipe()
}

func TestSecretEqual(t *testing.T) {
	a, b := NewSecret([]byte(canary)), NewSecret([]byte(canary))
	if !a.Equal(b) || a.Equal(NewSecret([]byte("x"))) || a.Equal(Secret{}) || (Secret{}).Equal(Secret{}) {
		t.Error("equality")
	}
}
