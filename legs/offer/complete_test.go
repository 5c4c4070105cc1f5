package offer

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
)

// TestComplete: answers to an offer of opus, pcmu, pcma and l16 with rtcp-mux.
func TestComplete(t *testing.T) {
	opusLines := []string{"m=audio 4000 RTP/SAVP 96 102", "a=rtpmap:96 opus/48000/2", "a=rtpmap:102 telephone-event/48000"}
	tests := []struct {
		name  string
		lines []string
		want  error
		check func(n *Negotiated) bool
	}{
		{"opus", opusLines, nil, func(n *Negotiated) bool {
			return n.Codec.Name == "opus" && n.EventPT == 102 && !n.RTCPMux && n.RemoteRTCP.Port() == 4001 && n.Send && n.Receive
		}},
		{"mux", append(opusLines, "a=rtcp-mux"), nil, func(n *Negotiated) bool { return n.RTCPMux && n.RemoteRTCP == n.Remote }},
		{"several", []string{"m=audio 4000 RTP/SAVP 8 0"}, nil, func(n *Negotiated) bool { return n.Codec.Name == "pcma" && n.EventPT == 0 }},
		{"l16 at the second rate", []string{"m=audio 4000 RTP/SAVP 98", "a=rtpmap:98 L16/8000"}, nil, func(n *Negotiated) bool { return n.Codec.ClockRate == 8000 }},
		{"held", []string{"m=audio 4000 RTP/SAVP 0", "a=recvonly"}, nil, func(n *Negotiated) bool { return n.Send && !n.Receive }},
		{"the peer's packets", []string{"m=audio 4000 RTP/SAVP 0", "a=ptime:30"}, nil, func(n *Negotiated) bool { return n.Ptime == 30 }},
		{"rejected", []string{"m=audio 0 RTP/SAVP 0"}, ErrRejected, nil},
		{"two lines", []string{"m=audio 4000 RTP/SAVP 0", "m=video 0 RTP/SAVP 96"}, ErrMismatch, nil},
		{"no line", nil, ErrMismatch, nil},
		{"video", []string{"m=video 4000 RTP/SAVP 0"}, ErrMismatch, nil},
		{"another profile", []string{"m=audio 4000 RTP/SAVPF 0"}, ErrMismatch, nil},
		{"downgrade", []string{"m=audio 4000 RTP/AVP 0"}, ErrMismatch, nil},
		{"a codec that was not offered", []string{"m=audio 4000 RTP/SAVP 9"}, ErrNoCodec, nil},
		{"another type for opus", []string{"m=audio 4000 RTP/SAVP 111", "a=rtpmap:111 opus/48000/2"}, ErrNoCodec, nil},
		{"our type, another meaning", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 speex/48000/2"}, ErrNoCodec, nil},
		{"a name", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP4 x.example"}, ErrAddress, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(t)
			if _, err := Offer(l); err != nil {
				t.Fatal(err)
			}
			n, err := Complete(l, mustParse(t, phone(tt.lines...)))
			if !errors.Is(err, tt.want) || (err == nil) != (n != nil) {
				t.Fatalf("%+v %v; want %v", n, err, tt.want)
			}
			if n != nil && !tt.check(n) {
				t.Errorf("%+v", n)
			}
		})
	}
}

// TestReoffer: a later offer of the side that answered keeps codec, payload types and lines, and its answer is read.
func TestReoffer(t *testing.T) {
	server := local(t)
	_, n, err := Answer(mustParse(t, phone("m=video 4002 RTP/AVP 34", "m=audio 4000 RTP/SAVPF 111 110",
		"a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/8000", "a=rtcp-mux")), server)
	if err != nil {
		t.Fatal(err)
	}
	if n.Index != 1 || n.EventPT != 110 || n.EventRate != 8000 {
		t.Fatalf("%+v", n)
	}
	server.Running, server.Direction, server.Keys = n, SendOnly, keying.Attributes{}
	body, err := Offer(server)
	if err != nil {
		t.Fatal(err)
	}
	d := mustParse(t, string(body))
	if len(d.Media) != 2 || d.Media[0].Port != 0 || codecs(d.Media[1]) != "opus/111 telephone-event/110" || len(d.KeyMgmt) != 0 {
		t.Errorf("\n%s", body)
	}
	caller := local(t)
	caller.Addr = netip.MustParseAddrPort("198.51.100.7:4000")
	back, _, err := Answer(d, caller)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Complete(server, mustParse(t, string(back)))
	if err != nil || m.Codec.PT != 111 || m.EventPT != 110 || m.Index != 1 || !m.Send || m.Receive {
		t.Errorf("%+v %v\n%s", m, err, back)
	}
	revived := strings.Replace(string(back), "m=video 0", "m=video 4002", 1)
	if _, err := Complete(server, mustParse(t, revived)); !errors.Is(err, ErrMismatch) {
		t.Errorf("a refused line came back: %v", err)
	}
}

