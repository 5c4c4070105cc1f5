package media

import (
	"testing"

	"github.com/conclave/conclave/keying"
)

func TestCipher(t *testing.T) {
	for _, suite := range keying.Suites() {
		c, err := NewCipher(suite)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			packet, err := c.Protect(make([]byte, 80))
			if err != nil || len(packet) <= rtpHeader+80 {
				t.Fatalf("%s: %d octets, %v", suite, len(packet), err)
			}
			again := append(make([]byte, 0, maxDatagram), packet...)
			if err := c.Unprotect(packet); err != nil {
				t.Errorf("%s: %v", suite, err)
			}
			if c.Unprotect(again) == nil {
				t.Errorf("%s: opened twice", suite)
			}
		}
	}
	if _, err := NewCipher("none"); err == nil {
		t.Error("a suite that does not exist")
	}
}
