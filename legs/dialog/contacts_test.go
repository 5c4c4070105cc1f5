package dialog

import (
	"errors"
	"reflect"
	"testing"
)

func TestParseContacts(t *testing.T) {
	instance := "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"
	for _, c := range []struct {
		values []string
		want   []Contact
		all    bool
	}{
		{nil, nil, false},
		{[]string{" * "}, nil, true},
		{[]string{"sip:alice@192.0.2.1;expires=60"}, []Contact{{
			Address: Address{URI: URI{Scheme: "sip", User: "alice", Host: "192.0.2.1"}}, Text: "sip:alice@192.0.2.1",
			Params: []HeaderField{{"expires", "60"}},
		}}, false},
		{[]string{`"A, \"B\"" <sip:alice@[2001:db8::1]:5070;transport=tcp>;+sip.instance="` + instance + `";reg-id=1`, "<sips:b@example.com>"}, []Contact{
			{
				Address: Address{Display: `A, "B"`, URI: URI{Scheme: "sip", User: "alice", Host: "2001:db8::1", Port: 5070, Params: "transport=tcp"}},
				Text:    "sip:alice@[2001:db8::1]:5070;transport=tcp", Params: []HeaderField{{"+sip.instance", instance}, {"reg-id", "1"}},
			},
			{Address: Address{URI: URI{Scheme: "sips", User: "b", Host: "example.com"}}, Text: "sips:b@example.com"},
		}, false},
		{[]string{"<sip:a@b?Subject=x>, sip:c@d"}, []Contact{
			{Address: Address{URI: URI{Scheme: "sip", User: "a", Host: "b"}}, Text: "sip:a@b?Subject=x", Headers: true},
			{Address: Address{URI: URI{Scheme: "sip", User: "c", Host: "d"}}, Text: "sip:c@d"},
		}, false},
	} {
		got, all, err := ParseContacts(c.values)
		if err != nil || all != c.all || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v %v %v", c.values, got, all, err)
		}
		for _, contact := range got { // what is written reads the same
			if again, _, err := ParseContacts([]string{contact.String()}); err != nil || !reflect.DeepEqual(again, []Contact{contact}) {
				t.Errorf("%s: %+v %v", contact.String(), again, err)
			}
		}
	}
	for _, values := range [][]string{
		{"*", "sip:a@b"}, {"*", "*"}, {"tel:+123"}, {"mailto:a@b"}, {"<sip:a@b"}, {""}, {"sip:a@b,"}, {"<sip:a@b>x"}, {`<sip:a@b>;x="`}, {"*;expires=0"},
	} {
		if got, all, err := ParseContacts(values); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v %v %v", values, got, all, err)
		}
	}
}

// TestContactParam: names of parameters are in any case, and one without a value is there.
func TestContactParam(t *testing.T) {
	list, _, err := ParseContacts([]string{"<sip:a@b>;Expires=0;ob"})
	if err != nil {
		t.Fatal(err)
	}
	if v, there := list[0].Param("expires"); v != "0" || !there {
		t.Errorf("%q %v", v, there)
	}
	if v, there := list[0].Param("ob"); v != "" || !there {
		t.Errorf("%q %v", v, there)
	}
	if _, there := list[0].Param("q"); there {
		t.Error("a parameter that is not there")
	}
}

// FuzzParseContacts: whatever a REGISTER says, a Contact that is taken is written so that it reads the same.
func FuzzParseContacts(f *testing.F) {
	for _, s := range []string{"*", "sip:a@b", `"x, \"y\"" <sip:a@[::1]:5070;transport=tcp>;+sip.instance="<urn:uuid:1>";reg-id=1, sips:b@c`, "<sip:a@b?x=y>;q=0.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, all, err := ParseContacts([]string{plain(s)})
		if err != nil || all {
			if list != nil {
				t.Errorf("%+v beside %v", list, err)
			}
			return
		}
		for _, contact := range list {
			again, _, err := ParseContacts([]string{contact.String()})
			if err != nil || !reflect.DeepEqual(again, []Contact{contact}) {
				t.Errorf("%q became %+v (%v)", contact.String(), again, err)
			}
		}
	})
}
