package loadtest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
)

// hostileName is one that wants to be more than a name.
const hostileName = `<img src=x onerror="window.broken=1">"'><b>Mallory</b>`

// TestConsole looks at the console in a real browser, by keyboard alone, while 50 people talk.
func TestConsole(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser and 50 calls are not short")
	}
	b := browse(t)
	h := &hall{house: serve(t, ""), browser: b}
	h.fillRooms()
	h.looks(1280, 900, 1, "light")
	h.do("Page.navigate", map[string]any{"url": h.url + "/"})
	h.waits("the page asks for a token", `location.pathname === '/console/' && document.getElementById('signin')?.checkVisibility()`)
	h.signIn("wrong-token-wrong-token-wrong-token-wrong-1")
	h.waits("a wrong token is refused", `document.getElementById('trouble').textContent.includes('token is wrong')`)
	h.expectComplaints("401")
	h.signIn(h.token())
	h.waits("calls are counted, and what there is room for", `/^3 rooms · 50 calls · room for \d+ more · mixer \d+ % busy/.test(document.getElementById('node').textContent)`)

	h.worksByKeyboard()
	h.moderates()
	h.drains()
	h.moves()
	h.showsRefusals()
	h.keepsNamesHarmless()
	h.goesOnAfterALoss()
	h.fitsAndCanBeRead()
	h.keepsMovesThatAreOver()
	h.expectComplaints("")
	if stored := value[string](b, `JSON.stringify({...localStorage}) + document.cookie + location.href + document.documentElement.outerHTML`); strings.Contains(stored, h.token()) {
		t.Error("the token is in the page, its address, its cookies or what outlives the tab")
	}
	h.disablesWhatAViewerMayNot()
	h.showsTheRoomOfAToken()
	h.asksWhereNoEventsCome()
}

// expectComplaints wants the page to have complained of that alone, or of nothing.
func (h *hall) expectComplaints(of string) {
	h.house.t.Helper()
	for _, c := range h.complaints() {
		if of == "" || !strings.Contains(c, of) {
			h.house.t.Errorf("the page complains: %s", c)
		}
	}
}

// signIn types a token and presses Enter.
func (h *hall) signIn(token string) {
	h.tabTo("#token")
	h.do("Input.insertText", map[string]any{"text": token})
	h.press("Enter")
}

// openRoom chooses a room by keyboard.
func (h *hall) openRoom(name string, seats int) {
	h.tabTo(fmt.Sprintf("#rooms a[href='#/rooms/%s']", name))
	h.press("Enter")
	h.waits("the seats of "+name+" are shown", fmt.Sprintf(`document.getElementById('room-title').textContent === 'Room %s' && document.querySelectorAll('#seats > li').length === %d && document.activeElement.getAttribute('aria-current') === 'true'`, name, seats))
}

