package mikey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// party is one end of a bundle.
type party struct {
	psk    []byte // nil where the bundle has an envelope key
	signer Signer
	peer   PeerKey // of the other
	csb    *CSB
	id     string
	cs     uint8 // its stream
}

// bundle is two ends after their first exchange; alice began it.
type bundle struct {
	name       string
	alice, bob *party
	group      Group
	first      *Crypto // alice's; bob's is the same
}

// bundles are one of each kind.
func bundles(t testing.TB, prf PRF) []bundle {
	t.Helper()
	var bs []bundle
	for _, m := range modes(t) {
		b := bundle{name: m.name, group: GroupP256, alice: &party{id: testIDi, cs: 1}, bob: &party{id: testIDr, cs: 2}}
		switch m.name {
		case "psk", "dhhmac p256", "dhhmac modp1536":
			b.alice.psk, b.bob.psk = testPSK, testPSK
		case "dh rsa p256":
			b.alice.signer, b.bob.peer = rsaIdentity(t, "alice")
			b.bob.signer, b.alice.peer = rsaIdentity(t, "bob")
		case "dh ecdsa modp1536": // the Signer of this mode is the same at both ends
			b.alice.signer, b.alice.peer = *m.answer.Signer, m.responder
			b.bob.signer, b.bob.peer = *m.answer.Signer, m.responder
		case "pke rsa", "rsar rsa":
		default:
			continue
		}
		if m.name == "dhhmac modp1536" || m.name == "dh ecdsa modp1536" {
			b.group = GroupMODP1536
		}
		p := testParams(t)
		p.PRF, p.Cache, m.answer.Cache = prf, true, true
		x, y := run2(t, m.begin(t, p), m.authenticate, m.answer, m.responder)
		b.first, b.alice.csb, b.bob.csb = x, x.CSB(), y.CSB()
		bs = append(bs, b)
	}
	if len(bs) != 7 {
		t.Fatalf("%d bundles", len(bs))
	}
	return bs
}

// run2 is run for an exchange whose states are kept.
func run2(t testing.TB, i Initiation, authenticate func(*Message) (Response, error), a Answer, responder PeerKey) (x, y *Crypto) {
	t.Helper()
	resp, err := authenticate(mustParse(t, i.Message()))
	if err != nil {
		t.Fatal(err)
	}
	y, r, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(mustParse(t, r), responder); err != nil {
		t.Fatal(err)
	}
	if x, err = i.Complete(); err != nil {
		t.Fatal(err)
	}
	return x, y
}

// params are an update of p's for the other: its own stream is stated, the other's left to it.
func (p *party) params(t testing.TB, other *party) Params {
	t.Helper()
	now := ntpTime(t, "2026-02-03T04:05:06.789Z")
	ss := p.csb.Sessions()
	ss[p.cs-1].ROC, ss[other.cs-1] = uint32(p.cs)*100, Session{}
	return Params{Prior: p.csb, Time: p.csb.NextTime(now), IDi: p.id, IDr: other.id, SDPIDs: "mikey", Sessions: ss, V: true}
}

// initiate makes an update.
func (p *party) initiate(params Params, g Group) (Initiation, error) {
	switch params.Prior.UpdateType() {
	case TypeDHInit:
		return InitiateDH(params, g, p.signer)
	case TypeDHHMACInit:
		return InitiateDHHMAC(params, g, p.psk)
	default:
		return InitiatePSK(params, p.psk)
	}
}

