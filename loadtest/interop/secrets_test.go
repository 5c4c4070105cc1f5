package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secret is what must not be found, by the name that a finding is told by.
type secret struct {
	name  string
	octet []byte
}

// judgeSecrets: FILE. None of the secrets of $INTEROP_SECRETS is in it: neither raw, nor in hexadecimal, nor in base64 at any
// alignment; and if each line of the file is hexadecimal, neither in what that says.
func judgeSecrets(args []string) (string, error) {
	secrets, err := readSecrets(os.Getenv("INTEROP_SECRETS"))
	if err != nil {
		return "", err
	}
	hay, err := os.ReadFile(args[0])
	if err != nil {
		return "", err
	}
	hays := [][]byte{hay}
	if strings.HasSuffix(args[0], ".hex") {
		hays = nil
		for line := range strings.FieldsSeq(string(hay)) {
			b, err := hex.DecodeString(line)
			if err != nil {
				return "", err
			}
			hays = append(hays, b)
		}
	}
	size := 0
	for _, h := range hays {
		size += len(h)
		for _, s := range secrets {
			if form := s.in(h); form != "" {
				return "", fmt.Errorf("%s stands there, %s", s.name, form)
			}
		}
	}
	return fmt.Sprintf("%d secrets sought in %d octets: keys, salts, pre-shared keys, passwords, private keys; raw, hexadecimal, base64", len(secrets), size), nil
}

// readSecrets: one a line, tab-separated: whose, what, kind (hex, text, pkcs8), value.
func readSecrets(path string) (all []secret, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(raw)) {
		word := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(word) != 4 {
			return nil, fmt.Errorf("not a secret: %d words", len(word))
		}
		s := secret{name: word[1] + " of " + word[0]}
		switch word[2] {
		case "hex":
			s.octet, err = hex.DecodeString(word[3])
		case "text":
			s.octet = []byte(word[3])
		case "pkcs8":
			s.octet, err = privatePart(word[3])
		default:
			err = fmt.Errorf("unknown kind %q", word[2])
		}
		if err != nil || len(s.octet) < 8 {
			return nil, fmt.Errorf("%s: %d octets: %w", s.name, len(s.octet), err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no secrets to look for")
	}
	return all, nil
}

// privatePart is the number that makes a key private, of a PKCS #8 structure in base64.
func privatePart(text string) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		return k.Bytes()
	case *rsa.PrivateKey:
		return k.Primes[0].Bytes(), nil
	}
	return nil, fmt.Errorf("a key of type %T", key)
}

// in says in which form the secret stands in hay, "" when in none.
func (s secret) in(hay []byte) string {
	lower := hex.EncodeToString(s.octet)
	switch {
	case bytes.Contains(hay, s.octet):
		return "raw"
	case bytes.Contains(hay, []byte(lower)) || bytes.Contains(hay, []byte(strings.ToUpper(lower))):
		return "in hexadecimal"
	}
	// In base64 the octets before and after decide about the first and last digits: those are left out.
	for before := range 3 {
		padded := append(make([]byte, before), s.octet...)
		whole := len(padded) - len(padded)%3
		text := base64.StdEncoding.EncodeToString(padded[:whole])[(8*before+5)/6:]
		if bytes.Contains(hay, []byte(text)) || bytes.Contains(hay, []byte(strings.NewReplacer("+", "-", "/", "_").Replace(text))) {
			return "in base64"
		}
	}
	return ""
}

func TestSecretsAreFound(t *testing.T) {
	s := secret{"a key", []byte("\x00\xff\xfe\x80secret\xfb\xef\xbe octets\x01")}
	for before := range 4 {
		for after := range 4 {
			whole := append(append(bytes.Repeat([]byte{0xa5}, before), s.octet...), bytes.Repeat([]byte{0x5a}, after)...)
			for form, hay := range map[string]string{
				"raw": string(whole), "hex": hex.EncodeToString(whole), "HEX": fmt.Sprintf("%X", whole),
				"base64": base64.StdEncoding.EncodeToString(whole), "url": base64.RawURLEncoding.EncodeToString(whole),
			} {
				if s.in([]byte("before "+hay+" after")) == "" {
					t.Errorf("%s with %d before and %d after is not found", form, before, after)
				}
			}
		}
	}
	if form := s.in([]byte("nothing of the kind, and no \x00\xff\xfe\x80secre either")); form != "" {
		t.Errorf("found %s where it is not", form)
	}
}

func TestJudgeSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("INTEROP_SECRETS", write("secrets.tsv", "alice\tpassword\ttext\tsesame-opens\nalice\tkey\thex\t000102030405060708\n"))
	for name, want := range map[string]bool{"sesame-open": true, "xx sesame-opens xx": false, "xx 000102030405060708": false, "AAECAwQFBgcI": false} {
		if _, err := judgeSecrets([]string{write("capture", name)}); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := judgeSecrets([]string{write("m.hex", "ff\naa000102030405060708\n")}); err == nil {
		t.Error("a key within hexadecimal passed")
	}
	t.Setenv("INTEROP_SECRETS", write("secrets.tsv", ""))
	if _, err := judgeSecrets([]string{write("capture", "x")}); err == nil {
		t.Error("nothing to look for passed")
	}
}
