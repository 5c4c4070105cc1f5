package offer

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/keying"
)

// keyLines are the attributes of a description that carry key management, and its audio line.
func keyLines(body []byte) []string {
	var list []string
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		for _, p := range []string{"m=audio", "a=key-mgmt", "a=crypto", "a=fingerprint", "a=setup", "a=tls-id", "a=sendonly", "a=recvonly"} {
			if strings.HasPrefix(line, p) {
				list = append(list, line)
			}
		}
	}
	return list
}

// TestKeysWritten is an offer, its answer and a later offer that holds, for each kind: what stands in them, and that it is read.
func TestKeysWritten(t *testing.T) {
	both := cryptos(crypto1)
	both.MIKEY = []byte("hello")
	tests := []struct {
		name                   string
		offer, answer, hold    keying.Attributes
		feedback               bool
		offered, answered, hld []string // after the audio line
		proto                  string
	}{
		{
			name: "SDES", offer: cryptos(crypto1, crypto2), answer: cryptos(crypto2), hold: cryptos(crypto2), proto: "RTP/SAVP",
			offered: []string{crypto1, crypto2}, answered: []string{crypto2}, hld: []string{crypto2},
		},
		{
			name: "MIKEY beside SDES, MIKEY taken", offer: both, answer: keying.Attributes{MIKEY: []byte("hello")}, proto: "RTP/SAVP",
			offered: []string{mikey, crypto1}, answered: []string{mikey},
		},
		{
			name: "MIKEY beside SDES, SDES taken", offer: both, answer: cryptos(crypto1), hold: cryptos(crypto1), proto: "RTP/SAVP",
			offered: []string{mikey, crypto1}, answered: []string{crypto1}, hld: []string{crypto1},
		},
		{
			name: "DTLS", offer: handshakeOf("actpass"), answer: handshakeOf("passive"), hold: handshakeOf("actpass"), proto: "UDP/TLS/RTP/SAVP",
			offered:  []string{fingerprint256, "a=setup:actpass", tlsID},
			answered: []string{fingerprint256, "a=setup:passive", tlsID},
			hld:      []string{fingerprint256, "a=setup:actpass", tlsID},
		},
		{
			name: "DTLS with feedback", offer: handshakeOf("active"), answer: handshakeOf("passive"), hold: handshakeOf("passive"),
			feedback: true, proto: "UDP/TLS/RTP/SAVPF",
			offered:  []string{fingerprint256, "a=setup:active", tlsID},
			answered: []string{fingerprint256, "a=setup:passive", tlsID},
			hld:      []string{fingerprint256, "a=setup:passive", tlsID},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			caller, server := local(t), local(t)
			caller.Addr, caller.Keys, caller.KeyLevel, caller.Feedback = netip.MustParseAddrPort("198.51.100.7:4000"), tt.offer, LevelMedia, tt.feedback
			caller.Codecs, caller.Events, server.Events = []string{"pcmu"}, false, false
			server.Keys = tt.answer
			line := func(port int, rest []string) []string {
				return append([]string{fmt.Sprintf("m=audio %d %s 0", port, tt.proto)}, rest...)
			}
			offered, err := Offer(caller)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(line(4000, tt.offered), keyLines(offered)); d != "" {
				t.Errorf("offer: %s", d)
			}
			remote := mustParse(t, string(offered))
			answered, n, err := Answer(remote, server)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(line(20000, tt.answered), keyLines(answered)); d != "" {
				t.Errorf("answer: %s", d)
			}
			back := mustParse(t, string(answered))
			if m, err := Complete(caller, back); err != nil || !m.RTCPMux || m.Remote != here {
				t.Errorf("%+v %v", m, err)
			}
			if got, err := back.Attributes(); err != nil || text(got) != text(tt.answer) {
				t.Errorf("read back: %q %v", text(got), err)
			}
			server.Running, server.Keys, server.Direction = n, tt.hold, SendOnly
			held, err := Offer(server)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(line(20000, append([]string{"a=sendonly"}, tt.hld...)), keyLines(held)); d != "" {
				t.Errorf("hold: %s", d)
			}
			trial := server
			trial.Keys = keying.Attributes{}
			if _, _, err := Answer(remote, trial); err != nil {
				t.Errorf("trial: %v", err)
			}
		})
	}
}

