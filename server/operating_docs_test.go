package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/server/gate"
)

// TestOperatingKnowsReasons: whatever reason the server gives for a refusal or an ending, docs/operating.md says what to do.
func TestOperatingKnowsReasons(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := append(append(gate.Reasons(), endings...), overloads...)
	for _, row := range refusals {
		reasons = append(reasons, row.reason)
	}
	for _, r := range keying.Reasons() {
		reasons = append(reasons, string(r))
	}
	for _, reason := range reasons {
		_, bare, found := strings.Cut(reason, "_")
		prefixed := found && (strings.HasPrefix(reason, "mikey_") || strings.HasPrefix(reason, "keying_"))
		if !strings.Contains(string(text), "`"+reason+"`") && (!prefixed || !strings.Contains(string(text), "`"+bare+"`")) {
			t.Errorf("docs/operating.md does not say what to do about %s", reason)
		}
	}
}
