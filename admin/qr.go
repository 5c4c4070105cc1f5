package admin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"rsc.io/qr"

	"github.com/conclave/conclave/server"
)

// Provisioning is what a phone scans. It is in the answers alone that hold a bundle anyway.
type Provisioning struct {
	URI string `json:"uri" doc:"The bundle without its certificates: conclave:ACCOUNT@DOMAIN?server=TRANSPORT:IP:PORT&password=&psk=&ca=, see docs/api.md"`
	SVG string `json:"svg,omitempty" doc:"The QR code of uri, as SVG, where qr=svg asked for it"`
	PNG string `json:"png,omitempty" contentEncoding:"base64" doc:"The QR code of uri, as PNG in base64, where qr=png asked for it"`
}

// quiet is the width of the white border of a QR code in modules (ISO/IEC 18004).
const quiet = 4

// bundleJSON gives the bundle as its own package writes it, with a QR code where format asks for one: svg or png.
func bundleJSON(b *server.Bundle, format string) ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil || format == "" {
		return text, err
	}
	defer clear(text)
	p := Provisioning{URI: server.ProvisioningURI(b)}
	code, err := qr.Encode(p.URI, qr.M)
	if err != nil {
		return nil, fmt.Errorf("admin: QR code: %w", err)
	}
	if format == "png" {
		p.PNG = base64.StdEncoding.EncodeToString(code.PNG())
	} else {
		p.SVG = svgOf(code)
	}
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("admin: QR code: %w", err)
	}
	if fields["provisioning"], err = json.Marshal(p); err != nil {
		return nil, fmt.Errorf("admin: QR code: %w", err)
	}
	return json.Marshal(fields)
}

// svgOf draws a QR code: one path, a run of black modules at a time.
func svgOf(code *qr.Code) string {
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	side := code.Size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, side, side, side, side, path.String())
}
