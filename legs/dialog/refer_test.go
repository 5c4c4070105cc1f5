package dialog

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseReferTo(t *testing.T) {
	moved := &Replaces{CallID: "98asjd8@test.com", ToTag: "1234", FromTag: "5678"}
	for _, c := range []struct {
		value string
		want  ReferTo // URI is told by its own tests; zero Text: malformed
	}{
		{"<sip:carol@cleveland.example.org>", ReferTo{Text: "sip:carol@cleveland.example.org", Method: "INVITE"}},
		{"sip:carol@cleveland.example.org;x=y", ReferTo{Text: "sip:carol@cleveland.example.org", Method: "INVITE"}},
		{`"Carol, <C>" <sips:carol@[2001:db8::1]:5061;transport=tls>;purpose=x`,
			ReferTo{Text: "sips:carol@[2001:db8::1]:5061;transport=tls", Method: "INVITE"}},
		{"<sip:a@b;method=bye>", ReferTo{Text: "sip:a@b;method=bye", Method: "BYE"}},
		{"<sip:dave@denver.example.org?Replaces=98asjd8%40test.com%3Bto-tag%3D1234%3Bfrom-tag%3D5678>",
			ReferTo{Text: "sip:dave@denver.example.org", Method: "INVITE", Replaces: moved}},
		{"<sip:denver.example.org?replaces=98asjd8%40test.com%3bto-tag%3d1234%3bfrom-tag%3d5678&Subject=a%20b>",
			ReferTo{Text: "sip:denver.example.org", Method: "INVITE", Replaces: moved, Headers: 1}},
		{"<sip:a@b?Replaces=98asjd8@test.com;to-tag%3D1234;from-tag%3D5678>", ReferTo{Text: "sip:a@b", Method: "INVITE", Replaces: moved}},
		{"<sip:a?b@c?Route=%3Csip:evil%3E&Require=x&body=y>", ReferTo{Text: "sip:a?b@c", Method: "INVITE", Headers: 3}},
		{"<sip:a@b?Accept-Contact=sip:x%3FReplaces%3Dy>", ReferTo{Text: "sip:a@b", Method: "INVITE", Headers: 1}}, // nested: nobody looks
		{"<http://conf.test/x?Replaces=y>", ReferTo{Text: "http://conf.test/x?Replaces=y", Method: "INVITE"}},
		{"<tel:+491234>", ReferTo{Text: "tel:+491234", Method: "INVITE"}},
		{"", ReferTo{}},
		{"<>", ReferTo{}},
		{"carol", ReferTo{}},
		{"<sip:>", ReferTo{}},
		{"<sip:a@b>, <sip:c@d>", ReferTo{}},
		{"<sip:a@b> <sip:c@d>", ReferTo{}},
		{"sip:a@b?Replaces=x", ReferTo{}},
		{"<sip:a@b;method=IN VITE>", ReferTo{}},
		{"<sip:a@b;method=>", ReferTo{}},
		{"<sip:a@b?>", ReferTo{}},
		{"<sip:a@b?Replaces>", ReferTo{}},
		{"<sip:a@b?Replaces=>", ReferTo{}},
		{"<sip:a@b?Replaces=x%3Bto-tag%3D1>", ReferTo{}},
		{"<sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>", ReferTo{}},
		{"<sip:a@b?Subject=x%0d%0aEvil:%20y>", ReferTo{}},
		{"<sip:a@b?Subject=%4>", ReferTo{}},
		{"<sip:a@b?Subject=%zz>", ReferTo{}},
		{"<sip:a@b?%20=x>", ReferTo{}},
		{"<sip:a@b?=x>", ReferTo{}},
		{"<sip:a@b?a=b&&c=d>", ReferTo{}},
	} {
		r, err := ParseReferTo(c.value)
		same := r.Text == c.want.Text && r.Method == c.want.Method && r.Headers == c.want.Headers && (r.Replaces == nil) == (c.want.Replaces == nil)
		if r.Replaces != nil && c.want.Replaces != nil {
			same = same && *r.Replaces == *c.want.Replaces
		}
		if !same || (err == nil) != (c.want.Text != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", c.value, r, err)
		}
	}
	r, err := ParseReferTo("<SIP:Alice%40x@Conf.TEST:5062;gr=urn:uuid:1?Subject=x>")
	gr, _ := r.URI.Param("gr")
	if err != nil || r.URI.Scheme != "sip" || r.URI.User != "Alice@x" || r.URI.Host != "conf.test" || r.URI.Port != 5062 || gr != "urn:uuid:1" {
		t.Errorf("URI %+v (%v)", r.URI, err)
	}
	if r, err = ParseReferTo("<tel:+1>"); err != nil || r.URI != (URI{Scheme: "tel"}) {
		t.Errorf("tel: %+v (%v)", r, err)
	}
}

// FuzzReferTo: what was read can be said again, and means the same.
func FuzzReferTo(f *testing.F) {
	for _, s := range []string{
		"<sip:a@b?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only&Subject=z>", `"q, <" <sips:a@[::1]:1;method=BYE>;p=q`, "tel:+1", "<http://a/?b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReferTo(s)
		if err != nil {
			return
		}
		if r.Replaces != nil && !clean(r.Replaces.String()) {
			t.Fatalf("%q: control characters in %+v", s, r)
		}
		again, err := ParseReferTo(r.String())
		if err != nil || again.Text != r.Text || again.URI != r.URI || again.Method != r.Method || again.Headers != 0 || (again.Replaces == nil) != (r.Replaces == nil) {
			t.Fatalf("%q gives %+v, %q and then %+v (%v)", s, r, r.String(), again, err)
		}
		if r.Replaces != nil && *again.Replaces != *r.Replaces {
			t.Fatalf("%q: %+v and then %+v", s, r.Replaces, again.Replaces)
		}
		if utf8.ValidString(s) && strings.Contains(r.Text, "\n") && !strings.Contains(s, "\n") {
			t.Fatalf("%q: a line end out of nothing", s)
		}
	})
}
