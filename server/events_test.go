package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRefusalsArePaced: a flood of refusals is told in part, and its size with the next that is told.
func TestRefusalsArePaced(t *testing.T) {
	p := pace{most: 3}
	now, told := time.Unix(1000, 0), 0
	for range 100 {
		if _, ok := p.pass(now); ok {
			told++
		}
	}
	if held, ok := p.pass(now.Add(time.Second)); told != 3 || !ok || held != 97 {
		t.Errorf("%d told, then %d untold (%t)", told, held, ok)
	}
	if held, ok := p.pass(now.Add(time.Second)); !ok || held != 0 {
		t.Errorf("counted twice: %d", held)
	}
}

// TestEventTypesAreClosed: each type is listed once, and explained.
func TestEventTypesAreClosed(t *testing.T) {
	types := EventTypes()
	slices.Sort(types)
	if n := len(slices.Compact(slices.Clone(types))); n != len(types) || n != 26 {
		t.Errorf("%d types, %d of them different", len(types), n)
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "events.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range types {
		if !strings.Contains(string(text), "`"+kind+"`") {
			t.Errorf("docs/events.md does not explain %s", kind)
		}
	}
}
