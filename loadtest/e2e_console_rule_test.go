package loadtest_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/admin/client"
)

const ruleButton = "#room > .buttons > button:nth-child(3)"

// moderates names the moderators of the open room, standup, by keyboard, and takes them back; what somebody else sets meanwhile is not undone.
func (h *hall) moderates() {
	t := h.house.t
	h.waits("there is nothing to list", `!document.getElementById('moderators').checkVisibility()`)
	h.namesModerators("", "user33\nUSER34 user33")
	h.moderatorsAre("user33", "user34")
	h.waits("it is told, and the focus is where it was", fmt.Sprintf(`document.getElementById('outcome').textContent === 'Moderators set: standup' && document.activeElement.matches(%q)`, ruleButton))

	many := make([]string, 14)
	for i := range many {
		many[i] = fmt.Sprintf("guest%02d-%s", i, strings.Repeat("x", 40))
	}
	h.namesModerators("user33\nuser34", strings.Join(many, "\n"))
	h.moderatorsAre(many...)
	for _, scheme := range []string{"light", "dark"} {
		h.resize(360, 780, 2, scheme)
		h.fits("fourteen long names")
		h.readable("moderators, " + scheme)
	}
	h.resize(1280, 900, 1, "light")

	h.opensModerators()
	other := []string{"user35"}
	if _, err := h.api.PatchRoom(within(t), "standup", client.RoomPatch{Moderators: &other}); err != nil {
		t.Fatal(err)
	}
	h.do("Input.insertText", map[string]any{"text": "mallory\n"})
	h.tabTo("#ask-yes")
	h.press("Enter")
	h.waits("it is not done", `document.getElementById('trouble').textContent.startsWith('Not done (Moderators set: standup): ')`)
	h.expectComplaints("412")
	h.moderatorsAre("user35")

	h.opensModerators()
	h.press("Escape")
	h.namesModerators("user35", "")
	h.moderatorsAre()
	h.namesModerators("", "no name!")
	h.waits("the server says what a name is", `document.getElementById('trouble').textContent.includes('moderators are up to 100 names of accounts')`)
	h.expectComplaints("422")
	h.moderatorsAre()
}

// opensModerators opens the dialog that names them, from wherever the focus is.
func (h *hall) opensModerators() {
	h.house.t.Helper()
	if !value[bool](h.browser, fmt.Sprintf(`document.activeElement.matches(%q)`, ruleButton)) {
		h.tabTo(ruleButton)
	}
	h.press("Enter")
	h.waits("the moderators can be named", `document.getElementById('ask').open && document.activeElement.matches('#ask textarea:enabled')`)
}

// namesModerators wants those there were in the dialog, and puts others in their place.
func (h *hall) namesModerators(were, names string) {
	h.house.t.Helper()
	h.opensModerators()
	if got := value[string](h.browser, `(f => { f.select(); return f.value; })(document.activeElement)`); got != were {
		h.house.t.Errorf("the dialog has %q, want %q", got, were)
	}
	if names == "" {
		h.press("Delete")
	} else {
		h.do("Input.insertText", map[string]any{"text": names})
	}
	for _, width := range []int{360, 1280} {
		h.resize(width, 900, 1, "light")
		h.fits("the dialog of moderators")
		h.readable("the dialog of moderators")
	}
	h.tabTo("#ask-yes")
	h.press("Enter")
}

// moderatorsAre wants them at the room, by REST and on the page, where of many the first are shown.
func (h *hall) moderatorsAre(names ...string) {
	t := h.house.t
	t.Helper()
	eventually(t, "the moderators are "+strings.Join(names, " "), func() bool {
		r, err := h.api.Room(within(t), "standup")
		return err == nil && slices.Equal(r.Moderators, names)
	})
	want := names
	if len(names) > 12 {
		want = append(slices.Clone(names[:12]), fmt.Sprintf("and %d more", len(names)-12))
	}
	h.waits("they are shown", fmt.Sprintf(`(b => b.checkVisibility() === %t && [...b.querySelectorAll('.chip')].map(c => c.textContent).join() === %q)(document.getElementById('moderators'))`,
		len(names) > 0, strings.Join(want, ",")))
}

// readable wants every text that is seen to have contrast enough.
func (h *hall) readable(what string) {
	h.house.t.Helper()
	if faint := value[[]string](h.browser, contrasts); len(faint) > 0 {
		h.house.t.Errorf("%s: too faint to read: %v", what, faint)
	}
}

// drains empties the server by keyboard, after a question, and has it take calls again.
func (h *hall) drains() {
	t := h.house.t
	state := func() string {
		n, err := h.api.Node(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return n.State
	}
	h.tabTo("#drain")
	h.press("Enter")
	h.waits("it asks before it drains", `document.getElementById('ask').open && document.getElementById('ask-body').textContent.includes('Calls that stand go on: 50.')`)
	h.press("Escape")
	h.waits("Escape leaves it, and the focus where it was", `!document.getElementById('ask').open && document.activeElement.id === 'drain'`)
	if s := state(); s != "ready" {
		t.Errorf("without a yes the server is %s", s)
	}
	for _, step := range []struct{ yes, button, state, chips, told string }{
		{"Drain", "End drain …", "draining", "draining", "Drain begun: " + domain}, {"End drain", "Drain …", "ready", "", "Drain ended: " + domain},
	} {
		h.press("Enter")
		h.waits("it asks", fmt.Sprintf(`document.getElementById('ask').open && document.getElementById('ask-yes').textContent === %q`, step.yes))
		h.tabTo("#ask-yes")
		h.press("Enter")
		h.waits("it is shown, and the button offers the other", fmt.Sprintf(`document.querySelector('#node .chips').textContent === %q && document.activeElement.id === 'drain' &&
			document.activeElement.textContent === %q && document.getElementById('outcome').textContent === %q`, step.chips, step.button, step.told))
		if s := state(); s != step.state {
			t.Errorf("REST says %s, want %s", s, step.state)
		}
		for _, scheme := range []string{"light", "dark"} {
			h.resize(360, 780, 2, scheme)
			h.fits("the head, " + step.state)
			h.readable("the head, " + step.state + ", " + scheme)
		}
		h.resize(1280, 900, 1, "light")
	}
}

// keepsMovesThatAreOver: the answer that begins a move may come after the event of its end, and then tells nothing new.
func (h *hall) keepsMovesThatAreOver() {
	got := value[[]string](h.browser, `import('/console/feed.js').then(({moving, pending}) => {
		const move = {id: 'late', room: 'ops', account: 'mallory', how: 'invite', target: ''};
		return ['inviting', 'done', 'inviting'].map((state) => {
			moving({...move, state, gap_ms: 7});
			return pending().length + ' ' + document.querySelector('#moves .chip').textContent;
		});
	})`)
	if want := []string{"1 inviting", "0 done, gap 7 ms", "0 done, gap 7 ms"}; !slices.Equal(got, want) {
		h.house.t.Errorf("a move is told as %q, want %q", got, want)
	}
}
