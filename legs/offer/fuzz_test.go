package offer

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
)

// FuzzAnswer: no description panics; one that is answered gives an answer that parses, has its lines in place, is no
// larger than our own offer and the repeated lines, and that the other side can read; a refusal can always be made.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(phone("m=audio 4000 RTP/SAVP 0 96", "a=rtpmap:96 opus/48000/2", "a=key-mgmt:mikey "+message64)))
	f.Add([]byte(phone("a=key-mgmt:mikey "+message64, "m=video 1 UDP/TLS/RTP/SAVPF 1", "m=audio 4000/2 RTP/SAVPF 8 101",
		"a=rtpmap:101 telephone-event/8000", "a=sendonly", "a=rtcp:5 IN IP4 1.2.3.4", "a=ptime:30", "a=rtcp-mux")))
	f.Add([]byte(phone("m=image 4006 udptl t38", "c=IN IP6 ::1")))
	f.Add([]byte(phone(mikey, savp, crypto1, crypto2)))
	f.Add([]byte(phone("a=key-mgmt:keyp1 727gkdOshs", savp, crypto1)))
	f.Add([]byte(phone(fingerprint256, "a=setup:actpass", "m=audio 4000 UDP/TLS/RTP/SAVPF 0", fingerprint1, tlsID, "a=rtcp-mux")))
	f.Add([]byte(phone("a=setup:active", tlsSAVP, fingerprint256, fingerprint256, savp, crypto1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			if len(err.Error()) > 60 {
				t.Fatalf("the error quotes: %v", err)
			}
			return
		}
		if len(d.Media) > MaxMedia || d.keyMgmtCount() > MaxKeyMgmt {
			t.Fatalf("%d media, %d key-mgmt", len(d.Media), d.keyMgmtCount())
		}
		message, _, mikeyErr := d.MIKEY()
		if mikeyErr == nil && (len(message) == 0 || len(message) > MaxMessage) {
			t.Fatalf("message of %d octets", len(message))
		}
		fuzzKeys(t, d)
		if len(d.Media) > 0 {
			body, err := Refusal(d, netip.Addr{}, []byte("error"))
			if err != nil {
				t.Fatalf("no refusal: %v", err)
			}
			if _, err := Parse(body); err != nil && len(body) <= MaxSize {
				t.Fatalf("refusal does not parse: %v\n%s", err, body)
			}
		}
		fuzzAnswer(t, d)
	})
}

// fuzzKeys: the key management of a description is bounded, and of the kind that its profile has.
func fuzzKeys(t *testing.T, d *Description) {
	keys, err := d.Attributes()
	if err != nil {
		if !keys.Empty() {
			t.Fatalf("keys beside %v", err)
		}
		return
	}
	m, err := d.Audio()
	if err != nil || keys.Empty() || (keys.DTLS != nil) != overDTLS(m.Proto) {
		t.Fatalf("%v under %s", err, m.Proto)
	}
	if h := keys.DTLS; h != nil && (len(keys.MIKEY)+len(keys.Crypto) > 0 || len(h.Fingerprints) == 0 ||
		len(h.Fingerprints) > maxFingerprints || !validSetup(h.Setup) || h.TLSID != "" && !validTLSID(h.TLSID)) {
		t.Fatalf("%+v", h)
	}
	if a := keys.Addresses; len(keys.Crypto) > maxCrypto || a != nil && len(a) != 18 {
		t.Fatalf("%d lines, addresses %x", len(keys.Crypto), a)
	}
}

// ours is the server's side, with key management that goes with an offer.
func ours(d *Description) Local {
	l := Local{
		Session: &Session{id: 1}, Addr: here, Codecs: []string{"opus", "pcmu", "pcma", "l16"}, Events: true, Mux: true,
		Keys: keying.Attributes{MIKEY: []byte("R")},
	}
	keys, err := d.Attributes()
	switch {
	case err != nil:
	case keys.DTLS != nil && keys.DTLS.Setup == setupPassive:
		l.Keys = handshakeOf(setupActive)
	case keys.DTLS != nil:
		l.Keys = handshakeOf(setupPassive)
	case keys.MIKEY == nil:
		l.Keys = cryptos(crypto1)
	}
	return l
}