func (p *party) begin(t testing.TB, params Params, g Group) Initiation {
	t.Helper()
	i, err := p.initiate(params, g)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// authenticate takes an update.
func (p *party) authenticate(m *Message) (Response, error) {
	switch p.csb.UpdateType() {
	case TypeDHInit:
		return AuthenticateDH(m, p.peer, p.csb)
	case TypeDHHMACInit:
		return AuthenticateDHHMAC(m, p.psk, p.csb)
	default:
		return AuthenticatePSK(m, p.psk, p.csb)
	}
}

// answer is p's to an update.
func (p *party) answer() Answer {
	own := p.csb.Sessions()[p.cs-1].SSRC
	return Answer{SSRC: map[uint8]uint32{p.cs: own}, ROC: map[uint8]uint32{p.cs: uint32(p.cs) * 1000}, Signer: &p.signer}
}

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

// update is one update from both ends; its messages are looked at.
func (b bundle) update(t *testing.T, from, to *party, p Params, a Answer) (x, y *Crypto) {
	t.Helper()
	i := from.begin(t, p, b.group)
	m := mustParse(t, i.Message())
	if m.RAND() != nil || !m.Update() || m.Refresh() != p.NoKey || m.CSBID() != b.first.csbID {
		t.Fatalf("I: RAND %x, update %v, refresh %v", m.RAND(), m.Update(), m.Refresh())
	}
	if ext, ok := m.VendorExt(); !ok || !bytes.Equal(ext, p.VendorExt) {
		t.Errorf("I carries %q", ext)
	}
	resp, err := to.authenticate(m)
	if err != nil {
		t.Fatal(err)
	}
	y, raw, err := resp.Answer(a)
	if err != nil {
		t.Fatal(err)
	}
	r := mustParse(t, raw)
	if ext, ok := r.VendorExt(); !ok || !bytes.Equal(ext, a.VendorExt) {
		t.Errorf("R carries %q", ext)
	}
	if err := i.Authenticate(r, from.peer); err != nil {
		t.Fatal(err)
	}
	if err := i.Authenticate(r, from.peer); !errors.Is(err, ErrExchange) {
		t.Errorf("second R: %v", err)
	}
	if x, err = i.Complete(); err != nil {
		t.Fatal(err)
	}
	if _, err = i.Complete(); !errors.Is(err, ErrExchange) {
		t.Errorf("completed twice: %v", err)
	}
	if _, _, err := resp.Answer(a); !errors.Is(err, ErrExchange) {
		t.Errorf("answered twice: %v", err)
	}
	return x, y
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

// TestOldTime: what was answered is refused ever after, as is our own message sent back to us; and nothing of ours bears a T
// that anybody has used.
func TestOldTime(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		for _, refresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s refresh=%v", b.name, refresh), func(t *testing.T) {
				p := b.alice.params(t, b.bob)
				p.NoKey = refresh
				i := b.alice.begin(t, p, b.group)
				if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
					t.Errorf("two messages of ours with one T: %v", err)
				}
				reflected := *b.alice
				reflected.peer = b.bob.peer // even with our own key
				if _, err := reflected.authenticate(mustParse(t, i.Message())); !errors.Is(err, ErrOldTime) {
					t.Errorf("our own message sent back: %v", err)
				}
				one, err1 := b.bob.authenticate(mustParse(t, i.Message()))
				two, err2 := b.bob.authenticate(mustParse(t, i.Message())) // a retransmission, not yet answered
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				q := b.bob.params(t, b.alice)
				q.Time = p.Time
				if _, err := b.bob.initiate(q, b.group); !errors.Is(err, ErrOldTime) {
					t.Errorf("ours with the T of a peer's message that was not answered: %v", err)
				}
				_, r, err := one.Answer(b.bob.answer())
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := two.Answer(b.bob.answer()); !errors.Is(err, ErrOldTime) {
					t.Errorf("answered twice: %v", err)
				}
				if _, err := b.bob.authenticate(mustParse(t, i.Message())); !errors.Is(err, ErrOldTime) {
					t.Errorf("replayed: %v", err)
				}
				if err := i.Authenticate(mustParse(t, r), b.alice.peer); err != nil {
					t.Fatal(err)
				}
				if _, err := i.Complete(); err != nil {
					t.Fatal(err)
				}
				for _, back := range []time.Duration{0, 1, time.Second} {
					p.Time = p.Time.Add(-back)
					if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
						t.Errorf("ours, %v old: %v", back, err)
					}
				}
			})
		}
	}
}

// TestOldTimeOfAnotherState: an update made under an earlier state of the bundle does not pass a later one, which shares the clock.
func TestOldTimeOfAnotherState(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		t.Run(b.name, func(t *testing.T) {
			early := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
			late := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
			resp, err := b.bob.authenticate(mustParse(t, late.Message()))
			if err != nil {
				t.Fatal(err)
			}
			y, r, err := resp.Answer(b.bob.answer())
			if err != nil {
				t.Fatal(err)
			}
			for _, csb := range []*CSB{b.bob.csb, y.CSB()} {
				bob := *b.bob
				bob.csb = csb
				if _, err := bob.authenticate(mustParse(t, early.Message())); !errors.Is(err, ErrOldTime) || NumberOf(err) != InvalidTS {
					t.Errorf("an older update after a later one: %v", err)
				}
			}
			if err := late.Authenticate(mustParse(t, r), b.alice.peer); err != nil {
				t.Fatal(err)
			}
			// Meanwhile bob's came and was answered: R to the earlier one of ours is too late.
			q := b.bob.params(t, b.alice)
			q.Time = q.Time.Add(time.Second)
			i := b.bob.begin(t, q, b.group)
			resp, err = b.alice.authenticate(mustParse(t, i.Message()))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := resp.Answer(b.alice.answer()); err != nil {
				t.Fatal(err)
			}
			if _, err := late.Complete(); !errors.Is(err, ErrOldTime) {
				t.Errorf("overtaken: %v", err)
			}
		})
	}
}

// TestStatesShareTheClock: what one state of a bundle used or took, no other uses or takes; an earlier one may still be held by
// whoever has not heard of the update yet.
func TestStatesShareTheClock(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		t.Run(b.name, func(t *testing.T) {
			later := func(p *party, other *party, by time.Duration) Params {
				params := p.params(t, other)
				params.Time = params.Time.Add(by)
				return params
			}
			i := b.alice.begin(t, later(b.alice, b.bob, time.Second), b.group)
			open := b.alice.begin(t, later(b.alice, b.bob, time.Second), b.group) // ours, never answered
			x, y := b.answered(t, i)
			alice, bob := *b.alice, *b.bob
			alice.csb, bob.csb = x.CSB(), y.CSB()
			if _, err := alice.authenticate(mustParse(t, open.Message())); !errors.Is(err, ErrOldTime) {
				t.Errorf("ours of an earlier state, sent back: %v", err)
			}
			p := later(&alice, &bob, time.Minute)
			next := alice.begin(t, p, b.group)
			p.Prior = b.alice.csb
			if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrOldTime) {
				t.Errorf("a T that a later state used: %v", err)
			}
			resp, err := bob.authenticate(mustParse(t, next.Message()))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := resp.Answer(bob.answer()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.bob.authenticate(mustParse(t, next.Message())); !errors.Is(err, ErrOldTime) {
				t.Errorf("what a later state took: %v", err)
			}
		})
	}
}

// answered runs an update of alice's to its end.
func (b bundle) answered(t *testing.T, i Initiation) (x, y *Crypto) {
	t.Helper()
	return run2(t, i, b.bob.authenticate, b.bob.answer(), b.alice.peer)
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
