package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestQR: a QR code comes with a bundle where it is asked for, and nowhere else; both formats draw the same.
func TestQR(t *testing.T) {
	r := newRig(t, nil)
	seen := func(method, path, body string) Provisioning {
		t.Helper()
		got := r.ask(t, method, path, body, nil)
		var bundle struct {
			Account, URI, PSK string
			Provisioning      Provisioning
		}
		if err := json.Unmarshal([]byte(got.body), &bundle); err != nil || bundle.PSK == "" || bundle.Account != "bob" {
			t.Fatalf("%d %v: %s", got.status, err, got.body)
		}
		return bundle.Provisioning
	}
	vector := seen("POST", "/v1/accounts?qr=svg", `{"name":"bob"}`)
	if vector.SVG == "" || vector.PNG != "" || !strings.HasPrefix(vector.URI, "conclave:bob@test?") {
		t.Errorf("%+v", vector)
	}
	first, raster := seen("POST", "/v1/accounts/bob/rotate?qr=svg", ""), seen("POST", "/v1/accounts/bob/rotate?qr=png", "")
	if raster.URI != first.URI || raster.SVG != "" {
		t.Fatalf("%+v", raster)
	}
	if vector.URI == first.URI {
		t.Error("the code is that of the old credentials")
	}
	if drawn, want := modulesOf(t, first.SVG), pixelsOf(t, raster.PNG); drawn != want {
		t.Errorf("drawn as\n%s\nnot as\n%s", drawn, want)
	}
	if p := seen("POST", "/v1/accounts/bob/rotate", ""); p != (Provisioning{}) {
		t.Errorf("nobody asked for %+v", p)
	}
	r.ask(t, "POST", "/v1/accounts/bob/rotate?qr=gif", "", nil).problem(t, 422)
	if got := r.ask(t, "GET", "/v1/accounts/bob", "", nil); strings.Contains(got.body, "provisioning") {
		t.Errorf("shown again: %s", got.body)
	}
}

// pixelsOf reads the modules out of the PNG, each eight pixels wide, border included.
func pixelsOf(t *testing.T, text string) string {
	t.Helper()
	octets, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(octets))
	if err != nil {
		t.Fatal(err)
	}
	return grid(img.Bounds().Dx()/8, func(x, y int) bool {
		level, _, _, _ := img.At(8*x+4, 8*y+4).RGBA()
		return level == 0
	})
}

// modulesOf reads them out of the SVG, which must be well formed.
func modulesOf(t *testing.T, text string) string {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	side, black := 0, make(map[[2]int]bool)
	if _, err := fmt.Sscanf(regexp.MustCompile(`viewBox="0 0 \d+`).FindString(text), `viewBox="0 0 %d`, &side); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(text, -1) {
		n := make([]int, 5)
		for i := 1; i < 5; i++ {
			n[i], _ = strconv.Atoi(m[i])
		}
		if n[3] != n[4] {
			t.Errorf("a run that does not close: %s", m[0])
		}
		for x := range n[3] {
			black[[2]int{n[1] + x, n[2]}] = true
		}
	}
	return grid(side, func(x, y int) bool { return black[[2]int{x, y}] })
}

func grid(side int, black func(x, y int) bool) string {
	var b strings.Builder
	for y := range side {
		for x := range side {
			b.WriteByte(" #"[map[bool]int{true: 1}[black(x, y)]])
		}
		b.WriteByte('\n')
	}
	return b.String()
}
