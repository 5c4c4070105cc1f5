package offer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/conclave/conclave/keying"
)

var (
	here  = netip.MustParseAddrPort("192.0.2.1:20000")
	here6 = netip.MustParseAddrPort("[2001:db8::1]:20000")
)

// local is the server's side in most tests.
func local(t *testing.T) Local {
	t.Helper()
	s, err := NewSession(bytes.NewReader([]byte{0xff, 2, 3, 4, 5, 6, 7, 8}))
	if err != nil {
		t.Fatal(err)
	}
	return Local{
		Session: s, Addr: here, Codecs: []string{"opus", "pcmu", "pcma", "l16"}, Events: true, Mux: true,
		Keys: keying.Attributes{MIKEY: []byte("a MIKEY message")},
	}
}

// phone is a description as a phone writes it, with the lines given after the session level.
func phone(lines ...string) string {
	head := []string{"v=0", "o=- 7 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0"}
	return strings.Join(append(head, lines...), "\r\n") + "\r\n"
}

func mustParse(t *testing.T, text string) *Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return d
}

func TestOfferAnswerComplete(t *testing.T) {
	for _, level := range []Level{LevelSession, LevelMedia} {
		caller, server := local(t), local(t)
		caller.Addr, caller.KeyLevel, caller.Keys.MIKEY = netip.MustParseAddrPort("198.51.100.7:4000"), level, []byte("I_MESSAGE")
		body, err := Offer(caller)
		if err != nil {
			t.Fatal(err)
		}
		remote := mustParse(t, string(body))
		message, at, err := remote.MIKEY()
		if err != nil || string(message) != "I_MESSAGE" || at != level || remote.SDPIDs() != "mikey" {
			t.Fatalf("MIKEY() = %q %v %v, ids %q", message, at, err, remote.SDPIDs())
		}
		answer, n, err := Answer(remote, server)
		if err != nil {
			t.Fatal(err)
		}
		want := &Negotiated{
			Codec:   Codec{Name: "opus", PT: 96, ClockRate: 48000, Channels: 2, Fmtp: n.Codec.Fmtp, Bitrate: 32000, FEC: true},
			EventPT: 102, EventRate: 48000, Remote: caller.Addr, RemoteRTCP: caller.Addr, RTCPMux: true,
			Send: true, Receive: true, Ptime: 20, Lines: []Line{{"audio", "RTP/SAVP", "96"}},
		}
		if d := diff(want, n); d != "" {
			t.Errorf("answerer: %s", d)
		}
		back := mustParse(t, string(answer))
		if _, at, err := back.MIKEY(); err != nil || at != level {
			t.Errorf("answer's key-mgmt at %v, %v; want %v", at, err, level)
		}
		m, err := Complete(caller, back)
		if err != nil {
			t.Fatal(err)
		}
		want.Remote, want.RemoteRTCP, want.Lines = server.Addr, server.Addr, m.Lines
		if d := diff(want, m); d != "" {
			t.Errorf("offerer: %s", d)
		}
	}
}

func diff(want, got *Negotiated) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }))
}

func TestOfferText(t *testing.T) {
	l := local(t)
	l.RTCP = netip.MustParseAddrPort("192.0.2.1:30001")
	got, err := Offer(l)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"v=0", "o=conclave 4593813186356019650 1 IN IP4 192.0.2.1", "s=conclave", "c=IN IP4 192.0.2.1", "t=0 0",
		"a=key-mgmt:mikey " + base64.StdEncoding.EncodeToString([]byte("a MIKEY message")),
		"m=audio 20000 RTP/SAVP 96 0 8 97 98 102 101",
		"a=rtpmap:96 opus/48000/2",
		"a=fmtp:96 useinbandfec=1;cbr=1;usedtx=0;stereo=0;sprop-stereo=0;maxaveragebitrate=32000",
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:97 L16/16000", "a=rtpmap:98 L16/8000",
		"a=rtpmap:102 telephone-event/48000", "a=fmtp:102 0-15",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15",
		"a=ptime:20", "a=maxptime:20", "a=sendrecv", "a=rtcp-mux", "a=rtcp:30001", "",
	}, "\r\n")
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestVersionRises(t *testing.T) {
	l := local(t)
	remote := mustParse(t, phone("m=audio 4000 RTP/SAVP 0"))
	last := uint64(0)
	for range 3 {
		body, _, err := Answer(remote, l)
		if err != nil {
			t.Fatal(err)
		}
		d := mustParse(t, string(body))
		if d.Origin.Version <= last || d.Origin.SessionID != 4593813186356019650 {
			t.Fatalf("version %d after %d, id %d", d.Origin.Version, last, d.Origin.SessionID)
		}
		last = d.Origin.Version
	}
}

