package legs

import (
	"testing"

	"github.com/conclave/conclave/legs/offer"
)

// TestSendRate: a peer may bind us lower than the house rate, never higher.
func TestSendRate(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]int{0: 0, 6000: 6000, 24000: 24000, 32000: 32000, 64000: 32000, 510000: 32000} {
		if got := sendRate(offer.Codec{Name: "opus", Bitrate: most}); got != want {
			t.Errorf("peer takes %d: %d, want %d", most, got, want)
		}
	}
}