// worksByKeyboard mutes somebody with keys alone, which REST shows, and opens what there is to know of him.
func (h *hall) worksByKeyboard() {
	t := h.house.t
	h.openRoom("standup", 11)
	h.locks()
	seat := h.seatOf("standup", "user33")
	h.waits("somebody speaks, and is loud", fmt.Sprintf(`document.querySelector(%q) && document.querySelector(%q).getAttribute('aria-valuenow') > -40`,
		"#seats li.speaking", "#seats li.speaking .level"))
	h.tabTo(seatRow(seat.ID, "button[aria-label^=Mute]"))
	h.press("Enter")
	h.waits("the button offers to unmute, and has the focus still", `document.activeElement.textContent === 'Unmute'`)
	if s := h.seatOf("standup", "user33"); !s.Muted {
		t.Error("REST shows no mute")
	}
	h.waits("it is told", `document.getElementById('outcome').textContent.startsWith('Muted: ')`)
	h.press(" ")
	h.waits("it is heard again", `document.activeElement.textContent === 'Mute'`)
	if s := h.seatOf("standup", "user33"); s.Muted {
		t.Error("REST still shows the mute")
	}
	h.tabTo(seatRow(seat.ID, "button[aria-expanded]"))
	h.press("Enter")
	row := fmt.Sprintf("document.querySelector(%q)", seatRow(seat.ID, ".details"))
	for _, word := range []string{seat.Leg.Keying.Suite, "Forward secrecy", "Key age", "Rekeys", seat.Leg.Keying.PeerFingerprint, seat.Leg.MediaAddr, "MOS", "Jitter", "Loss"} {
		h.waits("the details tell "+word, fmt.Sprintf("%s.innerText.includes(%q)", row, word))
	}
	h.tabTo(seatRow(seat.ID, "button[aria-label^=Rekey]"))
	h.press("Enter")
	eventually(t, "new keys", func() bool { return h.seatOf("standup", "user33").Leg.Keying.Rekeys == 1 })
	h.waits("new keys are shown", fmt.Sprintf(`[...%s.querySelectorAll('dl div')].some(d => d.innerText.replace(/\s+/g, ' ') === 'Rekeys 1')`, row))
	h.tabTo(seatRow(seat.ID, "input[type=range]"))
	h.press("End")
	eventually(t, "the gain is changed", func() bool { return h.seatOf("standup", "user33").GainDB == 20 })
	h.tabTo(seatRow(seat.ID, "button[aria-label^='Hang up']"))
	h.press("Enter")
	h.waits("it asks before it hangs up", `document.getElementById('ask').open`)
	h.press("Escape")
	h.waits("Escape leaves the call, and the focus where it was", `!document.getElementById('ask').open && document.activeElement.textContent.startsWith('Hang up')`)
	h.waits("there is a history to draw", fmt.Sprintf(`document.querySelector(%q).getAttribute('points').split(' ').length >= 2`, seatRow(seat.ID, ".spark .line")))
}

// locks shuts the open room and opens it again.
func (h *hall) locks() {
	t := h.house.t
	h.tabTo("#room > .buttons > button:first-child")
	for _, locked := range []bool{true, false} {
		h.press("Enter")
		h.waits("the button offers the other", fmt.Sprintf(`(document.activeElement.textContent === 'Unlock') === %t`, locked))
		if r, err := h.api.Room(within(t), "standup"); err != nil || r.Locked != locked {
			t.Errorf("REST says %+v, %v; want locked %t", r, err, locked)
		}
	}
}

// moves has a seat go to another device of its account, chosen by keyboard. A server that has no time, which shows, refuses: then again.
func (h *hall) moves() {
	t := h.house.t
	h.openRoom("ops", 7)
	seat := h.seatOf("ops", "mallory")
	h.tabTo(seatRow(seat.ID, "button[aria-expanded]"))
	h.press("Enter")
	const full = `(document.querySelector('#moves .chip.bad')?.textContent.includes('busy') || document.getElementById('trouble').textContent.includes('not available'))`
	for try := 1; ; try++ {
		h.chooseDevice(seat.ID)
		h.waits("the move is shown as done, or that there was no time for it", `document.querySelector('#moves .chip.good')?.textContent.startsWith('done, gap') || `+full)
		if !value[bool](h.browser, full) {
			break
		}
		if try == attempts {
			t.Skipf("the machine is too busy for a move in each of %d tries", attempts)
		}
	}
	eventually(t, "the seat has another leg", func() bool {
		s := h.seatOf("ops", "mallory")
		return s.ID == seat.ID && s.Leg.ID != seat.Leg.ID
	})
}

// chooseDevice opens the choice of a seat's devices, takes the one that it is not at, and has it move.
func (h *hall) chooseDevice(seat string) {
	h.tabTo(seatRow(seat, "button[aria-label^=Move]"))
	h.press("Enter")
	h.waits("there are two devices to choose from", `document.querySelectorAll('#ask input[name=device]').length === 2 && document.activeElement.name === 'device'`)
	const chosen = `document.querySelector('#ask input[name=device]:checked').parentElement.textContent`
	h.press("ArrowDown")
	if value[bool](h.browser, fmt.Sprintf("%s.includes(%q)", chosen, h.desk)) {
		h.press("ArrowDown")
	}
	if target := value[string](h.browser, chosen); strings.Contains(target, h.desk) || !strings.Contains(target, "registered") {
		h.house.t.Errorf("the arrows choose %q", target)
	}
	for _, width := range []int{360, 1280} {
		h.resize(width, 900, 1, "light")
		h.fits("the dialog")
	}
	h.tabTo("#ask-yes")
	h.press("Enter")
}

