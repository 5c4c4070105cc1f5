package mikey

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzParse: whatever parses marshals to itself, nothing panics, and without the PSK nothing authenticates.
func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.I))
		f.Add([]byte(v.R))
	}
	for _, v := range ownVectors(f) {
		f.Add(v.I)
		f.Add(v.R)
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

// FuzzUpdate: beside the updates of the bundle's two ends nothing is authentic at either, and nothing panics; an R that is not
// the true one is no answer.
func FuzzUpdate(f *testing.F) {
	genuine := map[string]bool{}
	type end struct {
		csb  CSB
		psk  []byte
		peer PeerKey
	}
	var ends []end
	var open []*Message
	for _, v := range ownVectors(f) {
		genuine[string(v.I)] = true
		f.Add(v.I)
		f.Add(v.R)
		if v.Updates == "" {
			continue
		}
		m := mustParse(f, v.I)
		open = append(open, m)
		if strings.HasSuffix(v.Name, "-rekey") {
			_, alice := rsaIdentity(f, "alice")
			ends = append(ends, end{CSB{
				id: v.CSB, prf: m.PRF(), rand: v.RAND, update: m.Type(), policies: []Policy{gcmPolicy()}, sessions: []Session{{SSRC: 0xAABBCCDD}, {SSRC: 0x01020304}},
				enveloped: len(v.Envelope) > 0, envelope: v.Envelope,
			}, v.PSK, alice})
		}
	}
	if len(ends) != 19 {
		f.Fatalf("%d bundles", len(ends))
	}
	ends[0].csb.clock = newClock(Timestamp{tsNTPUTC, 0xED00378000000000})
	if _, err := AuthenticatePSK(open[0], ends[0].psk, &ends[0].csb); err != nil {
		f.Fatal(err) // or the target proves nothing
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		for n := range ends {
			e := &ends[n]
			e.csb.clock = newClock(Timestamp{tsNTPUTC, 0xED00378000000000}) // a second before the first of them
			_, err1 := AuthenticatePSK(m, e.psk, &e.csb)
			_, err2 := AuthenticateDH(m, e.peer, &e.csb)
			_, err3 := AuthenticateDHHMAC(m, e.psk, &e.csb)
			if (err1 == nil || err2 == nil || err3 == nil) && !genuine[string(b)] {
				t.Fatalf("authentic: %v, %v, %v", err1, err2, err3)
			}
		}
		for _, i := range open {
			_ = checkResponse(i, m, m.Type(), nil)
			if r, err := i.refusal(m, nil, func([]byte) bool { return false }); err == nil && r.Authenticated {
				t.Fatal("an error message authenticates itself")
			}
		}
	})
}

// FuzzKeyData: whatever parses marshals to itself.
func FuzzKeyData(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Keydata))
	}
	for _, v := range ownVectors(f) {
		f.Add(v.keyData())
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
