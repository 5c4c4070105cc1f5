package loadtest_test

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
)

var pictures = flag.Bool("pictures", false, "write the pictures of the console to docs/console")

const (
	largestImage = 300 << 10 // octets of a picture in docs/
	leastRatio   = 4.5       // of text to its ground, WCAG 2.2 level AA
)

// fitsAndCanBeRead looks at the page in both widths and both schemes, measures the contrast of every text, and takes the pictures.
func (h *hall) fitsAndCanBeRead() {
	h.openRoom("all-hands", 32)
	first := h.seatOf("all-hands", "user00")
	h.tabTo(seatRow(first.ID, "button[aria-expanded]"))
	h.press("Enter")
	h.waits("the levels are there", `document.querySelectorAll('#seats li.speaking').length > 0`)
	if *pictures {
		h.waits("there is some history to be seen", fmt.Sprintf(`document.querySelector(%q).getAttribute('points').split(' ').length >= 8`, seatRow(first.ID, ".spark .line")))
	}
	for _, view := range []struct {
		name          string
		width, height int
		scale         float64
	}{{"desktop", 1440, 1000, 1}, {"phone", 360, 780, 2}} {
		for _, scheme := range []string{"light", "dark"} {
			h.resize(view.width, view.height, view.scale, scheme)
			h.fits(view.name)
			h.readable(view.name + ", " + scheme)
			if view.name == "phone" { // whose rooms stand above: what is to be seen is the room
				value[bool](h.browser, `document.getElementById('room').scrollIntoView(), true`)
			} else {
				value[bool](h.browser, `scrollTo(0, 0), true`)
			}
			h.keepPicture(view.name + "-" + scheme)
		}
	}
}

// fits wants no scrolling sideways.
func (h *hall) fits(what string) {
	h.house.t.Helper()
	if wide := value[[]string](h.browser, `[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('svg, .skip') &&
		(e.getBoundingClientRect().right > screen.width + 1 || e.getBoundingClientRect().left < -1)).map(e => e.outerHTML.slice(0, 120))`); len(wide) > 0 {
		h.house.t.Errorf("%s: this does not fit: %v", what, wide)
	}
	if over := value[int](h.browser, `document.scrollingElement.scrollWidth - screen.width`); over > 0 {
		h.house.t.Errorf("%s: %d pixels must be scrolled to", what, over)
	}
}

// resize changes the width and the scheme, and waits until the page has seen it.
func (h *hall) resize(width, height int, scale float64, scheme string) {
	h.looks(width, height, scale, scheme)
	h.waits("the page is laid out anew", fmt.Sprintf(`screen.width === %d && matchMedia('(prefers-color-scheme: %s)').matches`, width, scheme))
}

// keepPicture writes a picture into docs/console, with -pictures; a browser that draws nothing is found out in any case.
func (h *hall) keepPicture(name string) {
	t := h.house.t
	t.Helper()
	shot := h.picture()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	colours := make(map[any]bool)
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 3 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 3 {
			colours[img.At(x, y)] = true
		}
	}
	if len(shot) > largestImage || len(colours) < 20 {
		t.Errorf("%s: %d octets, %d colours", name, len(shot), len(colours))
	}
	if *pictures {
		if err := os.WriteFile(filepath.Join("..", "docs", "console", name+".png"), shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// contrasts gives each text that can be seen whose contrast to its ground is below leastRatio, by the formula of WCAG 2.2.
var contrasts = fmt.Sprintf(`(() => {
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return {rgb: m.slice(0, 3), a: m[3] ?? 1}; };
	const over = (top, under) => top.rgb.map((v, i) => v * top.a + under[i] * (1 - top.a));
	const ground = (e) => {
		const layers = [];
		for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); layers.push(c); if (c.a === 1) break; }
		return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
	};
	const light = (rgb) => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
	const faint = new Set();
	let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (walk.currentNode.data.trim() === '' || !e.checkVisibility() || e.closest('noscript, script')) continue;
		const below = ground(e), text = over(parse(getComputedStyle(e).color), below);
		const [a, b] = [light(below), light(text)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		seen++;
		if (ratio < %v) faint.add(ratio.toFixed(2) + ' ' + e.className + ' ' + walk.currentNode.data.slice(0, 40));
	}
	return seen > 100 ? [...faint] : ['only ' + seen + ' texts were seen'];
})()`, leastRatio)
