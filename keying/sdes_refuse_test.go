package keying

import (
	"fmt"
	"testing"

	"github.com/conclave/conclave/keying/sdes"
)

// TestSDESRefused is what is refused of an offer.
func TestSDESRefused(t *testing.T) {
	const good = "1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	long := make([]string, maxLines+1)
	for n := range long {
		long[n] = fmt.Sprint(n, good[1:])
	}
	for _, c := range []struct {
		name   string
		a      Attributes
		change func(*Call)
		reason Reason
	}{
		{"in the clear", lines(good), func(c *Call) { c.Secured = false }, ReasonInsecureSignalling},
		{"not in policy", lines(good), func(c *Call) { c.Policy.Methods = []Method{MIKEYDH} }, ReasonMethodRefused},
		{"forward secrecy required", lines(good), func(c *Call) { c.Policy.ForwardSecrecy = ForwardSecrecyRequired }, ReasonForwardSecrecy},
		{"suite not in policy", lines(good), func(c *Call) { c.Policy.Suites = []Suite{AEADAES256GCM} }, ReasonNoCommonSuite},
		{"suites that we do not know", lines("1 F8_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), nil, ReasonNoCommonSuite},
		{"unreadable", lines("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"), nil, ReasonMalformed},
		{"an MKI too long for packets", lines(good + "|2^20|1:33"), nil, ReasonMalformed},
		{"unencrypted", lines(good + " UNENCRYPTED_SRTP"), nil, ReasonMalformed},
		{"unauthenticated", lines(good + " UNAUTHENTICATED_SRTP"), nil, ReasonMalformed},
		{"two lines of one tag", lines(good, good), nil, ReasonMalformed},
		{"too many lines", lines(long...), nil, ReasonMalformed},
		{"nothing at all", Attributes{}, nil, ReasonMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, server := w.ends(CertECDSA)
			if c.change != nil {
				c.change(&server.call)
			}
			_, err := server.k.Verify(c.a, server.call)
			if e := wantRefusal(t, err, c.reason); e.Message != nil || !e.BeforeAuth {
				t.Error("a MIKEY error about no MIKEY message, or a proof where there is none")
			}
		})
	}
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	caller.call.Secured = false
	_, err := caller.k.Initiate(t.Context(), SDES, caller.call)
	wantRefusal(t, err, ReasonInsecureSignalling)
	v, err := server.k.Verify(lines(good+"|2^20|1:33", "2"+good[1:]+"|2^20|1:32"), server.call) // the first is passed over
	if err != nil {
		t.Fatal(err)
	}
	server.call.Secured = false
	_, _, err = server.k.Respond(t.Context(), v, server.call)
	wantRefusal(t, err, ReasonInsecureSignalling)
}

// TestSDESAnswerRefused is what is refused of an answer; the exchange stays open, since anybody may have sent it.
func TestSDESAnswerRefused(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	i := caller.offers(SDES)
	_, response := server.answers(i, caller)
	change := func(f func(*sdes.Line)) Attributes {
		l := line(t, response.Crypto[0])
		f(&l)
		return lines(l.Format())
	}
	first, second := i.Attributes().Crypto[0].Line(), i.Attributes().Crypto[1].Line()
	for _, c := range []struct {
		name   string
		a      Attributes
		reason Reason
	}{
		{"none", Attributes{}, ReasonNotAnAnswer},
		{"a MIKEY message", Attributes{MIKEY: []byte{1}}, ReasonNotAnAnswer},
		{"two", lines(response.Crypto[0].Line(), response.Crypto[0].Line()), ReasonNotAnAnswer},
		{"another tag", change(func(l *sdes.Line) { l.Tag = 9 }), ReasonNotAnAnswer},
		{"the tag of another suite", change(func(l *sdes.Line) { l.Tag = 2 }), ReasonNotAnAnswer},
		{"unreadable", lines("1 x y"), ReasonMalformed},
		{"our own key reflected", lines(first), ReasonKeyReuse},
		{"our own key of another line", lines(second), ReasonKeyReuse},
	} {
		_, err := i.Complete(t.Context(), c.a)
		if e, reason := err.(*Error); !reason || e.Reason != c.reason {
			t.Errorf("%s: %v, want %s", c.name, err, c.reason)
		}
	}
	if _, err := i.Complete(t.Context(), response); err != nil {
		t.Errorf("the true answer afterwards: %v", err)
	}
}

// TestSDESReflected: a running key of ours that comes back as the peer's own is refused: the two streams under it would have one key
// stream where their SSRCs meet.
func TestSDESReflected(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	caller.settles(SDES, server)
	ours := server.last.Running.Repeat()
	v, err := server.k.Verify(ours, server.call)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = server.k.Respond(t.Context(), v, server.call)
	wantRefusal(t, err, ReasonKeyReuse)
	i := server.offers(SDES)
	back := line(t, ours.Crypto[0])
	back.Tag = 1
	_, err = i.Complete(t.Context(), lines(back.Format()))
	wantRefusal(t, err, ReasonKeyReuse)
}

// TestSDESReplayed: a key that was in use is refused in any dialog: SDES has no other protection against being played again.
func TestSDESReplayed(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	offered := NewCrypto(caller.offers(SDES).Attributes().Crypto[0].Line())
	for n := range 2 {
		v, err := server.k.Verify(Attributes{Crypto: []Crypto{offered}}, server.call)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = server.k.Respond(t.Context(), v, server.call)
		if n == 1 {
			wantRefusal(t, err, ReasonKeyReuse)
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
