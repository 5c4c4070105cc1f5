package keying

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

const canary = "canary-9f31c77a-5be20d"

// holders are the types that hold secrets, each with the canary in every secret field.
func holders(t *testing.T) []any {
	t.Helper()
	w := newWorld(t)
	s := NewSecret([]byte(canary))
	w.dir.psks[alice] = s
	stream := Stream{Key: s, Salt: s}
	keys := Keys{Send: stream, Receive: stream}
	bundle := w.bundle(alice, CertRSA)
	bundle.PSK, bundle.Digest.Password = s, s
	caller := w.callerWith(bundle)
	i := w.offer(caller, MIKEYPSK, dialled(alice))
	v := w.verified(i.Attributes().MIKEY, answered())
	cert := w.papers.accounts[alice+CertRSA]
	return []any{
		s, &s, stream, &keys, keys, &Agreement{Keys: keys}, Agreement{Keys: keys}, bundle, *bundle, struct{ inner Secret }{s},
		&struct{ inner Secret }{s}, i, v, caller, w.server, cert, Identity{RSA: cert}, w.papers.authority,
		struct{ inner *Initiation }{i}, struct{ inner *Verified }{v}, struct{ inner *Keyer }{caller}, struct{ inner *Bundle }{bundle},
		struct{ inner *Certificate }{cert},
	}
}

// forms are the ways in which the canary and parts of private keys would show.
func forms(t *testing.T) []string {
	t.Helper()
	all := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]"), "Y2FuYXJ5"}
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := p.accounts[alice+CertRSA].Signer.(*rsa.PrivateKey); ok {
		all = append(all, key.D.String()[:30], fmt.Sprintf("%x", key.D)[:30], fmt.Sprint(key.D.Bits()[:2])[1:30])
	}
	if d, err := p.authority.key.Bytes(); err == nil {
		n := new(big.Int).SetBytes(d)
		all = append(all, n.String()[:30], fmt.Sprintf("%x", d)[:30], fmt.Sprint(n.Bits()[:2])[1:30])
	}
	return all
}

func TestSecretsDoNotPrint(t *testing.T) {
	forms := forms(t)
	check := func(how, text string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s shows the secret: %s", how, text)
			}
		}
	}
	for _, h := range holders(t) {
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