// TestNoMux: rtcp-mux takes both sides.
func TestNoMux(t *testing.T) {
	l := local(t)
	l.Mux, l.RTCP = false, netip.AddrPortFrom(l.Addr.Addr(), 30001)
	body, n, err := Answer(mustParse(t, phone("m=audio 4000 RTP/SAVP 0", "a=rtcp-mux", "a=rtcp:4100")), l)
	if err != nil || n.RTCPMux || n.RemoteRTCP.Port() != 4100 || strings.Contains(string(body), "rtcp-mux") || !strings.Contains(string(body), "a=rtcp:30001") {
		t.Errorf("%+v %v\n%s", n, err, body)
	}
}

func TestLocalIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Local){
		"no session":  func(l *Local) { l.Session = nil },
		"no codecs":   func(l *Local) { l.Codecs = nil },
		"no address":  func(l *Local) { l.Addr = netip.AddrPort{} },
		"no port":     func(l *Local) { l.Addr = netip.AddrPortFrom(l.Addr.Addr(), 0) },
		"big message": func(l *Local) { l.Keys.MIKEY = make([]byte, MaxMessage+1) },
	} {
		l := local(t)
		spoil(&l)
		if _, err := Offer(l); !errors.Is(err, ErrLocal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIPv6(t *testing.T) {
	l := local(t)
	l.Addr, l.RTCP = here6, netip.MustParseAddrPort("[2001:db8::2]:7")
	body, err := Offer(l)
	if err != nil || !strings.Contains(string(body), "c=IN IP6 2001:db8::1\r\n") || !strings.Contains(string(body), "a=rtcp:7 IN IP6 2001:db8::2\r\n") {
		t.Errorf("%v\n%s", err, body)
	}
	_, n, err := Answer(mustParse(t, phone("m=audio 4000 RTP/SAVP 0", "c=IN IP6 2001:db8::7")), l)
	if err != nil || n.Remote.String() != "[2001:db8::7]:4000" {
		t.Errorf("%+v %v", n, err)
	}
}

func TestRefusal(t *testing.T) {
	for _, level := range []Level{LevelSession, LevelMedia} {
		lines := []string{"m=image 4006 udptl t38", "m=audio 4000 RTP/SAVP 0"}
		if level == LevelSession {
			lines = append([]string{"a=key-mgmt:mikey " + message64}, lines...)
		} else {
			lines = append(lines, "a=key-mgmt:mikey "+message64)
		}
		body, err := Refusal(mustParse(t, phone(lines...)), netip.Addr{}, []byte("error"))
		if err != nil {
			t.Fatal(err)
		}
		d := mustParse(t, string(body))
		list := d.KeyMgmt
		if level == LevelMedia {
			list = d.Media[1].KeyMgmt
		}
		if len(d.Media) != 2 || d.Media[0].Port != 0 || d.Media[1].Port != 0 || len(list) != 1 || string(list[0].Data) != "error" {
			t.Errorf("%v:\n%s", level, body)
		}
	}
	if _, err := Refusal(&Description{}, netip.Addr{}, nil); !errors.Is(err, ErrLocal) {
		t.Error(err)
	}
}

func TestWarningOfAnythingElse(t *testing.T) {
	if code, text := Warning(errors.New("x")); code != 399 || text == "" {
		t.Error(code, text)
	}
}