func fuzzAnswer(t *testing.T, d *Description) {
	l := ours(d)
	body, n, err := Answer(d, l)
	if err != nil {
		if errors.Is(err, ErrLocal) {
			t.Fatalf("an offer makes our side look wrong: %v", err)
		}
		return
	}
	if bytes.Count(body, []byte("\nm=")) != len(d.Media) {
		t.Fatalf("%d lines offered, answer:\n%s", len(d.Media), body)
	}
	back, err := Parse(body)
	if err != nil {
		t.Fatalf("answer does not parse: %v\n%s", err, body)
	}
	for i := range back.Media {
		if back.Media[i].Kind != d.Media[i].Kind || back.Media[i].Proto != d.Media[i].Proto || (back.Media[i].Port != 0) != (i == n.Index) {
			t.Fatalf("line %d:\n%s", i, body)
		}
	}
	if !n.Remote.IsValid() || n.Remote.Port() == 0 || n.Ptime < minPtime || n.Ptime > maxPtime || n.Codec.Bitrate < 0 {
		t.Fatalf("%+v", n)
	}
	if n.Send && n.Remote.Addr().IsUnspecified() {
		t.Fatal("sending nowhere")
	}
	if keys, err := back.Attributes(); err != nil || !sameKind(keys, l.Keys) {
		t.Fatalf("%s came of our keys, %v\n%s", text(keys), err, body)
	}
	l.Running = n
	if _, err := Offer(l); err != nil {
		t.Fatalf("no later offer: %v", err)
	}
}

// sameKind tells whether attributes are of the same kind and number.
func sameKind(a, b keying.Attributes) bool {
	return (a.MIKEY != nil) == (b.MIKEY != nil) && (a.DTLS != nil) == (b.DTLS != nil) && len(a.Crypto) == len(b.Crypto)
}

// FuzzComplete: no answer panics, and one that is taken goes with the offer: its profile, one of its codecs, and key management of
// its kind.
func FuzzComplete(f *testing.F) {
	for kind := range uint8(4) {
		f.Add(kind, []byte(phone(savp, mikey, "a=rtcp-mux")))
		f.Add(kind, []byte(phone(savp, crypto2)))
		f.Add(kind, []byte(phone("m=audio 4000 UDP/TLS/RTP/SAVP 96 102", "a=rtpmap:96 opus/48000/2", fingerprint256, "a=setup:active", tlsID)))
		f.Add(kind, []byte(phone("m=audio 0 RTP/SAVP 0")))
	}
	f.Fuzz(func(t *testing.T, kind uint8, answer []byte) {
		d, err := Parse(answer)
		if err != nil {
			return
		}
		both := cryptos(crypto1, crypto2)
		both.MIKEY = []byte("I")
		keys := []keying.Attributes{{MIKEY: []byte("I")}, cryptos(crypto1, crypto2), both, handshakeOf(setupActpass)}[kind%4]
		l := Local{Session: &Session{id: 1}, Addr: here, Codecs: []string{"opus", "pcmu"}, Events: true, Mux: true, Keys: keys}
		n, err := Complete(l, d)
		if err != nil {
			if len(err.Error()) > 60 || errors.Is(err, ErrLocal) {
				t.Fatal(err)
			}
			return
		}
		m := d.Media[n.Index]
		if m.Proto != l.proto() || !n.Remote.IsValid() || n.Codec.Name != "opus" && n.Codec.Name != "pcmu" {
			t.Fatalf("%+v", n)
		}
		got, err := d.Attributes()
		if len(m.Crypto) > 1 || keys.DTLS != nil && (err != nil || got.DTLS.Setup == setupActpass) || kind%4 == 1 && len(m.Crypto) != 1 {
			t.Fatalf("%v %s", err, text(got))
		}
	})
}

// FuzzFingerprint: what is read is written and read again the same.
func FuzzFingerprint(f *testing.F) {
	for _, line := range []string{fingerprint256, fingerprint1, "a=fingerprint:x 00", "a=fingerprint:md5 0"} {
		f.Add(strings.TrimPrefix(line, "a=fingerprint:"))
	}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := parseFingerprint(value)
		if err != nil {
			return
		}
		again := formatFingerprint(p)
		if !strings.EqualFold(again, value) || len(p.Value) == 0 || len(p.Value) > maxDigest {
			t.Fatalf("%q is written %q", value, again)
		}
		if q, err := parseFingerprint(again); err != nil || q.Hash != p.Hash || !bytes.Equal(q.Value, p.Value) {
			t.Fatalf("%q reads %+v %v", again, q, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(phone("a=key-mgmt:mikey "+message64, "m=audio 4000 RTP/SAVP 96 0", "a=rtpmap:96 opus/48000/2", "a=rtcp-mux"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	d, err := Parse([]byte(phone("a=key-mgmt:mikey "+message64, "m=audio 4000 RTP/SAVP 96 0", "a=rtpmap:96 opus/48000/2", "a=rtcp-mux")))
	if err != nil {
		b.Fatal(err)
	}
	l := Local{Session: &Session{id: 1}, Addr: here, Codecs: []string{"opus"}, Keys: keying.Attributes{MIKEY: make([]byte, 300)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Answer(d, l); err != nil {
			b.Fatal(err)
		}
	}
}
