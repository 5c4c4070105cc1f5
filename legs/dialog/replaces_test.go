package dialog

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseReplaces(t *testing.T) {
	for _, c := range []struct {
		value string
		want  Replaces // zero: malformed
	}{
		{"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", Replaces{"98732@sip.example.com", "ff87ff", "r33th4x0r", false}},
		{" 12adf2f34456gs5 ; to-tag = 12345 ; from-tag=54321 ; early-only", Replaces{"12adf2f34456gs5", "12345", "54321", true}},
		{`a;To-Tag=x;FROM-TAG=y;other="a;to-tag=z";plain`, Replaces{"a", "x", "y", false}},
		{"a[1]{2}:3/4?5@b;to-tag=x;from-tag=y", Replaces{"a[1]{2}:3/4?5@b", "x", "y", false}},
		{"", Replaces{}},
		{"a", Replaces{}},
		{"a;to-tag=x", Replaces{}},
		{"a;from-tag=x", Replaces{}},
		{"a;to-tag=;from-tag=y", Replaces{}},
		{"a;to-tag;from-tag=y", Replaces{}},
		{"a;to-tag=x;to-tag=x;from-tag=y", Replaces{}},
		{"a;to-tag=x;from-tag=y;from-tag=z", Replaces{}},
		{"a;to-tag=x;from-tag=y;early-only;early-only", Replaces{}},
		{"a;to-tag=x;from-tag=y;early-only=no", Replaces{}},
		{"a;to-tag=x|y;from-tag=y", Replaces{}},
		{`a;to-tag="x y";from-tag=y`, Replaces{}},
		{`a;to-tag=x;from-tag=y;q="open`, Replaces{}},
		{"a|b;to-tag=x;from-tag=y", Replaces{}},
		{"a b;to-tag=x;from-tag=y", Replaces{}},
		{"a@b@c;to-tag=x;from-tag=y", Replaces{}},
		{"@b;to-tag=x;from-tag=y", Replaces{}},
		{";to-tag=x;from-tag=y", Replaces{}},
		{"a;to-tag=x;from-tag=y;", Replaces{}},
		{"a,b;to-tag=x;from-tag=y", Replaces{}},
	} {
		r, err := ParseReplaces(c.value)
		if r != c.want || (err == nil) != (c.want != Replaces{}) || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", c.value, r, err)
		}
	}
}

func TestParseTargetDialog(t *testing.T) {
	for _, c := range []struct {
		value string
		want  TargetDialog
	}{
		{"fa77as7dad8-sd98ajzz@host.example.com ;local-tag=kkaz- ;remote-tag=6544",
			TargetDialog{"fa77as7dad8-sd98ajzz@host.example.com", "kkaz-", "6544"}}, // RFC 4538 section 9
		{"a;remote-tag=r;x=y;local-tag=l", TargetDialog{"a", "l", "r"}},
		{"a;remote-tag=r", TargetDialog{}},
		{"a;local-tag=l", TargetDialog{}},
		{"a;local-tag=l;local-tag=l;remote-tag=r", TargetDialog{}},
		{"a;local-tag=l;remote-tag=r;remote-tag=s", TargetDialog{}},
		{"<a>;local-tag=l;remote-tag=r", TargetDialog{}},
		{"", TargetDialog{}},
	} {
		r, err := ParseTargetDialog(c.value)
		if r != c.want || (err == nil) != (c.want != TargetDialog{}) || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", c.value, r, err)
		}
	}
}

// TestDialogNames: what both sides of a call say of it names the same dialog at whoever receives it.
func TestDialogNames(t *testing.T) {
	server, caller, callee, call := pair(t, "udp")
	callID, local, remote := call.Tags()
	replaces := Replaces{CallID: callID, ToTag: remote, FromTag: local}
	target := TargetDialog{CallID: callID, LocalTag: remote, RemoteTag: local}
	for _, id := range []string{replaces.DialogID(), target.DialogID(), callee.ID()} {
		if server.Dialog(id) != callee || caller.Dialog(id) != nil {
			t.Errorf("%q names %v at the server", id, server.Dialog(id))
		}
	}
	if back := (Replaces{CallID: callID, ToTag: local, FromTag: remote}); caller.Dialog(back.DialogID()) != call || server.Dialog(back.DialogID()) != nil {
		t.Error("tags of the other side")
	}
	if err := call.Bye(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	<-callee.Done()
	if server.Dialog(callee.ID()) != nil {
		t.Error("a dialog that has ended is found")
	}
}

func FuzzReplaces(f *testing.F) {
	for _, s := range []string{"a@b;to-tag=x;from-tag=y;early-only", ` a ; from-tag = "x" ; to-tag=y;z`, "a;local-tag=x;remote-tag=y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseReplaces(s); err == nil {
			if again, err := ParseReplaces(r.String()); err != nil || again != r || !clean(r.String()) || strings.Count(r.DialogID(), "|") != 2 {
				t.Fatalf("%q gives %+v and then %+v (%v)", s, r, again, err)
			}
		}
		if d, err := ParseTargetDialog(s); err == nil {
			if again, err := ParseTargetDialog(d.String()); err != nil || again != d || strings.Count(d.DialogID(), "|") != 2 {
				t.Fatalf("%q gives %+v and then %+v (%v)", s, d, again, err)
			}
		}
	})
}
