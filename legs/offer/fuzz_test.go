package offer

import (
	"bytes"
	"net/netip"
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

func fuzzAnswer(t *testing.T, d *Description) {
	l := Local{Session: &Session{id: 1}, Addr: here, Codecs: []string{"opus", "pcmu", "pcma", "l16"}, Events: true, Mux: true, Keys: keying.Attributes{MIKEY: []byte("R")}}
	body, n, err := Answer(d, l)
	if err != nil {
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
	l.Running = n
	if _, err := Offer(l); err != nil {
		t.Fatalf("no later offer: %v", err)
	}
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
