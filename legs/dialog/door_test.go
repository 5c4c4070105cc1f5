package dialog

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDoorTurns: calls that wait get their turn in the order in which they came, and none waits longer than setupWait.
func TestDoorTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(&Config{MaxSetups: 1, MaxWaiting: 3}, t64(), time.Now)
		sets := make([]*setup, 4)
		turns := make(chan int, len(sets))
		for i := range sets {
			sets[i] = &setup{door: d, key: uint64(i)}
			if why := d.enter(sets[i].key); why != "" {
				t.Fatalf("call %d: %s", i, why)
			}
		}
		if why := d.enter(99); why != "overload" {
			t.Errorf("one too many: %q", why)
		}
		if why := d.enter(3); why != "" {
			t.Errorf("a repeat: %q", why)
		}
		begun := time.Now()
		for i, s := range sets {
			go func() {
				if err := s.begin(t.Context()); err == nil {
					turns <- i
				} else if waited := time.Since(begun); !errors.Is(err, errOverload) || waited != setupWait {
					t.Errorf("call %d: %v after %v", i, err, waited)
				}
			}()
			synctest.Wait()
		}
		for i := range 2 {
			if turn := <-turns; turn != i {
				t.Errorf("turn %d is call %d's", i, turn)
			}
			time.Sleep(setupWait / 4)
			sets[i].end(i == 0)
			sets[i].end(false) // only the first counts
		}
		if turn := <-turns; turn != 2 {
			t.Errorf("the third turn is call %d's", turn)
		}
		time.Sleep(setupWait) // the last one is sent away
		sets[2].end(false)
		sets[3].end(false)
		if n := d.count(); n != 0 || len(d.slots) != 0 {
			t.Errorf("%d inside, %d in work", n, len(d.slots))
		}
		if tr, ok := d.meets(0); !ok || tr.state != answering {
			t.Errorf("the call that was answered left %+v, %v", tr, ok)
		}
		if _, ok := d.meets(1); ok {
			t.Error("a call that was refused left a trace: its next try would not count")
		}
	})
}

// TestDoorHeals: calls that got lost on their way count no longer than their traces live.
func TestDoorHeals(t *testing.T) {
	now := time.Now()
	d := newDoor(&Config{MaxSetups: 1, MaxWaiting: 1}, t64(), func() time.Time { return now })
	for key := range uint64(2) {
		d.enter(key)
	}
	if why := d.enter(7); why != "overload" {
		t.Fatalf("two lost calls: %q", why)
	}
	now = now.Add(t64())
	if why := d.enter(7); why != "overload" {
		t.Errorf("after one life: %q", why)
	}
	now = now.Add(t64())
	if why := d.enter(7); why != "" || d.count() != 1 {
		t.Errorf("after two: %q, %d inside", why, d.count())
	}
}

// TestTracesBounded: what finds no room is left to sipgo.
func TestTracesBounded(t *testing.T) {
	d := newDoor(&Config{MaxSetups: 1}, t64(), time.Now)
	for key := range uint64(maxTraces) {
		if !d.settle(key, nil) {
			t.Fatalf("trace %d found no room", key)
		}
	}
	if d.settle(maxTraces, nil) {
		t.Error("there are more traces than may be")
	}
	if !d.settle(1, []byte("again")) {
		t.Error("a trace that is there cannot be renewed")
	}
}

// TestPeek: what is seen of a plain INVITE is what the scan reads, so that both know it by the same key; anything unusual is left to
// the scan.
func TestPeek(t *testing.T) {
	p := &peer{c: &addressed{}}
	plain := p.message("INVITE", "x", "", 7, "v=0", "Record-Route: <sip:p;lr>")
	replace := func(old, with string) string { return strings.Replace(plain, old, with, 1) }
	for name, c := range map[string]struct {
		message string
		plain   bool
	}{
		"plain":               {plain, true},
		"compact":             {replace("Call-ID", "i"), true},
		"spaces":              {replace("Call-ID: byhand", "Call-ID:   byhand \t"), true},
		"two Vias":            {replace("Via:", "v: SIP/2.0/UDP a;branch=z9hG4bKy\r\nVia:"), true},
		"too many Vias":       {replace("Via:", strings.Repeat("v: SIP/2.0/UDP a;branch=z9hG4bKy\r\n", 8)+"Via:"), false},
		"folded":              {replace("Call-ID: byhand", "Call-ID:\r\n byhand"), false},
		"in a dialog":         {p.message("INVITE", "x", "tag", 7, "v=0"), false},
		"a tag in upper case": {replace("To: <sip:room@conf.test>", "To: <sip:room@conf.test>;TAG=x"), false},
		"To twice":            {replace("To:", "To: <sip:a@b>\r\nTo:"), false},
		"no Call-ID":          {replace("Call-ID: byhand\r\n", ""), false},
		"bare LF":             {replace("Call-ID: byhand\r\n", "Call-ID: byhand\n"), false},
		"no end":              {strings.TrimSuffix(plain, "\r\nv=0"), false},
		"another method":      {p.message("OPTIONS", "x", "", 7, ""), false},
	} {
		g, ok := peek([]byte(c.message))
		if ok != c.plain {
			t.Errorf("%s: %v", name, ok)
		}
		if !ok {
			continue
		}
		head, _, _ := strings.Cut(c.message, "\r\n\r\n")
		w, flaw := scan([]byte(head + "\r\n\r\n"))
		if flaw != nil || string(value(g.id)) != w.callID || g.number() != w.number || g.n != len(w.vias) {
			t.Errorf("%s: seen %q %d, read %q %d (%+v)", name, value(g.id), g.number(), w.callID, w.number, flaw)
		}
		if _, flaw := scan(g.busy()); flaw != nil {
			t.Errorf("%s: the answer is unreadable: %+v\n%s", name, flaw, g.busy())
		}
	}
}

// TestInbox: what belongs to calls that stand goes before new calls and is bounded.
func TestInbox(t *testing.T) {
	b := newInbox()
	order := "c1 u1 c2 u2 u3"
	for name := range strings.FieldsSeq(order) {
		b.put(arrived{text: []byte(name), call: name[0] == 'c'})
	}
	var taken []string
	for range 5 {
		a, _ := b.take()
		taken = append(taken, string(a.text))
	}
	if s := strings.Join(taken, " "); s != "u1 u2 u3 c1 c2" {
		t.Errorf("%s became %s", order, s)
	}
	large := make([]byte, maxDatagram)
	n := 0
	for b.put(arrived{text: large}) {
		n++
	}
	if n != maxUrgent/maxDatagram || !b.put(arrived{text: large, call: true}) {
		t.Errorf("%d datagrams found room, new calls beside them", n)
	}
	b.close()
	if _, ok := b.take(); ok || b.put(arrived{}) {
		t.Error("the inbox is closed and works")
	}
}

// BenchmarkShed is what one INVITE costs that is sent away, without the system calls, of which a batch shares two.
func BenchmarkShed(b *testing.B) {
	f := testFront(1 << 30)
	f.door = newDoor(&Config{MaxSetups: 1, Full: func() bool { return true }}, t64(), time.Now)
	p := &peer{c: &addressed{}}
	msg := []byte(p.message("INVITE", "x", "", 1, string(make([]byte, 1500))))
	from := netip.MustParseAddrPort("127.0.0.1:5060")
	b.ReportAllocs()
	for b.Loop() {
		if _, answer, _ := f.triage(msg, from); answer == nil {
			b.Fatal("let in")
		}
	}
}
