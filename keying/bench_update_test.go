package keying

import "testing"

// BenchmarkRenew is the processor time of a server that answers new keys in a running call: Verify and Respond, by every method.
func BenchmarkRenew(b *testing.B) {
	for _, m := range append(ofMIKEY(), SDES) {
		for _, refresh := range []bool{false, true} {
			if refresh && !m.mikey() {
				continue
			}
			name := string(m) + "/rekey"
			if refresh {
				name = string(m) + "/refresh"
			}
			b.Run(name, func(b *testing.B) {
				w := newWorld(b)
				caller, server := w.ends(kindsOf(m)[0])
				if m.agreesGroup() {
					caller.call.Group = P256
				}
				caller.settles(m, server)
				caller.call.Refresh = refresh
				for b.Loop() {
					b.StopTimer()
					i := caller.offers(m)
					b.StartTimer()
					v, err := server.verifies(i.Attributes(), caller)
					if err != nil {
						b.Fatal(err)
					}
					theirs, response, err := server.k.Respond(b.Context(), v, server.call)
					if err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					ours, err := i.Complete(b.Context(), response)
					if err != nil {
						b.Fatal(err)
					}
					caller.takes(ours)
					server.takes(theirs)
					w.clock.move(1)
					b.StartTimer()
				}
			})
		}
	}
}
