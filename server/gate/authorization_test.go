package gate

import (
	"strings"
	"testing"

	"github.com/icholy/digest"
)

const good = `Digest username="alice", realm="conf.example.com", nonce="abc", uri="sip:standup@conf.example.com", ` +
	`response="00ff", algorithm=SHA-256, cnonce="c", qop=auth, nc=0000000a`

func TestParseAuthorization(t *testing.T) {
	tests := []struct {
		name, field string
		ok          bool
	}{
		{"good", good, true},
		{"scheme in any case", strings.Replace(good, "Digest", "dIGEST", 1), true},
		{"no spaces", strings.ReplaceAll(good, ", ", ","), true},
		{"many spaces", strings.ReplaceAll(strings.ReplaceAll(good, ", ", "  ,\t "), "=", " = "), true},
		{"quoted qop", strings.Replace(good, "qop=auth", `qop="auth"`, 1), true},
		{"escaped quote", strings.Replace(good, `cnonce="c"`, `cnonce="c\"d"`, 1), true},
		{"unknown parameter", good + `, x=y`, true},
		{"empty list element", good + ",", true},
		{"empty", "", false},
		{"scheme alone", "Digest", false},
		{"basic", "Basic YTpi", false},
		{"no value", "Digest username", false},
		{"no name", `Digest ="x"`, false},
		{"open quote", `Digest username="alice`, false},
		{"escape at the end", `Digest username="alice\`, false},
		{"control character", strings.Replace(good, "alice", "al\x00ice", 1), false},
		{"line break", strings.Replace(good, "alice", "al\r\nice", 1), false},
		{"twice", good + `, realm="x"`, false},
		{"twice in another case", good + `, REALM="x"`, false},
		{"text after a quote", strings.Replace(good, `"alice"`, `"alice"x`, 1), false},
		{"extended username", good + `, username*=UTF-8''alice`, false},
		{"count too short", strings.Replace(good, "0000000a", "a", 1), false},
		{"count with a sign", strings.Replace(good, "0000000a", "+000000a", 1), false},
		{"count not hex", strings.Replace(good, "0000000a", "0000000g", 1), false},
		{"qop unknown", strings.Replace(good, "qop=auth", "qop=none", 1), false},
		{"no cnonce", strings.Replace(good, `cnonce="c", `, "", 1), false},
		{"too long", good + `, x="` + strings.Repeat("x", maxAuthorization) + `"`, false},
		{"too many", good + strings.Repeat(",", 1) + many(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseAuthorization(tt.field)
			if (err == nil) != tt.ok {
				t.Fatalf("err = %v", err)
			}
			if err == nil && (c.username != "alice" || c.count != 10 || c.qop != "auth") {
				t.Errorf("%+v", c)
			}
		})
	}
}

func many() string {
	var b strings.Builder
	for i := range maxParams {
		b.WriteString(" p" + string(rune('a'+i)) + "=1,")
	}
	return b.String()
}

// FuzzAuthorization: no field panics, what is accepted has what digest needs, and a second parser reads the same values.
func FuzzAuthorization(f *testing.F) {
	f.Add(good)
	f.Add(strings.ReplaceAll(good, ", ", ","))
	f.Add(`Digest username="a\"b", realm=x`)
	f.Add(`Digest ,,,=`)
	f.Fuzz(func(t *testing.T, field string) {
		c, err := parseAuthorization(field)
		if err != nil {
			return
		}
		if c.count == 0 || c.username == "" || len(c.nc) != 8 || len(field) > maxAuthorization {
			t.Fatalf("%q gives %+v", field, c)
		}
		other, err := digest.ParseCredentials(strings.TrimSpace(field))
		if err != nil || strings.ContainsAny(field, `\`) {
			return // the other reader knows fewer forms
		}
		for _, pair := range [][2]string{
			{other.Username, c.username}, {other.Realm, c.realm}, {other.Nonce, c.nonce}, {other.URI, c.uri},
			{strings.ToLower(other.QOP), c.qop}, {other.Response, c.response}, {other.Cnonce, c.cnonce},
		} {
			if pair[0] != "" && pair[0] != pair[1] { // the other reader knows names in lower case only
				t.Fatalf("%q: we read %q, another reader %q", field, pair[1], pair[0])
			}
		}
	})
}
