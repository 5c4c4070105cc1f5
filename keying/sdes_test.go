package keying

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying/sdes"
)

// line reads an attribute of ours.
func line(tb testing.TB, c Crypto) sdes.Line {
	tb.Helper()
	l, err := sdes.Parse(c.Line())
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// lines are attributes in a peer's description.
func lines(values ...string) Attributes {
	var a Attributes
	for _, v := range values {
		a.Crypto = append(a.Crypto, NewCrypto(v))
	}
	return a
}

// wantOpposite holds that what one sends under the other expects; SDES tells no SSRC.
func wantOpposite(tb testing.TB, a, b *Keys) {
	tb.Helper()
	same := func(s, r Stream) bool {
		return s.Key.Equal(r.Key) && s.Salt.Equal(r.Salt) && string(s.MKI) == string(r.MKI)
	}
	if a.Suite != b.Suite || !same(a.Send, b.Receive) || !same(b.Send, a.Receive) || a.Send.Key.Equal(b.Send.Key) {
		tb.Error("the keys are not each other's")
	}
}

// TestSDES: the offer has a line of its own key for each suite, the answer takes the first that its policy has.
func TestSDES(t *testing.T) {
	for _, suite := range Suites() {
		t.Run(string(suite), func(t *testing.T) {
			w := newWorld(t)
			caller, server := w.ends(CertECDSA)
			server.call.Policy.Suites = []Suite{suite}
			i := caller.offers(SDES)
			offered := i.Attributes().Crypto
			keys := map[string]bool{}
			for n, c := range offered {
				l := line(t, c)
				if keys[string(l.Key)] = true; l.Tag != n+1 || Suite(l.Suite) != Suites()[n] || l.MKI != nil {
					t.Errorf("line %d is %d %s", n, l.Tag, l.Suite)
				}
			}
			if len(keys) != len(Suites()) {
				t.Errorf("%d keys in %d lines", len(keys), len(offered))
			}
			v, err := server.verifies(i.Attributes(), caller)
			if err != nil {
				t.Fatal(err)
			}
			if v.Method() != SDES || v.Suite() != suite || v.Authenticates() || v.Identity() != "" || v.CSBID() != 0 || v.Update() {
				t.Errorf("verified %s %s", v.Method(), v.Suite())
			}
			theirs, response, err := server.k.Respond(t.Context(), v, server.call)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := i.Complete(t.Context(), response)
			if err != nil {
				t.Fatal(err)
			}
			wantOpposite(t, &ours.Keys, &theirs.Keys)
			p := theirs.Posture
			if p.Method != SDES || p.Suite != suite || p.PeerIdentity != "" || p.ForwardSecrecy || ours.Keys.Send.SSRC != caller.call.SSRC {
				t.Errorf("posture %+v", p)
			}
			if l := i.Attributes().Crypto[0].Line(); l != "" {
				t.Error("the offer's keys are still there")
			}
		})
	}
}

// TestSDESRekey: an offer with other keys renews them, one with the running key leaves them, whatever its tag.
func TestSDESRekey(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	caller.settles(SDES, server)
	for range 3 {
		for _, pair := range [][2]*end{{caller, server}, {server, caller}} {
			ours, theirs := pair[0], pair[1]
			before := ours.last.Keys
			ours.settles(SDES, theirs)
			wantOpposite(t, &ours.last.Keys, &theirs.last.Keys)
			if ours.last.Keys.Send.Key.Equal(before.Send.Key) || ours.last.Keys.Receive.Key.Equal(before.Receive.Key) {
				t.Error("an old key")
			}
			a := ours.last.Running.Repeat()
			l := line(t, a.Crypto[0])
			l.Tag = 77
			again := lines("5 AES_CM_128_HMAC_SHA1_80 inline:broken", l.Format())
			if !theirs.last.Running.Same(a) || !theirs.last.Running.Same(again) || ours.last.Running.Same(a) {
				t.Error("whether the offer brings the running key")
			}
			reply := line(t, theirs.last.Running.Reply(again).Crypto[0])
			if reply.Tag != 77 || string(reply.Key) != string(theirs.last.Keys.Send.Key.Bytes()) {
				t.Errorf("replied under tag %d", reply.Tag)
			}
			l.Key[0] ^= 1
			if theirs.last.Running.Same(lines(l.Format())) || !theirs.last.Running.Reply(lines(l.Format())).Empty() || theirs.last.Running.Same(Attributes{}) {
				t.Error("another key is the same")
			}
		}
	}
}

// TestSDESPeerKeepsKey: a phone may answer new keys of ours with the key that it has.
func TestSDESPeerKeepsKey(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	caller.settles(SDES, server)
	i := server.offers(SDES)
	kept := line(t, caller.last.Running.Repeat().Crypto[0])
	kept.Tag = 1
	a, err := i.Complete(t.Context(), lines(kept.Format()))
	if err != nil {
		t.Fatal(err)
	}
	if a.Keys.Send.Key.Equal(server.last.Keys.Send.Key) || !a.Keys.Receive.Key.Equal(server.last.Keys.Receive.Key) {
		t.Error("whose key is new")
	}
	server.takes(a)
	// Who offers it again as new would have us begin its stream anew: refused.
	again := line(t, caller.last.Running.Repeat().Crypto[0])
	v, err := server.verifies(lines(again.Format()), caller)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = server.k.Respond(t.Context(), v, server.call)
	wantRefusal(t, err, ReasonKeyReuse)
}

// TestSDESIdentifiers: packets carry each side's own identifier, ours where the peer has one.
func TestSDESIdentifiers(t *testing.T) {
	w := newWorld(t)
	_, server := w.ends(CertECDSA)
	mki := func(key byte, name string) Attributes {
		text := strings.Repeat(string(rune('A'+key)), 40) // 30 octets in base64
		return lines("1 AES_CM_128_HMAC_SHA1_80 inline:" + text + name)
	}
	take := func(a Attributes) (*Agreement, Attributes, error) {
		v, err := server.k.Verify(a, server.call)
		if err != nil {
			t.Fatal(err)
		}
		return server.k.Respond(t.Context(), v, server.call)
	}
	a, response, err := take(mki(0, "|2^31|1:2"))
	if err != nil {
		t.Fatal(err)
	}
	own := line(t, response.Crypto[0]).MKI
	if string(a.Keys.Receive.MKI) != "\x00\x01" || len(own) != 2 || string(own) != string(a.Keys.Send.MKI) {
		t.Errorf("identifiers %x and %x", a.Keys.Receive.MKI, a.Keys.Send.MKI)
	}
	server.takes(a)
	_, _, err = take(mki(1, "|1:2"))
	wantRefusal(t, err, ReasonMKIReused)
	a, response, err = take(mki(2, "|2:2"))
	if err != nil || string(line(t, response.Crypto[0]).MKI) == string(own) {
		t.Errorf("after a rekey: %v", err)
	}
	server.takes(a)
	a, response, err = take(mki(3, ""))
	if err != nil || a.Keys.Receive.MKI != nil || line(t, response.Crypto[0]).MKI != nil {
		t.Errorf("without identifiers: %v", err)
	}
}

// TestSDESHidden: no key is ever printed.
func TestSDESHidden(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	caller.settles(SDES, server)
	key := server.last.Keys.Send.Key.Bytes()
	for _, what := range []any{server.last, server.last.Running, server.last.Running.Repeat(), server.call} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb, what)
			if strings.Contains(text, string(key)) || strings.Contains(text, fmt.Sprintf("%x", key)) || strings.Contains(text, "inline:") ||
				strings.Contains(text, fmt.Sprintf("%d", key[:8])[1:20]) {
				t.Errorf("%s of %T shows the key", verb, what)
			}
		}
	}
	if _, err := json.Marshal(server.last.Running.Repeat()); err == nil {
		t.Error("a key went into JSON")
	}
}
