package loadtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/loadtest"
)

// everyMethod is a room policy that takes all there is, SDES last.
const everyMethod = `
policies:
  any: {methods: [mikey-dh, mikey-dhhmac, mikey-rsar, mikey-pke, mikey-psk, dtls-srtp, sdes], suites: [AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_80]}
rooms: {policy: any}
`

// TestEveryMethod: a call by each method, in each suite that it has: what both sides say they agreed, and audio both ways.
func TestEveryMethod(t *testing.T) {
	h := serve(t, everyMethod)
	bundle := h.account("mona", "rsa") // for mikey-rsar
	for _, m := range keying.Methods() {
		for i, suite := range keying.Suites() {
			if m == keying.DTLSSRTP && suite == keying.AESCM256SHA1x80 {
				continue // has no protection profile
			}
			name := fmt.Sprintf("%s %s", m, suite)
			transport := []string{"udp", "tcp", "tls"}[i%3]
			if m == keying.SDES {
				transport = "tls"
			}
			s := h.single(bundle, "lobby", transport, "pcmu")
			s.Methods, s.Suite, s.Play, s.Duration = []keying.Method{m}, suite, "tone:440", 400*time.Millisecond
			seen := false
			out, err := s.Place(within(t), func(o loadtest.Outcome) {
				var k client.Keying
				eventually(t, name+" has its keys on the server", func() bool { // with the ACK, or when its side of the handshake is over
					seats, err := h.api.Seats(within(t), "lobby")
					if err != nil || len(seats) != 1 || seats[0].Leg == nil {
						return false
					}
					k = seats[0].Leg.Keying
					return k.Suite != ""
				})
				seen = k.Method == string(m) && k.Suite == string(suite) && k.ForwardSecrecy == m.ForwardSecret()
				if !seen {
					t.Errorf("%s: the server says %+v", name, k)
				}
			})
			if err != nil || !seen {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if out.Method != string(m) || out.Suite != string(suite) || out.Ended != "duration" || out.Sent == 0 || out.Received == 0 || out.Lost != 0 {
				t.Errorf("%s: %+v", name, out)
			}
			if (m != keying.SDES) != (out.Peer == "sip:lobby@"+domain) {
				t.Errorf("%s proved %q", name, out.Peer)
			}
		}
	}
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
	if m := h.metrics(); m["conclave_media_auth_failed_total"] != 0 || m["conclave_media_malformed_total"] != 0 {
		t.Errorf("%v packets not authentic, %v malformed", m["conclave_media_auth_failed_total"], m["conclave_media_malformed_total"])
	}
}

// TestSDESInClear: a caller does not send its key in clear unless it is told to, and the server takes none even then.
func TestSDESInClear(t *testing.T) {
	h := serve(t, everyMethod)
	bundle := h.account("sven", "ecdsa")
	for _, transport := range []string{"udp", "tcp"} {
		s := h.single(bundle, "lobby", transport, "pcmu")
		s.Methods = []keying.Method{keying.SDES}
		var refused *keying.Error
		if _, err := s.Place(within(t), nil); !errors.As(err, &refused) || refused.Reason != keying.ReasonInsecureSignalling {
			t.Errorf("over %s: %v", transport, err)
		}
		if n := h.metrics()["conclave_setup_seconds_count"]; n != 0 {
			t.Errorf("over %s: %v calls", transport, n)
		}
		s.ClearKeys = true
		var answer *legs.Refused
		if _, err := s.Place(within(t), nil); !errors.As(err, &answer) || answer.Status != 488 || answer.Warning == "" {
			t.Errorf("over %s, in clear: %v", transport, err)
		}
	}
}

// TestFallback: what the room refuses gives way to the next method, with a notice for each; without a next one the refusal stands.
func TestFallback(t *testing.T) {
	h := serve(t, `
policies:
  psk: {methods: [mikey-psk]}
  none: {methods: [mikey-dhhmac]}
rooms:
  policy: psk
  permanent:
    - {name: closed, policy: none}
`)
	bundle := h.account("fay", "ecdsa")
	for _, c := range []struct {
		room    string
		methods []keying.Method
		want    keying.Method // "": refused with 488
		notices string
	}{
		{"lobby", []keying.Method{keying.MIKEYDH, keying.MIKEYPSK}, keying.MIKEYPSK, "mikey-dh 488 mikey-psk"},
		{"lobby", []keying.Method{keying.MIKEYDH, keying.DTLSSRTP, keying.MIKEYPSK, keying.MIKEYDHHMAC}, keying.MIKEYPSK, "mikey-dh 488 dtls-srtp, dtls-srtp 488 mikey-psk"},
		{"lobby", []keying.Method{keying.MIKEYPSK, keying.MIKEYDH}, keying.MIKEYPSK, ""},
		{"closed", []keying.Method{keying.MIKEYDH, keying.MIKEYPSK}, "", "mikey-dh 488 mikey-psk"},
		{"no such room!", []keying.Method{keying.MIKEYDH, keying.MIKEYPSK}, "", ""}, // not for the method's sake
	} {
		s := h.single(bundle, c.room, "udp", "pcmu")
		s.Methods, s.Duration = c.methods, 100*time.Millisecond
		var notices []string
		s.Fallback = func(from, to keying.Method, why *legs.Refused) {
			notices = append(notices, fmt.Sprintf("%s %d %s", from, why.Status, to))
		}
		out, err := s.Place(within(t), nil)
		if strings.Join(notices, ", ") != c.notices {
			t.Errorf("%v in %s: notices %q", c.methods, c.room, notices)
		}
		var refused *legs.Refused
		switch {
		case c.want != "" && (err != nil || out.Method != string(c.want)):
			t.Errorf("%v in %s: %v, by %q", c.methods, c.room, err, out.Method)
		case c.want == "" && err == nil:
			t.Errorf("%v in %s: joined by %s", c.methods, c.room, out.Method)
		case c.want == "" && c.notices != "" && (!errors.As(err, &refused) || refused.Status != 488):
			t.Errorf("%v in %s: %v", c.methods, c.room, err)
		}
	}
}

// TestTrunkCaller: who has no account comes in by a trunk, by its methods and over its transports, and nobody else does.
func TestTrunkCaller(t *testing.T) {
	own, print := clientCertificate(t)
	h := serve(t, `
trunks:
  - {name: pbx, from: ["127.0.0.1/32"], transports: [udp], methods: [sdes], codecs: [pcmu]}
  - {name: sbc, certificates: ["`+print+`"], methods: [dtls-srtp, sdes]}
`)
	bundle := h.account("abby", "ecdsa")
	caller := func(transport string, m keying.Method) loadtest.Single {
		return loadtest.Single{
			URI: h.uri("lobby", transport), From: "sip:1000@pbx.example", ClearKeys: true, Methods: []keying.Method{m}, Codec: "pcmu",
			Suite: keying.AESCM128SHA1x80, Duration: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
			TLS: &tls.Config{RootCAs: bundle.Roots(), Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12},
		}
	}
	for _, c := range []struct {
		transport string
		method    keying.Method
		trunk     string
	}{{"udp", keying.SDES, "pbx"}, {"tls", keying.SDES, "sbc"}, {"tls", keying.DTLSSRTP, "sbc"}} {
		seen := false
		out, err := caller(c.transport, c.method).Place(within(t), func(loadtest.Outcome) {
			seats, err := h.api.Seats(within(t), "lobby")
			seen = err == nil && len(seats) == 1 && seats[0].Account == "" && seats[0].Trunk == c.trunk
			if !seen {
				t.Errorf("%v: seats %+v (%v)", c, seats, err)
			}
		})
		if err != nil || !seen || out.Method != string(c.method) || out.Received == 0 {
			t.Errorf("%v: %v, %+v", c, err, out)
		}
	}
	for name, c := range map[string]struct {
		s      loadtest.Single
		status int
	}{
		"a method that the trunk has not":   {caller("udp", keying.DTLSSRTP), 488},
		"a transport of no trunk":           {caller("tcp", keying.SDES), 401},
		"without the trunk's certificate":   {func() loadtest.Single { s := caller("tls", keying.SDES); s.TLS.Certificates = nil; return s }(), 401},
		"in the name of an account":         {func() loadtest.Single { s := caller("udp", keying.SDES); s.From = bundle.URI; return s }(), 401},
		"an account on the trunk's machine": {func() loadtest.Single { s := caller("udp", keying.SDES); s.From, s.Bundle = "", bundle; return s }(), 488},
	} {
		var refused *legs.Refused
		if _, err := c.s.Place(within(t), nil); !errors.As(err, &refused) || refused.Status != c.status {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
	}
}

// clientCertificate makes a certificate that nobody vouches for, and its fingerprint.
func clientCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sbc.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, hex.EncodeToString(sum[:])
}

// TestSwarmEveryMethod: all methods at once in shared rooms, and everybody hears everybody.
func TestSwarmEveryMethod(t *testing.T) {
	h := serve(t, everyMethod)
	h.listened(loadtest.Options{
		Callers: 14, Rooms: 2, Talkers: 0.5, Transport: "tls", Keying: keying.Methods(), Codecs: []string{"opus", "pcmu", "pcma"},
	})
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
}

// TestSwarmRekey: keys change all the time, by every method and from both sides in turn, and nobody misses a packet.
func TestSwarmRekey(t *testing.T) {
	for _, c := range []struct {
		name    string
		methods []keying.Method
	}{
		{"MIKEY", []keying.Method{keying.MIKEYPSK, keying.MIKEYDH, keying.MIKEYDHHMAC, keying.MIKEYPKE, keying.MIKEYRSAR}},
		{"every method", keying.Methods()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := serve(t, everyMethod)
			r, before := h.listened(loadtest.Options{
				Callers: 8, Rooms: 2, Talkers: 0.5, Transport: "tls", Keying: c.methods, Codecs: []string{"opus", "pcmu"},
				Script: loadtest.ScriptRekey, RekeyEvery: 300 * time.Millisecond,
			})
			if r.Rekeys.Failed != 0 || r.Rekeys.Done < 4*8 {
				t.Errorf("%d keys changed, %d not: %v", r.Rekeys.Done, r.Rekeys.Failed, r.Rekeys.Failures)
			}
			rise := func(result string) int {
				name := `conclave_rekeys_total{result="` + result + `"}`
				return int(h.metrics()[name] - before[name])
			}
			// Of a handshake one end knows before the other that it is over, and then the caller may hang up at once.
			// Or begin the next change too soon, which the server refuses with 491 and counts; the caller tries again.
			unheard := 0
			if slices.Contains(c.methods, keying.DTLSSRTP) {
				unheard = 8/len(c.methods) + 1
			} else if n := rise("refused"); n != 0 {
				t.Errorf("%d refused on the server", n)
			}
			if done := rise("done"); done > r.Rekeys.Done || done < r.Rekeys.Done-unheard {
				t.Errorf("the server counts %d changes, the callers %d", done, r.Rekeys.Done)
			}
			if n := rise("failed"); n != 0 {
				t.Errorf("%d failed on the server", n)
			}
			if r.Rekeys.PacketsLost != 0 {
				t.Errorf("%d packets lost", r.Rekeys.PacketsLost)
			}
		})
	}
}

