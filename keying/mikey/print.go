package mikey

import (
	"cmp"
	"fmt"
	"io"
)

// Print writes the report for people.
func (r Report) Print(w io.Writer) error {
	var failed error
	line := func(name, format string, args ...any) {
		if _, err := fmt.Fprintf(w, "%-14s "+format+"\n", append([]any{name}, args...)...); err != nil {
			failed = err
		}
	}
	line("type", "%s", r.Type)
	line("CSB ID", "%08x", r.CSBID)
	line("PRF", "%s, V %t", r.PRF, r.V)
	line("timestamp", "%s", r.Timestamp)
	line("RAND", "%s", r.RAND)
	for _, id := range r.IDs {
		line("ID", "%q", id)
	}
	if r.SDPIDs != "" {
		line("SDP IDs", "%q", r.SDPIDs)
	}
	if r.Update {
		line("update", "refresh %t", r.Refresh)
	}
	if r.VendorExt != "" {
		line("extension", "%s", r.VendorExt)
	}
	for _, p := range r.Policies {
		line(fmt.Sprintf("policy %d", p.Number), "%s", p.Suite)
	}
	for _, p := range r.Payloads {
		line("payload", "%s, %d octets", p.Type, p.Octets)
	}
	for _, e := range r.Errors {
		line("error", "%s", e)
	}
	r.printSessions(line)
	switch {
	case r.Error != "":
		line("verdict", "%s", r.Error)
	case r.Authenticated == nil:
		line("verdict", "well formed; the keys given cannot tell whether it is authentic")
	default:
		line("verdict", "authentic")
	}
	return failed
}

// printSessions writes the crypto sessions, with the keys where the report has them.
func (r Report) printSessions(line func(name, format string, args ...any)) {
	for _, c := range r.CS {
		line(fmt.Sprintf("CS %d", c.ID), "SSRC %08x, ROC %d, %s", c.SSRC, c.ROC, cmp.Or(c.Suite, "suite not stated"))
		if c.MKI != "" {
			line("", "MKI %s", c.MKI)
		}
		if c.TEK != "" {
			line("", "TEK %s, salt %s", c.TEK, c.Salt)
		}
	}
}
