package gate

import (
	"net/netip"
	"testing"

	"github.com/conclave/conclave/keying"
)

var (
	stranger = netip.MustParseAddrPort("203.0.113.9:5060")
	moved    = netip.AddrPortFrom(phone.Addr(), 40000)
)

// within is a request of alice's dialog in standup, from the source given.
func within(method string, source netip.AddrPort) Request {
	return Request{
		Method: method, RequestURI: URI{"sip", "", "192.0.2.1"}, From: URI{"sip", "alice", domain},
		To: URI{"sip", "standup", domain}, Source: source, Transport: "udp", InDialog: true,
		DialogIdentity: "sip:alice@" + domain, DialogRoom: "standup", DialogSource: phone, DialogTransport: "udp",
	}
}

// TestMethods is every method of the table, and one that is not there, by authentication state. Where a cell says 0 the
// request is admitted.
func TestMethods(t *testing.T) {
	type cells struct{ outside, own, stranger, digest, other, from int }
	inside := func(outside int) cells { return cells{outside, 0, 401, 0, 403, 403} }
	want := map[string]cells{
		"ACK": {}, "CANCEL": {}, // never challenged
		"OPTIONS": inside(0),
		"INVITE":  inside(401),
		"BYE":     inside(481), "INFO": inside(481), "NOTIFY": inside(481), "PRACK": inside(481), "UPDATE": inside(481),
		"MESSAGE": inside(405), "PUBLISH": inside(405), "REGISTER": inside(401), "SUBSCRIBE": inside(401),
		"REFER":    {401, 401, 401, 0, 403, 401}, // the source is not enough to move a call
		"NEWTHING": inside(501),
	}
	for method := range methods {
		if _, ok := want[method]; !ok {
			t.Errorf("%s has no row", method)
		}
	}
	for method, row := range want {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			check := func(state string, r Request, status int) {
				t.Helper()
				a, refusal := w.gate.Admit(r)
				switch {
				case (a == nil) == (refusal == nil):
					t.Errorf("%s: %v and %v", state, a, refusal)
				case status == 0 && refusal != nil, status != 0 && (refusal == nil || refusal.Status != status):
					t.Errorf("%s: %v; want %d", state, refusal, status)
				}
			}
			outside := lateInvite("standup")
			outside.Method = method
			check("outside", outside, row.outside)
			outside.InDialog = true
			if status := 481; !neverChallenged(method) {
				check("dialog that is not", outside, status)
			}
			check("own source", within(method, phone), row.own)
			check("stranger", within(method, stranger), row.stranger)
			check("another port", within(method, moved), row.stranger)
			r := within(method, stranger)
			w.authorize(&r, "alice", password)
			check("digest", r, row.digest)
			r = within(method, stranger)
			w.authorize(&r, "bob", password)
			check("another's digest", r, row.other)
			r = within(method, stranger)
			w.authorize(&r, "alice", "wrong")
			check("wrong digest", r, row.stranger)
			r = within(method, phone)
			r.DialogTransport = "tls" // a datagram that bears the address of the dialog's connection
			check("another transport", r, row.stranger)
			r = within(method, phone)
			r.From.User = "bob"
			check("another From", r, row.from)
		})
	}
}

func TestReinvite(t *testing.T) {
	running, standing := newWorld(t).agreed()
	offered := func(w *world, method string, source netip.AddrPort, message []byte) Request {
		r := within(method, source)
		r.ContentType, r.Body, r.Running = "application/sdp", w.body(message), standing
		return r
	}
	tests := []struct {
		name     string
		request  func(w *world) Request
		status   int
		verified bool
		proof    string
	}{
		{"no key-mgmt", func(w *world) Request { return offered(w, "INVITE", phone, nil) }, 0, false, ProofDialog},
		{"running octets", func(w *world) Request { return offered(w, "INVITE", phone, running) }, 0, false, ProofDialog},
		{"running octets in UPDATE", func(w *world) Request { return offered(w, "UPDATE", phone, running) }, 0, false, ProofDialog},
		{"new message", func(w *world) Request { return offered(w, "INVITE", phone, w.message(caller{})) }, 0, true, ProofDialog},
		{"new message, wrong PSK", func(w *world) Request {
			return offered(w, "INVITE", phone, w.message(caller{psk: "bob"}))
		}, 488, false, ""},
		{"another's message", func(w *world) Request {
			return offered(w, "INVITE", phone, w.message(caller{account: "bob"}))
		}, 488, false, ""},
		{"for another room", func(w *world) Request {
			return offered(w, "INVITE", phone, w.message(caller{idr: "strict"}))
		}, 488, false, ""},
		{"stranger, no key-mgmt", func(w *world) Request { return offered(w, "INVITE", stranger, nil) }, 401, false, ""},
		{"stranger, running octets", func(w *world) Request { return offered(w, "INVITE", stranger, running) }, 401, false, ""},
		{"stranger, wrong PSK", func(w *world) Request {
			return offered(w, "INVITE", stranger, w.message(caller{psk: "bob"}))
		}, 401, false, ""},
		{"stranger, another's message", func(w *world) Request {
			return offered(w, "INVITE", stranger, w.message(caller{account: "bob"}))
		}, 401, false, ""},
		{"moved, own message", func(w *world) Request { return offered(w, "INVITE", moved, w.message(caller{})) }, 0, true, ProofMIKEY},
		{"moved, own message, other From", func(w *world) Request {
			r := offered(w, "INVITE", moved, w.message(caller{}))
			r.From.User = "bob"
			return r
		}, 403, false, ""},
		{"moved, digest", func(w *world) Request {
			r := offered(w, "INVITE", moved, running)
			w.authorize(&r, "alice", password)
			return r
		}, 0, false, ProofDigest},
		{"digest-only room, moved, own message", func(w *world) Request {
			r := offered(w, "INVITE", moved, w.message(caller{room: "strict"}))
			r.DialogRoom = "strict"
			return r
		}, 401, false, ""},
		{"plain RTP", func(w *world) Request {
			r := offered(w, "INVITE", phone, running)
			r.Body = []byte(replace("RTP/SAVP", "RTP/AVP")(string(r.Body)))
			return r
		}, 488, false, ""},
		{"text", func(w *world) Request {
			r := offered(w, "INVITE", phone, running)
			r.ContentType = "text/plain"
			return r
		}, 415, false, ""},
		{"no room told", func(w *world) Request {
			r := offered(w, "INVITE", phone, w.message(caller{}))
			r.DialogRoom = ""
			return r
		}, 404, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a, refusal := w.gate.Admit(tt.request(w))
			if tt.status != 0 {
				if refusal == nil || refusal.Status != tt.status {
					t.Fatalf("%+v %v; want %d", a, refusal, tt.status)
				}
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			if a.Offer == nil || (a.Verified != nil) != tt.verified || a.Proof != tt.proof || a.Room != "standup" || a.Account != "alice" {
				t.Errorf("%+v", a)
			}
			a.Verified.Abandon()
			if w.pool.Done() != 0 {
				t.Error("Diffie-Hellman in the gate")
			}
		})
	}
}

// TestReinviteMethodPolicy: a rekey obeys the room's policy like a first offer.
func TestReinviteMethodPolicy(t *testing.T) {
	w := newWorld(t)
	r := within("INVITE", phone)
	r.ContentType, r.Body = "application/sdp", w.body(w.message(caller{policy: aes256cm()}))
	if _, refusal := w.gate.Admit(r); refusal == nil || refusal.Reason != mikeyPrefix+keying.ReasonNoCommonSuite || len(refusal.Body) == 0 {
		t.Errorf("%v", refusal)
	}
}
