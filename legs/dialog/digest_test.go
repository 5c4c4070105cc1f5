package dialog

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"
)

func TestDigest(t *testing.T) {
	for _, c := range []struct {
		name, realm, password string
		challenge             []string
		want, attempts        int
	}{
		{"sha256 auth-int", "conf.test", "secret", []string{`realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth,auth-int"`}, 200, 2},
		{"sha256 before md5", "conf.test", "secret", []string{`realm="conf.test", nonce="n0", algorithm=MD5, qop="auth"`,
			`realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth"`}, 200, 2},
		{"foreign realm", "elsewhere", "secret", []string{`realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth"`}, 401, 1},
		{"wrong password", "conf.test", "guess", []string{`realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth"`}, 401, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var attempts atomic.Int64
			accepted := make(chan *Dialog, 1)
			server := open(t, &taker{
				admit: func(r *Request, d *Dialog) (any, *Response) {
					if r.Method != "INVITE" {
						return nil, nil
					}
					attempts.Add(1)
					if a := r.Header("Authorization"); len(a) == 1 {
						cred, err := digest.ParseCredentials(a[0])
						if err == nil && verified(r, cred, "secret") {
							return cred.Username, nil
						}
					}
					refuse := &Response{Status: 401}
					for _, ch := range c.challenge {
						refuse.Header = append(refuse.Header, HeaderField{"WWW-Authenticate", "Digest " + ch})
					}
					return nil, refuse
				},
				invite: func(in *Incoming, admitted any) {
					if admitted != "alice" {
						t.Errorf("admitted %v", admitted)
					}
					d, _ := in.Accept(sdpType, []byte("v=0"))
					accepted <- d
				},
			})
			caller := open(t, &taker{})
			inv := invitation("udp", server)
			inv.Username, inv.Password, inv.Realm = "alice", c.password, c.realm
			call, res, err := caller.Invite(within(t, 10*time.Second), inv)
			if err != nil || res.Status != c.want {
				t.Fatalf("%v %+v", err, res)
			}
			if n := int(attempts.Load()); n != c.attempts {
				t.Errorf("%d attempts, want %d", n, c.attempts)
			}
			if c.want == 200 {
				callee := got(t, accepted, "call")
				next(t, callee, Ack)
				if res, err := call.Send(within(t, 5*time.Second), "OPTIONS", nil, "", nil); err != nil || res.Status != 200 {
					t.Errorf("%v %v", err, res)
				}
			}
		})
	}
}

func verified(r *Request, cred *digest.Credentials, password string) bool {
	chal := &digest.Challenge{Realm: "conf.test", Nonce: cred.Nonce, Algorithm: cred.Algorithm, QOP: []string{cred.QOP}}
	want, err := digest.Digest(chal, digest.Options{
		Method: r.Method, URI: cred.URI, Username: cred.Username, Password: password, Cnonce: cred.Cnonce, Count: cred.Nc,
		GetBody: bodyOf(r),
	})
	return err == nil && cred.Algorithm == "SHA-256" && want.Response == cred.Response
}

// TestServerAnswersNoChallenge (security A11): a callee's own requests never carry credentials.
func TestServerAnswersNoChallenge(t *testing.T) {
	seen := make(chan []string, 4)
	accepted := make(chan *Dialog, 1)
	server := open(t, &taker{invite: func(in *Incoming, _ any) {
		d, _ := in.Accept(sdpType, []byte("v=0"))
		accepted <- d
	}})
	caller := open(t, &taker{admit: func(r *Request, _ *Dialog) (any, *Response) {
		seen <- r.Header("Authorization")
		return nil, &Response{Status: 401, Header: []HeaderField{{"WWW-Authenticate", `Digest realm="conf.test", nonce="n", qop="auth"`}}}
	}})
	if _, _, err := caller.Invite(within(t, 5*time.Second), invitation("udp", server)); err != nil {
		t.Fatal(err)
	}
	d := got(t, accepted, "call")
	next(t, d, Ack)
	if res, err := d.Send(within(t, 5*time.Second), "INFO", nil, "", nil); err != nil || res.Status != 401 {
		t.Errorf("%v %+v", err, res)
	}
	if a := got(t, seen, "request"); a != nil {
		t.Errorf("credentials %v", a)
	}
	select {
	case a := <-seen:
		t.Errorf("a second request with %v", a)
	default:
	}
}

// TestCalleeAnswersChallenges: who was called, and given credentials, proves himself in the dialog to who called; and to no other realm.
func TestCalleeAnswersChallenges(t *testing.T) {
	for realm, want := range map[string]int{"conf.test": 200, "elsewhere": 401} {
		accepted := make(chan *Dialog, 1)
		callee := open(t, &taker{invite: func(in *Incoming, _ any) {
			in.Authenticate("alice", "secret", realm)
			d, _ := in.Accept(sdpType, []byte("v=0"))
			accepted <- d
		}})
		caller := open(t, &taker{admit: func(r *Request, _ *Dialog) (any, *Response) {
			if a := r.Header("Authorization"); len(a) == 1 {
				if cred, err := digest.ParseCredentials(a[0]); err == nil && verified(r, cred, "secret") {
					return nil, nil
				}
			}
			return nil, &Response{Status: 401, Header: []HeaderField{
				{"WWW-Authenticate", `Digest realm="conf.test", nonce="n1", algorithm=SHA-256, qop="auth"`},
			}}
		}})
		if _, _, err := caller.Invite(within(t, 10*time.Second), invitation("udp", callee)); err != nil {
			t.Fatal(err)
		}
		d := got(t, accepted, "call")
		next(t, d, Ack)
		if res, err := d.Send(within(t, 5*time.Second), "OPTIONS", nil, "", nil); err != nil || res.Status != want {
			t.Errorf("realm %s: %+v (%v), want %d", realm, res, err, want)
		}
	}
}
