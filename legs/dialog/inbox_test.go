package dialog

import (
	"net/netip"
	"strings"
	"testing"
)

// flooded puts as many datagrams of a class into b as find room.
func flooded(b *inbox, c class, text []byte) (n int) {
	for b.put(arrived{text: text, class: c}) {
		n++
	}
	return n
}

// TestInbox: each class keeps its order and has its share of every round, whoever floods another; an idle one takes nothing from them.
func TestInbox(t *testing.T) {
	b := newInbox()
	for c := range classes {
		flooded(b, c, []byte{"sco"[c]})
	}
	order := func(n int) string {
		var s strings.Builder
		for range n {
			a, _ := b.take()
			s.Write(a.text)
		}
		return s.String()
	}
	if s := order(26); s != "ssssssssccccossssssssccccoo"[:26] {
		t.Errorf("under flood: %s", s)
	}
	b = newInbox()
	flooded(b, others, []byte("o"))
	if s := order(3); s != "ooo" {
		t.Errorf("alone: %s", s)
	}
	b.put(arrived{text: []byte("1"), class: standing})
	b.put(arrived{text: []byte("2"), class: standing})
	if s := order(2); s != "12" {
		t.Errorf("a call that stands, beside a flood: %s", s)
	}
	b.close()
	if _, ok := b.take(); ok || b.put(arrived{}) {
		t.Error("the inbox is closed and works")
	}
}

// TestInboxBounded: octets and number are bounded, whatever the datagrams are made of, and each class by itself.
func TestInboxBounded(t *testing.T) {
	for _, size := range []int{1, 1500, maxDatagram} {
		b := newInbox()
		for c := range classes {
			most := inboxOctets[c] / (size + datagramCost)
			if n := flooded(b, c, make([]byte, size)); n != most {
				t.Errorf("class %d: %d datagrams of %d octets, not %d", c, n, size, most)
			}
			if n := len(b.queues[c].ring); n > max(batchSize, 2*most) {
				t.Errorf("class %d: a ring of %d for %d", c, n, most)
			}
			if b.waiting(c) != most {
				t.Errorf("class %d: %d wait", c, b.waiting(c))
			}
		}
		b.take()
		if !b.put(arrived{text: make([]byte, size), class: standing}) {
			t.Error("what was taken still costs")
		}
	}
}

// TestTriageBudget: a source beyond its budget costs the others no room, and what is no SIP costs it nothing.
func TestTriageBudget(t *testing.T) {
	f := testFront(1)
	p := &peer{c: &addressed{}}
	from := netip.MustParseAddrPort("192.0.2.1:5060")
	passed := func(m string) (n int) {
		for range 40 {
			if _, _, ok := f.triage([]byte(m), from, nil); ok {
				n++
			}
		}
		return n
	}
	if n := passed("hello"); n != 0 || f.stats.overBudget.Load() != 0 || f.stats.malformed.Load() != 40 {
		t.Errorf("garbage: %d passed, %d over the budget", n, f.stats.overBudget.Load())
	}
	if n := passed(p.message("OPTIONS", "o", "", 1, "")); n != burstSeconds {
		t.Errorf("%d OPTIONS passed", n)
	}
	from = netip.MustParseAddrPort("192.0.2.2:5060")
	if n := passed(p.message("BYE", "o", "tag", 1, "")); n < burstSeconds*dialogFactor-1 || n > burstSeconds*dialogFactor {
		t.Errorf("%d BYEs passed", n)
	}
}
