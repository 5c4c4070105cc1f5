package loadtest_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// keys are those that the tests press, by name: their code and text.
var keys = map[string]struct {
	code int
	text string
}{"Tab": {9, ""}, "Enter": {13, "\r"}, " ": {32, " "}, "Escape": {27, ""}, "ArrowDown": {40, ""}, "ArrowRight": {39, ""}, "End": {35, ""}, "Delete": {46, ""}}

// press presses a key and lets it go.
func (b *browser) press(key string) {
	b.t.Helper()
	k, ok := keys[key]
	if !ok {
		b.t.Fatalf("no key %q", key)
	}
	code := key
	if key == " " {
		code = "Space"
	}
	p := map[string]any{"type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": k.code}
	if k.text != "" {
		p["text"] = k.text
	}
	b.do("Input.dispatchKeyEvent", p)
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": k.code})
}

// mostTabs is more than there are stops on the page with the largest room.
const mostTabs = 300

// tabTo goes on by Tab until the focus is on what the selector means, and wants to see the focus wherever it is.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range mostTabs {
		b.press("Tab")
		at := value[struct {
			There, Seen bool
			What        string
		}](b, `(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			return {There: e.matches(`+strconv.Quote(selector)+`), Seen: e === document.body || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2), What: e.outerHTML.slice(0, 200)};
		})()`)
		if !at.Seen {
			b.t.Errorf("the focus is not seen on %s", at.What)
		}
		if at.There {
			return
		}
	}
	b.t.Fatalf("%s is not reached by Tab", selector)
}

// looks sets the size of the page and the scheme.
func (b *browser) looks(width, height int, scale float64, scheme string) {
	b.t.Helper()
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "screenWidth": width, "screenHeight": height, "deviceScaleFactor": scale, "mobile": width < 500})
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}})
}

// picture takes one of what is seen, as PNG.
func (b *browser) picture() []byte {
	b.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	b.ask(b.session, "Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": false}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(png) == 0 {
		b.t.Fatalf("no picture: %v", err)
	}
	return png
}

// seatRow is the selector of something in a seat's row.
func seatRow(id, what string) string { return fmt.Sprintf("li[data-seat=%q] %s", id, what) }
