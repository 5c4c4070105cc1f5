package dialog

import (
	"errors"
	"testing"
	"time"
)

func TestParseSessionTimer(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []HeaderField
		want   SessionTimer
		bad    bool
	}{
		{"none", nil, SessionTimer{}, false},
		{"all", []HeaderField{{"session-expires", "1800;refresher=uas"}, {"min-se", "90"}, {"supported", "replaces, timer"}},
			SessionTimer{30 * time.Minute, "uas", 90 * time.Second, true}, false},
		{"open", []HeaderField{{"session-expires", " 90 ; x=y "}, {"supported", "100rel"}, {"supported", " Timer "}},
			SessionTimer{90 * time.Second, "", 0, true}, false},
		{"required", []HeaderField{{"session-expires", "120;Refresher=UAC"}, {"require", "timer"}},
			SessionTimer{2 * time.Minute, "uac", 0, true}, false},
		{"not for us", []HeaderField{{"session-expires", "120"}, {"supported", "timers"}}, SessionTimer{Interval: 2 * time.Minute}, false},
		{"the longest", []HeaderField{{"session-expires", "4294967295"}}, SessionTimer{Interval: 4294967295 * time.Second}, false},
		{"too long", []HeaderField{{"session-expires", "4294967296"}}, SessionTimer{}, true},
		{"negative", []HeaderField{{"session-expires", "-1"}}, SessionTimer{}, true},
		{"no number", []HeaderField{{"session-expires", "soon"}}, SessionTimer{}, true},
		{"nothing", []HeaderField{{"session-expires", ""}}, SessionTimer{}, true},
		{"twice", []HeaderField{{"session-expires", "90"}, {"session-expires", "90"}}, SessionTimer{}, true},
		{"a list", []HeaderField{{"session-expires", "90, 90"}}, SessionTimer{}, true},
		{"nobody refreshes", []HeaderField{{"session-expires", "90;refresher=none"}}, SessionTimer{}, true},
		{"both refresh", []HeaderField{{"session-expires", "90;refresher=uac;refresher=uas"}}, SessionTimer{}, true},
		{"no parameter", []HeaderField{{"session-expires", "90;"}}, SessionTimer{}, true},
		{"bad Min-SE", []HeaderField{{"min-se", "x"}}, SessionTimer{}, true},
		{"two Min-SE", []HeaderField{{"min-se", "90"}, {"min-se", "91"}}, SessionTimer{}, true},
	} {
		for side, m := range map[string]fielded{"request": &Request{fields: c.fields}, "response": &Response{Header: c.fields}} {
			got, err := ParseSessionTimer(m)
			if got != c.want || (err != nil) != c.bad || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, %s: %+v, %v", c.name, side, got, err)
			}
		}
	}
}

func TestOptionTags(t *testing.T) {
	r := &Request{fields: []HeaderField{{"supported", "a, Replaces ,b"}, {"supported", "outbound"}, {"require", "timer"}}}
	for option, want := range map[string]bool{"replaces": true, "REPLACES": true, "outbound": true, "a": true, "timer": false, "replace": false, "": false} {
		if r.Supports(option) != want {
			t.Errorf("supports %q: %v", option, !want)
		}
	}
	if !r.Requires("timer") || r.Requires("replaces") {
		t.Error("Require")
	}
	if none := new(Request); none.Supports("") || none.Requires("timer") {
		t.Error("a request that says nothing")
	}
}

func FuzzSessionTimer(f *testing.F) {
	f.Add("1800;refresher=uac", "90", "timer")
	f.Add(` 90 ; x="a;refresher=uas"`, "", "a,b , timer")
	f.Fuzz(func(t *testing.T, expires, least, supported string) {
		s, err := ParseSessionTimer(&Response{Header: []HeaderField{{"Session-Expires", expires}, {"Min-SE", least}, {"Supported", supported}}})
		if err != nil {
			if s != (SessionTimer{}) {
				t.Fatalf("%q, %q: %+v with %v", expires, least, s, err)
			}
			return
		}
		if s.Interval < 0 || s.MinSE < 0 || s.Refresher != "" && s.Refresher != "uac" && s.Refresher != "uas" {
			t.Fatalf("%q, %q: %+v", expires, least, s)
		}
	})
}