// TestCompleteKeys: the key management of an answer goes with ours, or the answer is refused.
func TestCompleteKeys(t *testing.T) {
	both := cryptos(crypto1, crypto2)
	both.MIKEY = []byte("hello")
	tests := []struct {
		name   string
		keys   keying.Attributes
		answer []string
		want   error
	}{
		{"one of two", cryptos(crypto1, crypto2), []string{savp, crypto2}, nil},
		{"both", cryptos(crypto1, crypto2), []string{savp, crypto1, crypto2}, ErrCrypto},
		{"none", cryptos(crypto1, crypto2), []string{savp}, ErrCrypto},
		{"MIKEY where SDES was offered", cryptos(crypto1), []string{savp, mikey}, ErrCrypto},
		{"MIKEY of both kinds", both, []string{savp, mikey}, nil},
		{"MIKEY without V of both kinds", both, []string{savp}, nil},
		{"SDES of both kinds", both, []string{savp, crypto1}, nil},
		{"all of both kinds", both, []string{savp, mikey, crypto1, crypto2}, ErrCrypto},
		{"downgrade", cryptos(crypto1), []string{"m=audio 4000 RTP/AVP 0", crypto1}, ErrMismatch},
		{"DTLS where SDES was offered", cryptos(crypto1), []string{tlsSAVP, fingerprint256, "a=setup:active"}, ErrMismatch},
		{"active", handshakeOf("actpass"), []string{tlsSAVP, fingerprint256, "a=setup:active"}, nil},
		{"passive of the session", handshakeOf("actpass"), []string{"a=setup:passive", fingerprint256, tlsSAVP}, nil},
		{"actpass", handshakeOf("actpass"), []string{tlsSAVP, fingerprint256, "a=setup:actpass"}, ErrSetup},
		{"no role", handshakeOf("actpass"), []string{tlsSAVP, fingerprint256}, ErrSetup},
		{"no fingerprint", handshakeOf("actpass"), []string{tlsSAVP, "a=setup:active"}, ErrFingerprint},
		{"two clients", handshakeOf("active"), []string{tlsSAVP, fingerprint256, "a=setup:active"}, ErrSetup},
		{"two servers", handshakeOf("passive"), []string{tlsSAVP, fingerprint256, "a=setup:passive"}, ErrSetup},
		{"our role", handshakeOf("passive"), []string{tlsSAVP, fingerprint256, "a=setup:active"}, nil},
		{"feedback was not offered", handshakeOf("actpass"), []string{"m=audio 4000 UDP/TLS/RTP/SAVPF 0", fingerprint256, "a=setup:active"}, ErrMismatch},
		{"SDES where DTLS was offered", handshakeOf("actpass"), []string{savp, crypto1}, ErrMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(t)
			l.Keys = tt.keys
			if _, err := Offer(l); err != nil {
				t.Fatal(err)
			}
			n, err := Complete(l, mustParse(t, phone(tt.answer...)))
			if !errors.Is(err, tt.want) || (err == nil) != (n != nil) {
				t.Errorf("%+v %v; want %v", n, err, tt.want)
			}
		})
	}
}

