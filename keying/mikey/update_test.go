package mikey

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// TestUpdates runs rekeys and refreshes in both directions of every kind of bundle, one after the other.
func TestUpdates(t *testing.T) {
	for _, prf := range []PRF{PRFSHA1, PRFSHA256} {
		for _, b := range bundles(t, prf) {
			t.Run(b.name+" "+prf.String(), func(t *testing.T) {
				firstMap := b.alice.csb.Sessions()
				key := func(c *Crypto) []byte {
					k, err := c.Key(1, 16)
					if err != nil {
						t.Fatal(err)
					}
					return k
				}
				seen := [][]byte{key(b.first)}
				for n, step := range []struct{ fromBob, refresh, chainless bool }{
					{}, {fromBob: true}, {refresh: true}, {fromBob: true, refresh: true}, {fromBob: true, chainless: true}, {chainless: true, refresh: true}, {},
				} {
					from, to := b.alice, b.bob
					if step.fromBob {
						from, to = to, from
					}
					p := from.params(t, to)
					p.NoKey, p.VendorExt = step.refresh, fmt.Appendf(nil, "i %d", n)
					if !step.refresh {
						p.MKI = []byte{0, 0, 0, byte(n)}
					}
					a := to.answer()
					a.VendorExt = fmt.Appendf(nil, "r %d", n)
					sender := *from
					if step.chainless {
						sender.signer.Chain, a.Signer = nil, &Signer{Key: to.signer.Key}
					}
					x, y := b.update(t, &sender, to, p, a)
					if x.Refresh() != step.refresh || y.Refresh() != step.refresh || fmt.Sprint(x.Sessions()) != fmt.Sprint(y.Sessions()) {
						t.Fatalf("step %d: %v %v, maps %v %v", n, x.Refresh(), y.Refresh(), x.Sessions(), y.Sessions())
					}
					ss := x.Sessions()
					if ss[0].SSRC != firstMap[0].SSRC || ss[1].SSRC != firstMap[1].SSRC ||
						ss[from.cs-1].ROC != uint32(from.cs)*100 || ss[to.cs-1].ROC != uint32(to.cs)*1000 {
						t.Errorf("step %d: map is %v", n, ss)
					}
					if len(x.Policies()) != 1 || len(y.CSB().Policies()) != 1 {
						t.Errorf("step %d: the policy is gone", n)
					}
					from.csb, to.csb = x.CSB(), y.CSB()
					if step.refresh {
						continue
					}
					sameKeys(t, x, y)
					if x.csbID != b.first.csbID || !bytes.Equal(x.rand, b.first.rand) || x.prf != prf {
						t.Errorf("step %d: the labels changed", n)
					}
					if slices.ContainsFunc(seen, func(k []byte) bool { return bytes.Equal(k, key(x)) }) {
						t.Errorf("step %d: a key again", n)
					}
					seen = append(seen, key(x))
				}
			})
		}
	}
}

// TestEveryBitOfEveryUpdateCounts flips every bit of I and R of every update and refresh, in both directions.
func TestEveryBitOfEveryUpdateCounts(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		for _, refresh := range []bool{false, true} {
			for _, fromBob := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s refresh=%v bob=%v", b.name, refresh, fromBob), func(t *testing.T) {
					from, to := b.alice, b.bob
					if fromBob {
						from, to = to, from
					}
					p := from.params(t, to)
					p.NoKey, p.VendorExt = refresh, []byte("ext")
					i := from.begin(t, p, b.group)
					flipAll(t, i.Message(), func(m *Message) error {
						_, err := to.authenticate(m)
						return err
					})
					resp, err := to.authenticate(mustParse(t, i.Message()))
					if err != nil {
						t.Fatalf("after all the forgeries the true I is refused: %v", err)
					}
					_, r, err := resp.Answer(to.answer())
					if err != nil {
						t.Fatal(err)
					}
					flipAll(t, r, func(m *Message) error { return i.Authenticate(m, from.peer) })
					if err := i.Authenticate(mustParse(t, r), from.peer); err != nil {
						t.Errorf("after all the forgeries the true R is refused: %v", err)
					}
				})
			}
		}
	}
}

// TestUnstatedStreamsStay: whoever leaves its SSRC open, or the whole map away, has the one it had.
func TestUnstatedStreamsStay(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		was := b.alice.csb.Sessions()
		for _, sessions := range [][]Session{nil, make([]Session, 2)} {
			p := b.alice.params(t, b.bob)
			p.Sessions = sessions
			i := b.alice.begin(t, p, b.group)
			x, y := run2(t, i, b.bob.authenticate, Answer{Signer: &b.bob.signer}, b.alice.peer)
			if !slices.Equal(x.CSB().Sessions(), was) || !slices.Equal(y.CSB().Sessions(), was) || len(was) != 2 {
				t.Errorf("%s: maps are %v and %v, were %v", b.name, x.Sessions(), y.Sessions(), was)
			}
		}
	}
}
