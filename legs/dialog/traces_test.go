package dialog

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// TestTracesBounded: what finds no room, in number or octets, is left to sipgo, and room comes back with the generations, whatever
// is asked first.
func TestTracesBounded(t *testing.T) {
	now := time.Unix(0, 0)
	traced := newTraces(t64(), func() time.Time { return now })
	fill := func(answer string) (n uint64) {
		for traced.keep(n+1, answer) {
			n++
		}
		return n
	}
	if n := fill(""); n != maxTraces {
		t.Errorf("%d traces", n)
	}
	now = now.Add(t64())
	if _, known := traced.find(1); !known {
		t.Error("a trace is gone before its time")
	}
	now = now.Add(t64())
	if _, known := traced.find(1); known {
		t.Error("a trace outlives its time")
	}
	answer := strings.Repeat("x", maxTrace)
	if n := fill(answer); n != maxTraceOctets/maxTrace {
		t.Errorf("%d traces of %d octets", n, maxTrace)
	}
	now = now.Add(24 * time.Hour)
	if _, known := traced.find(1); known {
		t.Error("a trace lives for a day")
	}
	if traced.keep(1, answer+"x") || traced.keep(0, "") {
		t.Error("a long answer, or a request without a key, left a trace")
	}
	if !traced.keep(1, answer) || traced.octets() != maxTrace {
		t.Errorf("%d octets", traced.octets())
	}
}

func (t *traces) octets() int { return t.young.octets + t.old.octets }

// TestTraceKey: a repeat has the key of the request; whatever differs in source, branch, sent-by, method, Call-ID, CSeq or a tag has
// another; and what two parsers may think differently of has none.
func TestTraceKey(t *testing.T) {
	traced, parser := newTraces(t64(), time.Now), newParser()
	p := &peer{c: &addressed{}}
	m := p.message("BYE", "x", "ours", 2, "")
	key := func(m, from string) uint64 {
		r, err := parser.ParseSIP([]byte(m))
		if err != nil {
			t.Fatalf("%v\n%s", err, m)
		}
		return traced.key(r.(*sip.Request), netip.MustParseAddrPort(from))
	}
	const here = "127.0.0.1:5060"
	keys := map[uint64]string{key(m, here): "itself", key(m, "127.0.0.1:5061"): "port", key(m, "127.0.0.2:5060"): "address"}
	for _, c := range [][2]string{
		{"branch=z9hG4bKx", "branch=z9hG4bKy"}, {"UDP 127.0.0.1:5060", "UDP 127.0.0.1:5061"}, {"UDP 127.0.0.1", "UDP 127.0.0.2"}, {"BYE", "INFO"},
		{"byhand", "another"}, {"CSeq: 2", "CSeq: 3"}, {"tag=me", "tag=you"}, {"tag=ours", "tag=theirs"},
	} {
		keys[key(strings.ReplaceAll(m, c[0], c[1]), here)] = c[1]
	}
	if len(keys) != 11 || keys[0] != "" {
		t.Errorf("not all different: %v", keys)
	}
	if keys[key(m, here)] != "itself" {
		t.Error("a repeat has another key")
	}
	for _, odd := range []string{"\u00a0", "\u0085", "\u2003", "\xff"} {
		for _, where := range []string{"byhand", "z9hG4bKx", "tag=me", "tag=ours"} {
			if k := key(strings.Replace(m, where, where+odd+"x", 1), here); k != 0 {
				t.Errorf("%s with %q has a key", where, odd)
			}
		}
	}
	if k := key(strings.Replace(m, "z9hG4bKx", "1", 1), here); k != 0 {
		t.Error("a branch that need not be unique makes a key")
	}
}
