package loadtest_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
)

// badInput is one kind of it.
type badInput struct {
	name    string
	request func() *request
	digest  bool   // sent with mallory's right digest
	status  int    // of the answer
	warning string // begins with
	reason  string // counter of /metrics that rises by one, without name and braces when it is conclave_refusals_total's
	mikey   bool   // the body brings a MIKEY error message
}

// badKeying is what MIKEY must refuse: to a stranger without a word more than to any other, to somebody with a digest by 488.
func (x *intruder) badKeying(forged forgeries) []badInput {
	t := x.t
	wrong, nobody := *x.bundle, *x.bundle
	wrong.PSK = keying.NewSecret([]byte("not the pre-shared key of mallory"))
	nobody.Account, nobody.URI = "nobody", identity("nobody")
	offering := func(b *keying.Bundle, room string, m keying.Method, shift time.Duration, change func(*keying.Call)) func() *request {
		return func() *request { return x.invite(room, body(t, x.message(b, room, m, shift, change))) }
	}
	psk := func(edit func([]byte) []byte) func() *request {
		return func() *request {
			return x.invite("standup", body(t, edit(slices.Clone(x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)))))
		}
	}
	kinds := []struct {
		name, reason string
		request      func() *request
	}{
		{"wrong PSK", "bad_mac", offering(&wrong, "standup", keying.MIKEYPSK, 0, nil)},
		{"foreign certificate", "bad_certificate", offering(forged.foreign, "standup", keying.MIKEYDH, 0, nil)},
		{"expired certificate", "bad_certificate", offering(forged.expired, "standup", keying.MIKEYDH, 0, nil)},
		{"certificate that was taken from the account", "bad_certificate", offering(forged.dropped, "standup", keying.MIKEYDH, 0, nil)},
		{"old timestamp, PSK", "stale", offering(x.bundle, "standup", keying.MIKEYPSK, -5*time.Minute, nil)},
		{"old timestamp, DH", "stale", offering(x.bundle, "standup", keying.MIKEYDH, -5*time.Minute, nil)},
		{"timestamp of the future", "stale", offering(x.bundle, "standup", keying.MIKEYDH, 5*time.Minute, nil)},
		{"NULL MAC", "weak_protection", psk(func(m []byte) []byte { return append(m[:len(m)-21], 0) })},
		{"NULL cipher", "weak_protection", psk(func(m []byte) []byte { m[kemac(t, m)+1] = 0; return m })},
		{"stripped list of methods", "bid_down", offering(x.bundle, "standup", keying.MIKEYDH, 0, func(c *keying.Call) { c.SDPIDs = "other;mikey" })},
		{"message for another room", "wrong_identity", offering(x.bundle, "standup", keying.MIKEYDH, 0, func(c *keying.Call) { c.Peer = identity("strict") })},
		{"method outside the policy", "method_refused", offering(x.bundle, "strict", keying.MIKEYPSK, 0, nil)},
		{"suite outside the policy", "no_common_suite", offering(x.bundle, "strict", keying.MIKEYDH, 0, func(c *keying.Call) {
			c.Suite, c.Group = keying.AESCM128SHA1x80, keying.MODP3072
		})},
		{"group outside the policy", "no_common_group", offering(x.bundle, "strict", keying.MIKEYDH, 0, func(c *keying.Call) { c.Group = keying.MODP1536 })},
		{"garbage in key-mgmt", "malformed", func() *request { return x.invite("standup", body(t, []byte("this is no MIKEY message"))) }},
		{"flipped bit", "bad_signature", func() *request {
			m := slices.Clone(x.message(x.bundle, "standup", keying.MIKEYDH, 0, nil))
			m[len(m)-1] ^= 1
			return x.invite("standup", body(t, m))
		}},
	}
	list := []badInput{
		{name: "unknown account, PSK", status: 401, reason: "mikey_unknown_identity", request: func() *request {
			q := x.invite("standup", body(t, x.message(&nobody, "standup", keying.MIKEYPSK, 0, nil)))
			q.from = nobody.URI
			return q
		}},
		{name: "unknown account, DH", status: 401, reason: "mikey_unknown_identity", request: func() *request {
			q := x.invite("standup", body(t, x.message(&nobody, "standup", keying.MIKEYDH, 0, nil)))
			q.from = nobody.URI
			return q
		}},
	}
	for _, k := range kinds {
		list = append(list,
			badInput{name: k.name, request: k.request, status: 401, reason: "mikey_" + k.reason},
			badInput{
				name: k.name + ", with digest", request: k.request, digest: true, status: 488, warning: "306 ", reason: "mikey_" + k.reason,
				mikey: k.reason != "malformed", // what holds no bundle's name gets no error message about it
			},
		)
	}
	return list
}

