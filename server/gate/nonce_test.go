package gate

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"
)

func TestNonceCounts(t *testing.T) {
	g, _ := newGate(t, Config{})
	r := lateInvite("standup")
	c := challenged(t, g, r)
	send := func(count int) *Reject {
		r.Authorization = []string{answer(t, c, r, func(o *digest.Options) { o.Count = count })}
		_, refusal := g.Admit(r)
		return refusal
	}
	for _, count := range []int{1, 2, 5, 4, 3, 100, 99, 37} {
		if refusal := send(count); refusal != nil {
			t.Errorf("count %d: %v", count, refusal)
		}
	}
	for _, count := range []int{1, 5, 100, 37, 36, 6} { // used, or below the window
		if refusal := send(count); refusal == nil || refusal.Reason != ReasonReplayedDigest || refusal.Status != 401 {
			t.Errorf("count %d again: %v", count, refusal)
		}
	}
}

func TestRestart(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	g, _ := newGate(t, Config{BootKey: key})
	text, err := g.newNonce(phone.Addr())
	if err != nil {
		t.Fatal(err)
	}
	later := &clock{now: boot.Add(time.Second)}
	again, err := New(Config{Domain: domain, Accounts: accounts{}, Keyer: &refuser{}, Policy: policies, BootKey: key, Now: later.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, fresh := again.openNonce(text, phone.Addr()); fresh {
		t.Error("a nonce outlived its process")
	}
}

func TestManyAtOnce(t *testing.T) {
	g, _ := newGate(t, Config{})
	r := lateInvite("standup")
	r.Authorization = []string{answer(t, challenged(t, g, r), r, nil)}
	var admitted, replayed atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, refusal := g.Admit(r); refusal == nil {
				admitted.Add(1)
			} else if refusal.Reason == ReasonReplayedDigest {
				replayed.Add(1)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 1 || replayed.Load() != 31 {
		t.Errorf("%d admitted, %d refused as replayed", admitted.Load(), replayed.Load())
	}
}

func TestNoncesDiffer(t *testing.T) {
	g, _ := newGate(t, Config{})
	seen := map[string]bool{}
	for range 1000 {
		n, err := g.newNonce(phone.Addr())
		if err != nil || seen[n] {
			t.Fatalf("nonce %q twice, or %v", n, err)
		}
		seen[n] = true
	}
}

func TestNonceFlips(t *testing.T) {
	g, _ := newGate(t, Config{})
	text, err := g.newNonce(phone.Addr())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := nonceText.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if _, ok := g.openNonce(nonceText.EncodeToString(raw), phone.Addr()); ok {
			t.Errorf("bit %d", i)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	if _, ok := g.openNonce(text, phone.Addr()); !ok {
		t.Error("the nonce itself is refused")
	}
}

func TestWindowIsBounded(t *testing.T) {
	var w window
	now := boot
	admitted := 0
	for i := range maxNoncesPerAccount + 10 {
		var n nonce
		copy(n[:], fmt.Sprint(i))
		if w.use(n, 1, "alice", now) == firstUse {
			admitted++
		}
	}
	if admitted != maxNoncesPerAccount {
		t.Errorf("one account got %d", admitted)
	}
	var mine nonce
	copy(mine[:], "mine")
	if v := w.use(mine, 1, "bob", now); v != firstUse {
		t.Errorf("bob: %v", v)
	}
	// Entries live longer than their nonces, and then go.
	now = now.Add(NonceLifetime + nonceAhead)
	if v := w.use(mine, 1, "bob", now); v != repeated {
		t.Errorf("a generation later: %v", v)
	}
	now = now.Add(NonceLifetime + nonceAhead)
	if v := w.use(mine, 1, "bob", now); v != firstUse || len(w.last.counts) != 0 {
		t.Errorf("two generations later: %v, %d kept", v, len(w.last.counts))
	}
	for i := range maxNonces + 10 {
		var n nonce
		copy(n[:], "x"+fmt.Sprint(i))
		w.use(n, 1, hex.EncodeToString(n[:4]), now)
	}
	if len(w.current.counts) > maxNonces {
		t.Errorf("%d nonces", len(w.current.counts))
	}
}
