package keying

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// ways are the set-ups that the benchmarks compare.
func ways() []Call {
	var all []Call
	for _, kind := range []string{CertRSA, CertECDSA} {
		for _, group := range Groups() {
			all = append(all, Call{Group: group, Cert: kind})
		}
	}
	return append(all, Call{})
}

func name(way Call) (Method, string) {
	if way.Cert == "" {
		return MIKEYPSK, string(MIKEYPSK)
	}
	return MIKEYDH, fmt.Sprintf("%s/%s/%s", MIKEYDH, way.Group, way.Cert)
}

// bench runs each way in a world of its own; the clock moves between offers, as the replay window does in life.
func bench(b *testing.B, run func(b *testing.B, w *world, k *Keyer, m Method, c Call)) {
	for _, way := range ways() {
		m, label := name(way)
		b.Run(label, func(b *testing.B) {
			w := newWorld(b)
			k := w.caller(alice, cmp.Or(way.Cert, CertECDSA))
			c := dialled(alice)
			c.Group, c.Cert = way.Group, way.Cert
			run(b, w, k, m, c)
		})
	}
}

// BenchmarkBoth is a whole set-up of keys, both sides.
func BenchmarkBoth(b *testing.B) {
	bench(b, func(b *testing.B, w *world, k *Keyer, m Method, c Call) {
		for b.Loop() {
			w.clock.move(time.Millisecond)
			i := w.offer(k, m, c)
			_, response, err := w.server.Respond(b.Context(), w.verified(i.Message(), answered()), answered())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := i.Complete(b.Context(), response); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkResponder is what a set-up costs the server.
func BenchmarkResponder(b *testing.B) {
	bench(b, func(b *testing.B, w *world, k *Keyer, m Method, c Call) {
		for b.Loop() {
			b.StopTimer()
			w.clock.move(time.Millisecond)
			i := w.offer(k, m, c)
			b.StartTimer()
			if _, _, err := w.server.Respond(b.Context(), w.verified(i.Message(), answered()), answered()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRefused is what a stranger's offer costs: a wrong key, a foreign certificate.
func BenchmarkRefused(b *testing.B) {
	for _, c := range refusedCredentials() {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b)
			message, call := c.make(w)
			b.ResetTimer()
			for b.Loop() {
				if _, err := w.server.Verify(message, call); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
