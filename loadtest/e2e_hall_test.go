package loadtest_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/loadtest"
)

// consoleRooms is who is in which room: 50 people, of whom some talk.
var consoleRooms = []struct {
	name           string
	seats, talkers int
}{{"all-hands", 32, 3}, {"standup", 11, 2}, {"ops", 6, 1}} // and Mallory, in ops

var (
	firstNames = []string{"Ada", "Grace", "Alan", "Edsger", "Barbara", "Niklaus", "Frances", "Donald", "Radia", "Tim"}
	lastNames  = []string{"Nowak", "Okafor", "Silva", "Tanaka", "Weiss"}
)

// hall is a server with 50 people in it, and a browser that looks at its console.
type hall struct {
	*house
	*browser
	exchange *loadtest.Exchange
	mallory  *keying.Bundle
	desk     string // where that device of Mallory's is which calls first

	calls sync.Mutex
	stand []*loadtest.Caller
}

func (h *hall) token() string {
	h.house.t.Helper()
	text, err := os.ReadFile(h.srv.TokenFile())
	if err != nil {
		h.house.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// fillRooms has 50 people call.
func (h *hall) fillRooms() {
	t := h.house.t
	t.Helper()
	var err error
	if h.exchange, err = loadtest.NewExchange(netip.MustParseAddr("127.0.0.1"), &tls.Config{InsecureSkipVerify: true}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var gone sync.WaitGroup
		for _, c := range h.stand {
			gone.Go(func() { _ = c.HangUp() }) // ended already where a move or the test ended it
		}
		gone.Wait()
		if err := h.exchange.Close(); err != nil {
			t.Error(err)
		}
	})
	methods := []keying.Method{keying.MIKEYDH, keying.MIKEYPSK, keying.MIKEYDH, keying.DTLSSRTP}
	number := 0
	for _, r := range consoleRooms {
		for place := range r.seats {
			person := firstNames[number%len(firstNames)] + " " + lastNames[number/len(firstNames)]
			b := h.person(fmt.Sprintf("user%02d", number), person)
			voice := ""
			if place < r.talkers {
				voice = fmt.Sprintf("tone:%d", 300+97*number)
			}
			h.stands(func() (*loadtest.Caller, error) {
				return h.exchange.Call(within(t), h.plan(b, r.name, voice, methods[number%len(methods)]))
			})
			number++
		}
	}
	h.seatMallory()
}

// seatMallory has somebody with a hostile name call from one of two devices.
func (h *hall) seatMallory() {
	t := h.house.t
	t.Helper()
	h.mallory = h.person("mallory", hostileName)
	for range 2 {
		d, err := h.exchange.NewDevice(h.plan(h.mallory, "ops", "tone:440", keying.MIKEYPSK), func(c *loadtest.Caller, err error) {
			if err != nil {
				t.Errorf("a device of Mallory's: %v", err)
				return
			}
			h.keep(c)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := d.Register(within(t)); err != nil {
			t.Fatal(err)
		}
		if h.desk == "" {
			a, err := h.api.Account(within(t), "mallory")
			if err != nil || len(a.Devices) != 1 {
				t.Fatalf("%+v, %v", a.Devices, err)
			}
			h.desk = a.Devices[0].URI
			h.stands(func() (*loadtest.Caller, error) { return d.Call(within(t), nil) })
		}
	}
}

// stands has a call come to stand. A server that has no time for it says so; then it is tried again after a while.
func (h *hall) stands(call func() (*loadtest.Caller, error)) {
	t := h.house.t
	t.Helper()
	again, enough := time.NewTicker(time.Second), time.NewTimer(patience)
	defer again.Stop()
	defer enough.Stop()
	for {
		c, err := call()
		if err == nil {
			h.keep(c)
			return
		}
		var refused *legs.Refused
		if !errors.As(err, &refused) || refused.Status != 503 {
			t.Fatal(err)
		}
		select {
		case <-again.C:
		case <-enough.C:
			t.Skipf("the machine is too busy for 50 calls: %v", err)
		}
	}
}

func (h *hall) keep(c *loadtest.Caller) {
	h.calls.Lock()
	defer h.calls.Unlock()
	h.stand = append(h.stand, c)
}

// person makes an account with a name to show.
func (h *hall) person(account, name string) *keying.Bundle {
	t := h.house.t
	t.Helper()
	text, err := h.api.CreateAccount(within(t), client.NewAccount{Name: account, DisplayName: name})
	if err != nil {
		t.Fatal(err)
	}
	b := new(keying.Bundle)
	if err := json.Unmarshal(text, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (h *hall) plan(b *keying.Bundle, room, voice string, m keying.Method) loadtest.Plan {
	uri := "sip:" + room + "@" + domain
	return loadtest.Plan{
		Bundle: b, URI: uri, Room: uri, Transport: "udp", Server: h.sip("udp"), Methods: []keying.Method{m}, Codecs: []string{"pcmu"}, Voice: loadtest.Voice(voice),
	}
}
