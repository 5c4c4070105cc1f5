package server

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// relay carries datagrams between a device and the server, and keeps what the device sent: somebody on the way.
type relay struct {
	t      *testing.T
	conn   *net.UDPConn
	server netip.AddrPort

	mu     sync.Mutex
	device netip.AddrPort
	sent   []string
	adds   func(m string) string // what goes to the server right behind a message, whichever way that went; "": nothing. nil: nothing ever does
}

func newRelay(t *testing.T, s *Server) *relay {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, conn: c, server: s.SIPAddress("udp")}
	done := make(chan struct{})
	go func() { defer close(done); r.carry() }()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return r
}

// carry forwards until the socket is closed.
func (r *relay) carry() {
	b := make([]byte, 65536)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		m, to := string(b[:n]), r.server
		r.mu.Lock()
		if from == r.server { // whose Contact is here, so that it stays on the way
			m, to = strings.Replace(m, r.server.String()+">", r.conn.LocalAddr().String()+">", 1), r.device
		} else {
			r.device = from
			r.sent = append(r.sent, m)
		}
		adds := r.adds
		r.mu.Unlock()
		_, _ = r.conn.WriteToUDPAddrPort([]byte(m), to) // lost, as datagrams are
		if adds == nil {
			continue
		}
		if more := adds(m); more != "" {
			_, _ = r.conn.WriteToUDPAddrPort([]byte(more), r.server)
		}
	}
}

// kept are the requests of a method within a dialog that the device sent, each once.
func (r *relay) kept(method string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.sent {
		if strings.HasPrefix(m, method+" ") && strings.Contains(reply{text: m}.field("To"), "tag=") && (len(list) == 0 || list[len(list)-1] != m) {
			list = append(list, m)
		}
	}
	return list
}

// again is a request that was kept, made a new one of another method: another branch, another number, the same body.
func again(m, method string, seq int) string {
	old := reply{text: m}
	_, via, _ := strings.Cut(old.field("Via"), "branch=")
	branch, _, _ := strings.Cut(via, ";")
	first, rest, _ := strings.Cut(m, "\r\n")
	before, uri, _ := strings.Cut(first, " ")
	m = method + " " + uri + "\r\n" + rest
	m = strings.Replace(m, branch, "z9hG4bK"+word(), 1)
	return strings.Replace(m, "CSeq: "+old.field("CSeq"), "CSeq: "+strconv.Itoa(seq)+" "+map[bool]string{true: before, false: method}[before == method], 1)
}

// TestReplayedOffers: re-INVITEs by which ann's laptop proved who it is and where its media goes, kept by somebody on the way, are of no use
// to him: as they were, as new requests, as UPDATEs, from his own address or with a port of hers.
func TestReplayedOffers(t *testing.T) {
	t.Parallel()
	var on *relay
	x := newScene(t, "", func(m *mobile) {
		on = newRelay(t, m.server)
		m.via = on.conn.LocalAddr().String()
	})
	for range 2 {
		if err := x.leg.Reinvite(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	kept := on.kept("INVITE")
	if len(kept) != 2 || !strings.Contains(kept[0], "a=key-mgmt:mikey") {
		t.Fatalf("%d re-INVITEs were kept", len(kept))
	}
	x.seat = x.now()
	_, ended, _ := strings.Cut(reply{text: kept[1]}.field("CSeq"), " ")
	seq, _ := strconv.Atoi(strings.TrimSuffix(reply{text: kept[1]}.field("CSeq"), " "+ended))
	for _, c := range []struct {
		name, address string
		message       string
		status        int
		counter       string
	}{
		{"the older one as a new one", "127.0.0.3", again(kept[0], "INVITE", seq+50), 401, gateCounter("mikey_replayed")},
		{"the last one as a new one", "127.0.0.3", again(kept[1], "INVITE", seq+51), 401, gateCounter("no_proof")},
		{"the older one as an UPDATE", "127.0.0.3", again(kept[0], "UPDATE", seq+52), 401, gateCounter("mikey_replayed")},
		{"the last one as an UPDATE", "127.0.0.3", again(kept[1], "UPDATE", seq+53), 401, gateCounter("no_proof")},
		{"the older one as an UPDATE, from another port", "127.0.0.1", again(kept[0], "UPDATE", seq+54), 401, gateCounter("mikey_replayed")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, x.server, "udp", c.address)
			x.refused(t, c.counter, func() {
				w.sends(c.message)
				if got := w.answer(c.message); got.status != c.status {
					t.Errorf("%d, want %d\n%s", got.status, c.status, got.text)
				}
			})
		})
	}
	// As they were they are repetitions of what was answered, of which nobody else hears, or requests of a stranger.
	for _, address := range []string{"127.0.0.1", "127.0.0.3"} {
		for _, m := range kept {
			w := newWire(t, x.server, "udp", address)
			w.sends(m)
			if got := w.before(m); got != 0 && got != 401 {
				t.Errorf("as it was, from %s: %d", address, got)
			}
			x.goesOn(t)
		}
	}
	// Nor does a CANCEL of what was answered end anything.
	last := reply{text: kept[1]}
	_, branch, _ := strings.Cut(last.field("Via"), "branch=")
	cancel := x.within("CANCEL", seq)
	cancel.branch, _, _ = strings.Cut(branch, ";")
	x.refused(t, sipCounter("no_transaction"), func() {
		if got := newWire(t, x.server, "udp", "127.0.0.3").asks(cancel); got.status != 481 {
			t.Errorf("CANCEL: %d", got.status)
		}
	})
	if err := x.leg.Reinvite(t.Context()); err != nil {
		t.Errorf("ann's next re-INVITE: %v", err)
	}
	x.goesOn(t)
}

// before is the status of the answer to what was sent, 0 where the answer to a later question comes first.
func (w *wire) before(text string) int {
	w.t.Helper()
	me := "<" + w.server.uri("x") + ">"
	later := w.text(request{method: "OPTIONS", uri: w.server.uri("hall"), from: me + ";tag=" + word(), to: me, callID: word(), seq: 1})
	w.sends(later)
	for {
		got := reply{text: w.reads(e2ePatience)}
		line := statusLine.FindStringSubmatch(got.text)
		switch {
		case got.text == "":
			w.t.Fatal("no answer to OPTIONS")
		case line == nil || line[1] < "200":
		case got.field("Call-ID") == reply{text: later}.field("Call-ID"):
			return 0
		case got.field("Call-ID") == reply{text: text}.field("Call-ID"):
			status, _ := strconv.Atoi(line[1])
			return status
		}
	}
}
