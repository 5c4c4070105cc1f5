package dialog

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestDoorTurns: calls that wait get their turn in the order in which they came, none waits longer than setupWait, one too many is sent
// away at once, and in the end nothing is counted.
func TestDoorTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(&Config{MaxSetups: 1, MaxWaiting: 3})
		d.crowded = func() bool { return false }
		sets := make([]*setup, 4)
		turns := make(chan int, len(sets))
		begun := time.Now()
		for i := range sets {
			sets[i] = &setup{door: d}
			if err := d.look(0); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			go func() {
				if err := sets[i].begin(t.Context()); err == nil {
					turns <- i
				} else if waited := time.Since(begun); !errors.Is(err, errOverload) || waited != setupWait {
					t.Errorf("call %d: %v after %v", i, err, waited)
				}
			}()
			synctest.Wait()
		}
		if err := d.look(0); !errors.Is(err, errOverload) {
			t.Errorf("one too many at the front: %v", err)
		}
		late := &setup{door: d}
		if err := late.begin(t.Context()); !errors.Is(err, errOverload) || time.Since(begun) != 0 {
			t.Errorf("one too many that the front had let in: %v after %v", err, time.Since(begun))
		}
		late.end()
		for i := range 2 {
			if turn := <-turns; turn != i {
				t.Errorf("turn %d is call %d's", i, turn)
			}
			time.Sleep(setupWait / 4)
			sets[i].end()
			sets[i].end() // only the first counts
		}
		if turn := <-turns; turn != 2 {
			t.Errorf("the third turn is call %d's", turn)
		}
		if err := d.look(1); err != nil {
			t.Errorf("with two inside and one on its way: %v", err)
		}
		if err := d.look(2); !errors.Is(err, errOverload) {
			t.Errorf("with two inside and two on their way: %v", err)
		}
		time.Sleep(setupWait) // the last one is sent away
		sets[2].end()
		sets[3].end()
		if n := d.count(); n != 0 || len(d.slots) != 0 {
			t.Errorf("%d inside, %d in work", n, len(d.slots))
		}
	})
}

// TestDoorCrowd: whose turn it is lets those go first who wait for a processor, but not for long, and holds his slot meanwhile.
func TestDoorCrowd(t *testing.T) {
	for name, c := range map[string]struct{ crowd, cancel, want time.Duration }{
		"nobody waits": {},
		"for a while":  {crowd: 3 * crowdPause, want: 3 * crowdPause},
		"always":       {crowd: time.Hour, want: calmWait},
		"cancelled":    {crowd: time.Hour, cancel: calmWait - crowdPause/2, want: calmWait - crowdPause/2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, begun := newDoor(&Config{MaxSetups: 1, MaxWaiting: 1}), time.Now()
				d.crowded = func() bool {
					if len(d.slots) != 1 {
						t.Errorf("%d in work while one looks", len(d.slots))
					}
					return time.Since(begun) < c.crowd
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.cancel > 0 {
					time.AfterFunc(c.cancel, cancel)
				}
				s := &setup{door: d}
				err := s.begin(ctx)
				if waited := time.Since(begun); waited != c.want || errors.Is(err, context.Canceled) != (c.cancel > 0) {
					t.Errorf("%v after %v, %v wanted", err, waited, c.want)
				}
				if s.end(); d.count() != 0 || len(d.slots) != 0 {
					t.Errorf("%d inside, %d in work", d.count(), len(d.slots))
				}
			})
		})
	}
}

// TestCrowded: goroutines that compute on every processor, and more of them, are a crowd; without them there is none.
func TestCrowded(t *testing.T) {
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for !stop.Load() {
				runtime.Gosched()
			}
		})
	}
	for begun := time.Now(); !crowded(); runtime.Gosched() {
		if time.Since(begun) > 10*time.Second {
			t.Error("goroutines wait for a processor, and nobody sees them")
			break
		}
	}
	stop.Store(true)
	workers.Wait()
	for begun := time.Now(); crowded(); runtime.Gosched() {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("nobody waits, and it is crowded")
		}
	}
}

// TestPeek: what is seen of a message is what the scan reads, and puts it into its class; anything unusual is left to the scan.
func TestPeek(t *testing.T) {
	p := &peer{c: &addressed{}}
	plain := p.message("INVITE", "x", "", 7, "v=0", "Record-Route: <sip:p;lr>")
	replace := func(old, with string) string { return strings.Replace(plain, old, with, 1) }
	for name, c := range map[string]struct {
		message string
		class   class
	}{
		"plain":               {plain, calls},
		"compact":             {replace("Call-ID", "i"), calls},
		"spaces":              {replace("Call-ID: byhand", "Call-ID:   byhand \t"), calls},
		"two Vias":            {replace("Via:", "v: SIP/2.0/UDP a;branch=z9hG4bKy\r\nVia:"), calls},
		"too many Vias":       {replace("Via:", strings.Repeat("v: SIP/2.0/UDP a;branch=z9hG4bKy\r\n", 8)+"Via:"), others},
		"folded":              {replace("Call-ID: byhand", "Call-ID:\r\n byhand"), others},
		"in a dialog":         {p.message("INVITE", "x", "tag", 7, "v=0"), standing},
		"a tag in upper case": {replace("To: <sip:room@conf.test>", "To: <sip:room@conf.test>;TAG=x"), standing},
		"To twice":            {replace("To:", "To: <sip:a@b>\r\nTo:"), others},
		"no Call-ID":          {replace("Call-ID: byhand\r\n", ""), others},
		"bare LF":             {replace("Call-ID: byhand\r\n", "Call-ID: byhand\n"), others},
		"no end":              {strings.TrimSuffix(plain, "\r\nv=0"), others},
		"OPTIONS":             {p.message("OPTIONS", "x", "", 7, ""), others},
		"BYE":                 {p.message("BYE", "x", "tag", 7, ""), standing},
		"CANCEL":              {p.message("CANCEL", "x", "", 7, ""), standing},
		"ACK":                 {p.message("ACK", "x", "tag", 7, ""), standing},
		"response":            {"SIP/2.0 200 OK\r\n\r\n", standing},
	} {
		g, regular := peek([]byte(c.message))
		if is := g.class(regular); is != c.class {
			t.Errorf("%s: class %d", name, is)
		}
		if !shaped([]byte(c.message)) {
			t.Errorf("%s is taken for no SIP", name)
		}
		if c.class != calls {
			continue
		}
		head, _, _ := strings.Cut(c.message, "\r\n\r\n")
		w, flaw := scan([]byte(head + "\r\n\r\n"))
		answer, wrong := scan(g.busy(nil))
		if flaw != nil || wrong != nil || answer.callID != w.callID || answer.number != w.number || len(answer.vias) != len(w.vias) {
			t.Errorf("%s: read %+v (%+v), answered\n%s(%+v)", name, w, flaw, g.busy(nil), wrong)
		}
	}
}

// BenchmarkShed is what one INVITE costs that is sent away, without the system calls, of which a batch shares two.
func BenchmarkShed(b *testing.B) {
	f := testFront(1 << 30)
	f.door = newDoor(&Config{MaxSetups: 1, Full: func() bool { return true }})
	p := &peer{c: &addressed{}}
	msg := []byte(p.message("INVITE", "x", "", 1, string(make([]byte, 1500))))
	from := netip.MustParseAddrPort("127.0.0.1:5060")
	room := make([]byte, 0, usualAnswer)
	b.ReportAllocs()
	for b.Loop() {
		if _, answer, _ := f.triage(msg, from, room); answer == nil {
			b.Fatal("let in")
		}
	}
}