// showsRefusals has somebody call with the right password and a wrong key.
func (h *hall) showsRefusals() {
	t := h.house.t
	wrong := *h.mallory
	wrong.PSK = keying.NewSecret([]byte("not the key of Mallory's account"))
	if c, err := h.exchange.Call(within(t), h.plan(&wrong, "standup", "", keying.MIKEYPSK)); err == nil {
		h.keep(c)
		t.Fatal("a wrong key is good enough")
	}
	const refusal = `[...document.querySelectorAll('#refusals li')].find(l => l.innerText.includes('488 mikey_'))`
	h.waits("the refusal is shown", refusal)
	line := value[string](h.browser, refusal+`.innerText`)
	if !strings.Contains(line, "127.0.0.1") || !strings.Contains(line, "INVITE") {
		t.Errorf("the refusal says %q", line)
	}
	h.waits("events come as they happen", `document.getElementById('stream').textContent === 'live'`)
}

// keepsNamesHarmless: what the name holds is text and nothing else, and what cannot be seen is shown.
func (h *hall) keepsNamesHarmless() {
	t := h.house.t
	if name := value[string](h.browser, fmt.Sprintf(`document.querySelector(%q).textContent`, seatRow(h.seatOf("ops", "mallory").ID, "bdi.name"))); name != hostileName {
		t.Errorf("the name is shown as %q", name)
	}
	if n := value[int](h.browser, `document.querySelectorAll('img, b, script:not([src="console.js"])').length + (window.broken ?? 0)`); n != 0 {
		t.Error("the name has become HTML")
	}
	for text, want := range map[string]string{
		"a\u202egpj.exe":                  "aU+202Egpj.exe",
		"\u2066\u200f\u200bx\x00\x1b\x7f": "U+2066U+200FU+200BxU+0000U+001BU+007F",
		"line\u2028sep\nfeed\u0085":       "lineU+2028sepU+000AfeedU+0085",
		"tag\U000e0041 مرحبا 👩\u200d🚀":    "tagU+E0041 مرحبا 👩\u200d🚀",
		"</bdi><script>1</script>&amp;":   "</bdi><script>1</script>&amp;",
		strings.Repeat("x", 500):          strings.Repeat("x", 160) + "…",
	} {
		code, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		got := value[[]string](h.browser, `import('/console/text.js').then(m => { const e = m.shown(`+string(code)+`); return [e.tagName, e.textContent, m.plain(`+string(code)+`)]; })`)
		if got[0] != "BDI" || got[1] != want || !strings.HasPrefix(got[2], "\u2068") || !strings.HasSuffix(got[2], "\u2069") || strings.ContainsAny(got[2], "\u202e\u200f\x00\n\u2028") {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// goesOnAfterALoss: a stream of events is read whatever the pieces that it comes in, and after its end goes on after the last that was heard.
func (h *hall) goesOnAfterALoss() {
	got := value[[]string](h.browser, `import('/console/events.js').then(async ({Listener}) => {
		const pieces = [[': hello\nid: 6\r', '\nevent: a\r\ndata: {"n":\ndata:1}\r', '\n\r\nid: 7\nda', 'ta: {"n":2}\n\ndata: {"n":3}\n'], ['event: missed\ndata: {}\n\n']];
		const seen = [];
		const l = new Listener({fetch: async (method, path, body, signal, fields) => {
			seen.push('after ' + fields['Last-Event-ID'] + (path.includes('&room=a%26b') ? ' in a&b' : ''));
			const some = pieces.shift();
			return new Response(new ReadableStream({start(c) { some.forEach(p => c.enqueue(new TextEncoder().encode(p))); c.close(); }}));
		}}, 'a&b', (e) => { seen.push(e.type ?? e.n); if (e.type) l.stop(); }, (live) => seen.push(live ? 'live' : 'lost'));
		await l.run();
		return seen.map(String);
	})`)
	if want := []string{"after 0 in a&b", "live", "1", "2", "lost", "after 7 in a&b", "live", "missed"}; !slices.Equal(got, want) {
		h.house.t.Errorf("it went %q, want %q", got, want)
	}
}

// disablesWhatAViewerMayNot signs in with a token that may only look; and the server would refuse anyway.
func (h *hall) disablesWhatAViewerMayNot() {
	t := h.house.t
	h.looks(1280, 900, 1, "light")
	h.signInAs(client.NewToken{Name: "wall", Role: "viewer"})
	h.waits("the seats are back", `document.querySelectorAll('#seats li').length === 32`)
	seat := h.seatOf("all-hands", "user00")
	h.tabTo(seatRow(seat.ID, "button[aria-expanded]"))
	h.press("Enter")
	h.waits("everything that changes something is disabled", fmt.Sprintf(`(row => [...row.querySelectorAll('button:not([aria-expanded]), input')].length === 7 &&
		[...row.querySelectorAll('button:not([aria-expanded]), input')].every(b => b.disabled))(document.querySelector(%q))`, fmt.Sprintf("li[data-seat=%q]", seat.ID)))
	h.waits("so is what is about the room and the server", fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(b => b.checkVisibility() && b.disabled && b.title).length === 4`, "#room > .buttons button, #drain"))
	status := value[int](h.browser, fmt.Sprintf(`fetch('/v1/rooms/all-hands/seats/%s', {method: 'PATCH', body: '{"muted":true}',
		headers: {'Content-Type': 'application/json', Authorization: 'Bearer ' + sessionStorage.getItem('conclave.token')}}).then(r => r.status)`, seat.ID))
	if status != 403 {
		t.Errorf("a viewer mutes: %d", status)
	}
	h.expectComplaints("403")
}

// signInAs signs out by keyboard, and in with a token that is made for it.
func (h *hall) signInAs(n client.NewToken) {
	h.house.t.Helper()
	text, _, err := h.api.CreateToken(within(h.house.t), n)
	if err != nil {
		h.house.t.Fatal(err)
	}
	h.tabTo("#signout")
	h.press("Enter")
	h.waits("the page is signed out, and forgot the token", `!document.getElementById('signin').hidden && sessionStorage.length === 0 && document.querySelectorAll('#seats li').length === 0`)
	h.signIn(text)
}

// showsTheRoomOfAToken: with a token that is good for one room there is that room, live, and nothing that the API would refuse is asked for.
func (h *hall) showsTheRoomOfAToken() {
	h.signInAs(client.NewToken{Name: "host", Role: "operator", Room: "standup"})
	h.waits("the room and its seats are shown, and no other", `document.querySelectorAll('#rooms li').length === 1 && document.querySelectorAll('#seats li').length === 11`)
	h.waits("events come", `document.getElementById('stream').textContent === 'live'`)
	h.waits("an operator of the room names its moderators, and the server is not his", fmt.Sprintf(`document.querySelector(%q).disabled === false && !document.getElementById('drain').checkVisibility()`, ruleButton))
	h.expectComplaints("")
	h.signInAs(client.NewToken{Name: "guard", Role: "viewer"})
	h.openRoom("all-hands", 32)
}

// asksWhereNoEventsCome shuts the events off: what others change is shown all the same.
func (h *hall) asksWhereNoEventsCome() {
	t := h.house.t
	h.do("Network.setBlockedURLs", map[string]any{"urls": []string{"*/v1/events*"}})
	h.do("Page.reload", nil)
	h.waits("the page knows that no events come", `document.getElementById('stream')?.textContent.startsWith('asking')`)
	seat, yes := h.seatOf("all-hands", "user01"), true
	if _, err := h.api.PatchSeat(within(t), "all-hands", seat.ID, client.SeatPatch{Muted: &yes}); err != nil {
		t.Fatal(err)
	}
	h.waits("the mute is shown", fmt.Sprintf(`document.querySelector(%q)?.textContent.includes('muted')`, seatRow(seat.ID, ".chips")))
	h.expectComplaints("ERR_BLOCKED")
}