// listened runs a swarm until everybody was heard in time, or the machine is too busy for that. before are the metrics that the run
// began with.
func (h *house) listened(o loadtest.Options) (r *loadtest.Report, before map[string]float64) {
	h.t.Helper()
	for try := 1; ; try++ {
		before = h.metrics()
		r = h.swarm(o)
		if r.Setup.Failed == 0 && r.Mix.Missing == 0 && r.Mix.Pairs > 0 && r.Rekeys.PacketsLost == 0 {
			return r, before
		}
		disturbed := r.Clock.Skipped
		if r.Clock.WorstMS >= 20 {
			disturbed++
		}
		h.again(try, before, disturbed, fmt.Sprintf("%d calls were sent away, mix %+v, rekeys %+v", r.Setup.Failed, r.Mix, r.Rekeys))
	}
}

// TestSwarmOptions: what cannot work is told before anybody calls.
func TestSwarmOptions(t *testing.T) {
	good := loadtest.Options{
		Callers: 2, Rooms: 1, Talkers: 0.5, Transport: "udp", Keying: []keying.Method{keying.MIKEYPSK}, Ramp: 10, AtOnce: 1, Duration: time.Second,
		Script: loadtest.ScriptRekey, RekeyEvery: time.Second,
	}
	for want, spoil := range map[string]func(*loadtest.Options){
		"--rekey-every":                   func(o *loadtest.Options) { o.RekeyEvery = 0 },
		"--script must be":                func(o *loadtest.Options) { o.Script = "dance" },
		"--keying names no method":        func(o *loadtest.Options) { o.Keying = nil },
		"--keying sdes needs --transport": func(o *loadtest.Options) { o.Keying = append(slices.Clone(o.Keying), keying.SDES) },
	} {
		o := good
		spoil(&o)
		if _, err := loadtest.Run(within(t), o); !errors.Is(err, loadtest.ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