func TestDirections(t *testing.T) {
	tests := []struct {
		name          string
		lines         []string
		want          Direction
		send, receive bool
		attribute     string
	}{
		{"default", nil, SendRecv, true, true, "a=sendrecv"},
		{"peer holds", []string{"a=sendonly"}, SendRecv, false, true, "a=recvonly"},
		{"peer listens", []string{"a=recvonly"}, SendRecv, true, false, "a=sendonly"},
		{"inactive", []string{"a=inactive"}, SendRecv, false, false, "a=inactive"},
		{"we hold", nil, SendOnly, true, false, "a=sendonly"},
		{"both hold", []string{"a=sendonly"}, SendOnly, false, false, "a=inactive"},
		{"old hold", []string{"c=IN IP4 0.0.0.0"}, SendRecv, false, true, "a=sendrecv"},
		{"old hold, inactive", []string{"c=IN IP4 0.0.0.0", "a=inactive"}, SendRecv, false, false, "a=inactive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(t)
			l.Direction = tt.want
			body, n, err := Answer(mustParse(t, phone(append([]string{"m=audio 4000 RTP/SAVP 0"}, tt.lines...)...)), l)
			if err != nil {
				t.Fatal(err)
			}
			if n.Send != tt.send || n.Receive != tt.receive || !strings.Contains(string(body), tt.attribute) {
				t.Errorf("send %v receive %v\n%s", n.Send, n.Receive, body)
			}
		})
	}
	t.Run("session level", func(t *testing.T) {
		_, n, err := Answer(mustParse(t, phone("a=sendonly", "m=audio 4000 RTP/SAVP 0")), local(t))
		if err != nil || n.Send || !n.Receive {
			t.Errorf("%+v %v", n, err)
		}
	})
}

func TestAnswerRefusesOtherMediaInPlace(t *testing.T) {
	remote := mustParse(t, phone(
		"m=audio 4000 RTP/AVP 0",
		"m=video 4002 UDP/TLS/RTP/SAVPF 120 121",
		"m=audio 4004 RTP/SAVPF 0",
		"m=image 4006 udptl t38",
		"m=audio 4008 RTP/SAVP 0"))
	body, n, err := Answer(remote, local(t))
	if err != nil {
		t.Fatal(err)
	}
	if n.Index != 2 || n.Remote.Port() != 4004 || len(n.Lines) != 5 {
		t.Errorf("%+v", n)
	}
	var got []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "m=") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		"m=audio 0 RTP/AVP 0", "m=video 0 UDP/TLS/RTP/SAVPF 120", "m=audio 20000 RTP/SAVPF 0", "m=image 0 udptl t38",
		"m=audio 0 RTP/SAVP 0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// A later offer of ours keeps the lines.
	l := local(t)
	l.Running = n
	body, err = Offer(l)
	if err != nil {
		t.Fatal(err)
	}
	again := mustParse(t, string(body))
	if len(again.Media) != 5 || again.Media[2].Port != 20000 || again.Media[2].Proto != "RTP/SAVPF" ||
		again.Media[0].Port != 0 || len(again.Media[2].Codecs) != 1 {
		t.Errorf("re-offer:\n%s", body)
	}
}

func TestSixteenKiB(t *testing.T) {
	text := phone("m=audio 4000 RTP/SAVP 0")
	text += "a=x:" + strings.Repeat("x", MaxSize-len(text)-4)
	mustParse(t, text)
	if _, err := Parse([]byte(text + "x")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("err = %v", err)
	}
}
