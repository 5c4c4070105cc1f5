package gate

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: the keyers of the tests compute in goroutines; none may stay.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
