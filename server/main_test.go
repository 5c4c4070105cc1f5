package server

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: a server that has stopped leaves no goroutine behind, whatever its calls were about.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
