package keying

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// A key that is good for an interval of packets only (vector psk-6) is refused, not used beyond its interval, and so is one TEK
// for all crypto sessions (psk-5).
func TestInterval(t *testing.T) {
	text, err := os.ReadFile("mikey/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct{ Name, I, PSK string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, v := range file.Vectors {
		reason, wanted := map[string]Reason{"psk-6-interval": ReasonWeakProtection, "psk-5-tek+salt": ReasonKeyReuse}[v.Name]
		if !wanted {
			continue
		}
		found++
		octets, err := base64.StdEncoding.DecodeString(v.I)
		if err != nil {
			t.Fatal(err)
		}
		psk, err := hex.DecodeString(v.PSK)
		if err != nil {
			t.Fatal(err)
		}
		wantNoKeys(t, octets, psk, reason)
	}
	if found != 2 {
		t.Fatal("a vector is gone")
	}
}

func wantNoKeys(t *testing.T, octets, psk []byte, reason Reason) {
	t.Helper()
	m, err := mikey.Parse(octets)
	if err != nil {
		t.Fatal(err)
	}
	response, err := mikey.AuthenticatePSK(m, psk, nil)
	if err != nil {
		t.Fatal(err)
	}
	crypto, _, err := response.Answer(mikey.Answer{})
	if err != nil {
		t.Fatal(err)
	}
	d := deed{suite: AESCM128SHA1x80}
	_, err = d.keys(crypto, &csbState{streams: answering(nil)})
	wantRefusal(t, refusal{mute: true}.own(err), reason)
}