// TestOurKeysAreChecked: nothing is written that no peer could read, or that would break out of its line.
func TestOurKeysAreChecked(t *testing.T) {
	many := make([]string, maxCrypto+1)
	for i := range many {
		many[i] = crypto1
	}
	broken := func(change func(d *keying.DTLS)) keying.Attributes {
		a := handshakeOf("actpass")
		change(a.DTLS)
		return a
	}
	wiped := cryptos(crypto1)
	wiped.Crypto[0].Wipe()
	dtlsAndMore := handshakeOf("actpass")
	dtlsAndMore.MIKEY = []byte("x")
	for name, keys := range map[string]keying.Attributes{
		"too many":         cryptos(many...),
		"a wiped line":     wiped,
		"a line break":     cryptos("1 X inline:x\r\na=x:y"),
		"a long line":      cryptos(strings.Repeat("x", maxCryptoLine+1)),
		"a big message":    {MIKEY: make([]byte, MaxMessage+1)},
		"DTLS and MIKEY":   dtlsAndMore,
		"no fingerprint":   broken(func(d *keying.DTLS) { d.Fingerprints = nil }),
		"an unknown hash":  broken(func(d *keying.DTLS) { d.Fingerprints[0].Hash = "x" }),
		"a short digest":   broken(func(d *keying.DTLS) { d.Fingerprints[0].Value = []byte{1} }),
		"no role":          broken(func(d *keying.DTLS) { d.Setup = "" }),
		"holdconn":         broken(func(d *keying.DTLS) { d.Setup = "holdconn" }),
		"tls-id of breaks": broken(func(d *keying.DTLS) { d.TLSID = strings.Repeat("\r\n", 12) }),
	} {
		l := local(t)
		l.Keys = keys
		if _, err := Offer(l); !errors.Is(err, ErrLocal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	answers := map[string]struct {
		line string
		keys keying.Attributes
	}{
		"two lines":          {savp, cryptos(crypto1, crypto2)},
		"two kinds":          {savp, keying.Attributes{MIKEY: []byte("x"), Crypto: cryptos(crypto1).Crypto}},
		"DTLS without DTLS":  {savp, handshakeOf("passive")},
		"SDES to DTLS":       {tlsSAVP, cryptos(crypto1)},
		"MIKEY to DTLS":      {tlsSAVP, keying.Attributes{MIKEY: []byte("x")}},
		"no role":            {tlsSAVP, handshakeOf("actpass")},
		"the offerer's role": {tlsSAVP, handshakeOf("active")},
	}
	for name, tt := range answers {
		l := local(t)
		l.Keys = tt.keys
		if _, _, err := Answer(mustParse(t, phone(tt.line, crypto1, crypto2, fingerprint256, "a=setup:active")), l); !errors.Is(err, ErrLocal) {
			t.Errorf("answer, %s: %v", name, err)
		}
	}
	l := local(t)
	l.Keys = handshakeOf("actpass")
	_, n, err := Answer(mustParse(t, phone(savp, crypto1)), Local{Session: l.Session, Addr: here, Codecs: l.Codecs})
	if err != nil {
		t.Fatal(err)
	}
	l.Running = n
	if _, err := Offer(l); !errors.Is(err, ErrLocal) {
		t.Errorf("a profile that changes in a dialog: %v", err)
	}
}

// TestCanary: a key in an a=crypto line comes out nowhere but in the attribute itself: not in errors, not in what is printed of
// any value, not in refusals or in answers that choose another kind.
func TestCanary(t *testing.T) {
	const canary = "CANARYcanaryCANARYcanaryCANARYcanary"
	line := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + canary
	bodies := []string{
		phone(savp, line),
		phone(savp, line, mikey),
		phone(tlsSAVP, line),
		phone(tlsSAVP, line, fingerprint256, "a=setup:active"),
		phone("m=audio 4000 RTP/AVP 0", line),
		phone("m=audio 4000 RTP/SAVP 18", line),
		phone(line, savp),
		phone(savp, line, "a=setup:"+canary, "a=rtpmap:"+canary),
		phone(savp, line, "a=fmtp:"+canary),
		phone(tlsSAVP, "a=fingerprint:"+canary),
		phone(tlsSAVP, "a=setup:"+canary),
		phone(tlsSAVP, "a=tls-id:"+canary+" "),
		phone(savp, strings.Repeat(line+"\r\n", 17)+line),
		phone(savp, line, "k=clear:"+canary),
		phone(savp, line, "x="+canary),
		phone(savp, line+"\x00"),
		phone("m=audio "+canary+" RTP/SAVP 0", line),
		phone("m=audio 0 RTP/SAVP 0", line),
	}
	var said strings.Builder
	say := func(values ...any) {
		for _, v := range values {
			fmt.Fprintf(&said, "%v %+v %#v\n", v, v, v)
			said.WriteString(slog.AnyValue(v).Resolve().String())
		}
	}
	for i, body := range bodies {
		d, err := Parse([]byte(body))
		if err != nil {
			say(err.Error())
			continue
		}
		if i != 6 { // an attribute of the session is no crypto attribute; it goes nowhere
			say(d, *d, d.Media)
		}
		keys, err := d.Attributes()
		say(keys, keys.Crypto, err)
		_, err = d.Audio()
		say(err)
		l := local(t)
		answer, n, err := Answer(d, l)
		say(string(answer), n, err)
		refusal, err := Refusal(d, netip.Addr{}, []byte("error"))
		say(string(refusal), err)
		l.Keys = cryptos(line)
		_, err = Complete(l, d)
		say(l, err)
		l.Keys = cryptos(line, line, canary+"\n")
		_, err = Offer(l)
		say(l, err)
		_, _, err = Answer(d, l)
		say(err)
		for _, e := range warnings {
			say(e.text)
		}
	}
	if out := said.String(); strings.Contains(out, "CANARY") || !strings.Contains(out, "[secret]") {
		at := max(0, strings.Index(out, "CANARY"))
		t.Errorf("a key came out: %q", out[max(0, at-200):min(len(out), at+100)])
	}
}
