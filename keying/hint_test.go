package keying

import (
	"slices"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying/mikey"
)

// TestHint: what a refusal says is read back, for the bundle it is about and no other.
func TestHint(t *testing.T) {
	w := newWorld(t)
	i := w.offer(w.caller(alice, CertECDSA), MIKEYDH, dialled(alice))
	c := answered()
	c.Policy.Suites = []Suite{AESCM128SHA1x80, AESCM256SHA1x80}
	_, err := w.server.Verify(i.Attributes(), c)
	e := wantRefusal(t, err, ReasonNoCommonSuite)
	h, ok := ReadHint(e.Message, i.CSBID())
	if !ok || !slices.Equal(h.Suites, c.Policy.Suites) || !slices.Equal(h.Numbers, []uint8{uint8(mikey.InvalidSPpar)}) || !strings.Contains(h.Words, "suite") {
		t.Errorf("%v %+v", ok, h)
	}
	if _, err := i.Complete(t.Context(), Attributes{MIKEY: e.Message}); err == nil {
		t.Error("a hint is an answer")
	}
	for name, message := range map[string][]byte{"none": nil, "an offer": i.Attributes().MIKEY, "cut": e.Message[:len(e.Message)-1]} {
		if _, ok := ReadHint(message, i.CSBID()); ok {
			t.Errorf("%s is a hint", name)
		}
	}
	if _, ok := ReadHint(e.Message, i.CSBID()+1); ok {
		t.Error("a hint about another bundle")
	}
	if h, ok := ReadHint(mikey.NewErrorMessage(7, mikey.NewTimestamp(began), 99, nil), 7); !ok || h.Words != "error 99" {
		t.Errorf("%v %+v", ok, h)
	}
}

// TestWords: every reason has words, which tell no secret and no name.
func TestWords(t *testing.T) {
	for _, r := range Reasons() {
		words, known := reasonWords[r]
		if !known || words == "" || Words(r) != words || strings.ContainsAny(words, "\"\\\r\n") {
			t.Errorf("%s: %q", r, words)
		}
	}
	if len(reasonWords) != len(Reasons()) || Words("new") != reasonWords[ReasonInternal] {
		t.Error("words without a reason, or a reason without words")
	}
	for _, r := range []Reason{ReasonUnknownIdentity, ReasonBadMAC, ReasonBadSignature} {
		if Words(r) != "authentication failed" {
			t.Errorf("%s tells whether an account exists", r)
		}
	}
}
