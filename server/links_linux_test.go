package server

import "testing"

// TestWatchLinks: the watch can be set up by anybody, and ends.
func TestWatchLinks(t *testing.T) {
	changed, stop, err := watchLinks()
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	select {
	case <-changed: // somebody else's doing
	default:
	}
}