// badDescriptions cannot be used whoever sends them.
func (x *intruder) badDescriptions() []badInput {
	t := x.t
	good := func() string { return body(t, x.message(x.bundle, "standup", keying.MIKEYPSK, 0, nil)) }
	edited := func(old, with string) func() *request {
		return func() *request {
			b := good()
			if !strings.Contains(b, old) {
				t.Errorf("no %q in %q", old, b)
			}
			return x.invite("standup", strings.Replace(b, old, with, 1))
		}
	}
	typed := func(contentType string) func() *request {
		return func() *request {
			q := x.invite("standup", good())
			q.contentType = contentType
			return q
		}
	}
	return []badInput{
		{name: "plain RTP", status: 488, warning: "399 ", reason: "not_secure", request: edited("RTP/SAVP", "RTP/AVP")},
		{name: "no key-mgmt", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=other:")},
		{name: "key-mgmt that is no base64", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=key-mgmt:mikey !")},
		{name: "key-mgmt of another protocol", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt:mikey ", "a=key-mgmt:kerberos ")},
		{name: "two MIKEY messages", status: 488, warning: "306 ", reason: "no_key_management", request: edited("a=key-mgmt", "a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString([]byte("second"))+"\r\na=key-mgmt")},
		{name: "no codec in common", status: 488, warning: "305 ", reason: "bad_offer", request: edited("PCMU/8000", "G726-32/8000")},
		{name: "no SDP inside", status: 488, warning: "399 ", reason: "bad_sdp", request: func() *request { return x.invite("standup", "hello, world\r\n") }},
		{name: "no audio", status: 488, warning: "399 ", reason: "unusable_sdp", request: edited("m=audio", "m=video")},
		{name: "another content type", status: 415, reason: `conclave_sip_refusals_total{reason="content_type"}`, request: typed("application/resource-lists+xml")},
		{name: "multipart", status: 415, reason: `conclave_sip_refusals_total{reason="content_type"}`, request: typed("multipart/mixed;boundary=x")},
	}
}

// badCallers are who they are, and may not do what they ask for; or not who they say.
func (x *intruder) badCallers() []badInput {
	t := x.t
	to := func(room string, m keying.Method) func() *request {
		return func() *request { return x.invite(room, body(t, x.message(x.bundle, room, m, 0, nil))) }
	}
	plain := func(q request) func() *request {
		return func() *request {
			q := q
			q.uri, q.from = identity("standup"), x.bundle.URI
			return &q
		}
	}
	password := func(user, password string) func() *request {
		return func() *request {
			q := x.invite("standup", "")
			challenge := x.raw.ask(x.invite("standup", "")).get("www-authenticate")
			q.extra = authorization(challenge, "INVITE", q.uri, user, password)
			q.from = identity(user)
			return q
		}
	}
	return []badInput{
		{name: "unknown room", status: 404, reason: "no_room", request: to("nowhere", keying.MIKEYDH)},
		{name: "unknown room, with digest", digest: true, status: 404, reason: "no_room", request: func() *request { return x.invite("nowhere", "") }},
		{name: "an account for a room", status: 404, reason: "no_room", request: to("ann", keying.MIKEYDH)},
		{name: "unknown room, stranger", status: 401, reason: "no_proof", request: func() *request { return x.invite("nowhere", "") }},
		{name: "locked room", status: 403, warning: "399 ", reason: "room_locked", request: to("shut", keying.MIKEYDH)},
		{name: "From is not the identity of MIKEY", status: 403, warning: "399 ", reason: "wrong_from", request: func() *request {
			q := to("standup", keying.MIKEYDH)()
			q.from = identity("ann")
			return q
		}},
		{name: "From is not who answered the challenge", digest: true, status: 403, warning: "399 ", reason: "wrong_from", request: func() *request {
			q := x.invite("standup", "")
			q.from = identity("ann")
			return q
		}},
		{name: "no proof", status: 401, reason: "no_proof", request: func() *request { return x.invite("standup", "") }},
		{name: "wrong password", status: 401, reason: "bad_digest", request: password("mallory", "guessed")},
		{name: "password of nobody", status: 401, reason: "unknown_account", request: password("nobody", "guessed")},
		{name: "BYE for no dialog", status: 481, reason: `conclave_sip_refusals_total{reason="no_dialog"}`, request: plain(request{method: "BYE", toTag: "none"})},
		{name: "BYE without a tag", status: 481, reason: "no_dialog", request: plain(request{method: "BYE"})},
		{name: "re-INVITE for no dialog", status: 481, reason: `conclave_sip_refusals_total{reason="no_dialog"}`, request: plain(request{method: "INVITE", toTag: "none"})},
		{name: "CANCEL of nothing", status: 481, reason: `conclave_sip_refusals_total{reason="no_transaction"}`, request: plain(request{method: "CANCEL"})},
		{name: "REGISTER of nobody", status: 401, reason: "no_proof", request: plain(request{method: "REGISTER"})},
		{name: "REFER of nobody", status: 401, reason: "no_proof", request: plain(request{method: "REFER"})},
		{name: "a method that is not served", status: 405, reason: "method", request: plain(request{method: "MESSAGE"})},
		{name: "a method of its own", status: 501, reason: `conclave_sip_refusals_total{reason="method"}`, request: plain(request{method: "CONQUER"})},
		{name: "an extension that is not there", status: 420, reason: `conclave_sip_refusals_total{reason="require"}`, request: plain(request{extra: "Require: 100rel\r\n"})},
	}
}
