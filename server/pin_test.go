package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPIN(t *testing.T) {
	p, err := NewPIN("0471")
	if err != nil {
		t.Fatal(err)
	}
	for digits, want := range map[string]bool{"0471": true, "471": false, "04710": false, "0472": false, "": false} {
		if p.matches(digits) != want {
			t.Errorf("%q: %v", digits, !want)
		}
	}
	if again, _ := NewPIN("0471"); again == p {
		t.Error("no salt")
	}
	if strings.Contains(string(p), "0471") {
		t.Error("the PIN stands in its hash")
	}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, p); text != "[secret]" {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	for _, bad := range []string{"", "123", "1234567890123", "12a4", "12 4", "１２３４"} {
		if _, err := NewPIN(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPINOfABadHashMatchesNothing(t *testing.T) {
	good, err := NewPIN("1234")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(good), ":")
	for name, bad := range map[string]string{
		"empty": "", "plain": "1234", "another scheme": strings.Replace(string(good), pinScheme, "md5", 1), "no round": pinScheme + ":0:" + parts[2] + ":" + parts[3],
		"too many rounds": pinScheme + ":99999999999:" + parts[2] + ":" + parts[3], "no salt": pinScheme + ":1000::" + parts[3],
		"cut": string(good[:len(good)-2]),
	} {
		if _, _, _, err := PIN(bad).parse(); !errors.Is(err, ErrInvalid) || PIN(bad).matches("1234") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPIN(b *testing.B) {
	p, err := NewPIN("1234")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.matches("1235")
	}
}
