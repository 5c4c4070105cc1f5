package mikey

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// FuzzParse: whatever parses marshals to itself, nothing panics, and without the PSK nothing authenticates.
func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.I))
		f.Add([]byte(v.R))
	}
	_, peer := rsaIdentity(f, "alice")
	psk := bytes.Repeat([]byte{0xA7}, 32)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		rep := Inspect(b, InspectKeys{PSK: psk, Peer: peer, ShowKeys: true, Now: time.Unix(0, 0)})
		csb, at, ok := Peek(b)
		m, err := Parse(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if m != nil || rep.Error == "" || rep.Authenticated != nil {
				t.Fatalf("malformed, and yet %v %+v", m, rep)
			}
			if _, ok := errors.AsType[Error](err); !ok {
				t.Fatalf("error without a number: %v", err)
			}
			return
		}
		if !bytes.Equal(m.Marshal(), b) {
			t.Fatalf("marshals to %x", m.Marshal())
		}
		if !ok || csb != m.CSBID() || at != m.Timestamp() {
			t.Fatal("Peek differs from Parse")
		}
		if m.Type() == TypePSKInit && rep.Authenticated != nil && *rep.Authenticated {
			t.Fatal("authenticated under an unknown key")
		}
	})
}

// FuzzKeyData: whatever parses marshals to itself.
func FuzzKeyData(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Keydata))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeyData(b)
		if err != nil {
			return
		}
		var out []byte
		for i, k := range keys {
			next := PayloadLast
			if i < len(keys)-1 {
				next = PayloadKeyData
			}
			out = k.append(out, next)
		}
		if !bytes.Equal(out, b) {
			t.Fatalf("marshals to %x", out)
		}
		_, _ = single(keys)
	})
}
