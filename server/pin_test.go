package server

import (
	"errors"
	"strings"
	"testing"
)

func TestPIN(t *testing.T) {
	p, err := newPIN("0471")
	if err != nil {
		t.Fatal(err)
	}
	for digits, want := range map[string]bool{"0471": true, "471": false, "04710": false, "0472": false, "": false} {
		if p.matches(digits) != want {
			t.Errorf("%q: %v", digits, !want)
		}
	}
	if again, _ := newPIN("0471"); string(again) == string(p) {
		t.Error("no salt")
	}
	if strings.Contains(string(p), "0471") {
		t.Error("the PIN stands in its hash")
	}
	if none, err := newPIN(""); none != nil || err != nil || none.matches("") || p[:len(p)-1].matches("0471") {
		t.Error("no PIN, or half of one, matches")
	}
	for _, bad := range []string{"123", "1234567890123", "12a4", "12 4", "１２３４"} {
		if _, err := newPIN(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// BenchmarkPIN is what one try costs: hardly anything beside what a person needs to type.
func BenchmarkPIN(b *testing.B) {
	p, err := newPIN("1234")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.matches("1235")
	}
}
