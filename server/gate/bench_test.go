package gate

import (
	"testing"

	"github.com/icholy/digest"

	"github.com/conclave/conclave/keying"
)

// BenchmarkChallenge is what a stranger's INVITE without credentials costs.
func BenchmarkChallenge(b *testing.B) {
	g, _ := newGate(b, Config{})
	r := lateInvite("standup")
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := g.Admit(r); refusal == nil {
			b.Fatal("admitted")
		}
	}
}

// BenchmarkWrongDigest is what a guessed password costs.
func BenchmarkWrongDigest(b *testing.B) {
	g, _ := newGate(b, Config{})
	r := lateInvite("standup")
	r.Authorization = []string{answer(b, challenged(b, g, r), r, func(o *digest.Options) { o.Password = "x" })}
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := g.Admit(r); refusal == nil {
			b.Fatal("admitted")
		}
	}
}

// BenchmarkOffer is an INVITE that its MIKEY message authenticates, and one whose message is forged.
func BenchmarkOffer(b *testing.B) {
	for _, method := range []keying.Method{keying.MIKEYPSK, keying.MIKEYDH} {
		for name, c := range map[string]caller{"good": {method: method}, "forged": {method: method, psk: "bob", paper: "foreign"}} {
			b.Run(string(method)+"/"+name, func(b *testing.B) {
				w := newWorld(b)
				r := w.invite(c)
				b.ReportAllocs()
				for b.Loop() {
					a, refusal := w.gate.Admit(r)
					if (refusal == nil) != (name == "good") {
						b.Fatal(refusal)
					}
					if a != nil {
						a.Verified.Abandon()
					}
				}
			})
		}
	}
}
