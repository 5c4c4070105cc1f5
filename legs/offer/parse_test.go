package offer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var message64 = base64.StdEncoding.EncodeToString([]byte("hello"))

// TestParse: what a description says, by its lines.
func TestParse(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		check func(m Media) any
		want  any
	}{
		{"static types", []string{"m=audio 4000 RTP/SAVP 8 0 9 18"}, codecs, "pcma/8 pcmu/0 g722/9"},
		{"rtpmap", []string{"m=audio 4000 RTP/SAVP 111 0", "a=rtpmap:111 OPUS/48000/2"}, codecs, "opus/111 pcmu/0"},
		{"rtpmap of another type", []string{"m=audio 4000 RTP/SAVP 0", "a=rtpmap:111 opus/48000/2"}, codecs, "pcmu/0"},
		{"rtpmap redefines", []string{"m=audio 4000 RTP/SAVP 0", "a=rtpmap:0 L16/16000"}, codecs, "l16/0"},
		{"formats that are no types", []string{"m=audio 4000 RTP/SAVP 128 x 0 0 -1"}, codecs, "pcmu/0"},
		{"bitrate", []string{"m=audio 4000 RTP/SAVP 96", "a=fmtp:96 stereo=1; MaxAverageBitrate=20000;x", "a=rtpmap:96 opus/48000/2"}, bitrate, 20000},
		{"bitrate too low", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 maxaveragebitrate=1"}, bitrate, 6000},
		{"bitrate too high", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 maxaveragebitrate=2000000"}, bitrate, 510000},
		{"bitrate without digits", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 maxaveragebitrate="}, bitrate, 0},
		{"bitrate overflows", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 maxaveragebitrate=4294967297"}, bitrate, 0},
		{"FEC is wanted", []string{"m=audio 4000 RTP/SAVP 96", "a=fmtp:96 stereo=1; UseInbandFEC=1 ;x", "a=rtpmap:96 opus/48000/2"}, fec, true},
		{"FEC is of no use", []string{"m=audio 4000 RTP/SAVP 96", "a=fmtp:96 useinbandfec=0", "a=rtpmap:96 opus/48000/2"}, fec, false},
		{"FEC is not stated", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000/2"}, fec, false},
		{"FEC of another codec", []string{"m=audio 4000 RTP/SAVP 96", "a=fmtp:96 useinbandfec=1", "a=rtpmap:96 L16/8000"}, fec, false},
		{"ptime", []string{"m=audio 4000 RTP/SAVP 0", "a=ptime:40"}, ptime, 40},
		{"ptime too long", []string{"m=audio 4000 RTP/SAVP 0", "a=ptime:61"}, ptime, 0},
		{"ptime overflows", []string{"m=audio 4000 RTP/SAVP 0", "a=ptime:18446744073709551636"}, ptime, 0},
		{"ptime negative", []string{"m=audio 4000 RTP/SAVP 0", "a=ptime:-20"}, ptime, 0},
		{"address of the medium", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 2001:db8::7"}, address, "[2001:db8::7]:4000 [2001:db8::7]:4001"},
		{"mapped address", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 ::ffff:198.51.100.9"}, address, "198.51.100.9:4000 198.51.100.9:4001"},
		{"a name", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP4 phone.example"}, address, "invalid AddrPort invalid AddrPort"},
		{"a group", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP4 224.2.1.1/127"}, address, "invalid AddrPort invalid AddrPort"},
		{"a group without scope", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 ff02::1"}, address, "invalid AddrPort invalid AddrPort"},
		{"a zone", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 fe80::1%eth0"}, address, "invalid AddrPort invalid AddrPort"},
		{"broadcast", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP4 255.255.255.255"}, address, "invalid AddrPort invalid AddrPort"},
		{"family does not fit", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 198.51.100.9"}, address, "invalid AddrPort invalid AddrPort"},
		{"last port", []string{"m=audio 65535 RTP/SAVP 0"}, address, "198.51.100.7:65535 invalid AddrPort"},
		{"rtcp port", []string{"m=audio 4000 RTP/SAVP 0", "a=rtcp:5001"}, address, "198.51.100.7:4000 198.51.100.7:5001"},
		{"rtcp address", []string{"m=audio 4000 RTP/SAVP 0", "a=rtcp:5001 IN IP4 198.51.100.8"}, address, "198.51.100.7:4000 198.51.100.8:5001"},
		{"crypto is kept", []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"}, func(m Media) any { return m.Crypto[0].Line() }, "1 AES_CM_128_HMAC_SHA1_80 inline:x"},
		{"direction", []string{"a=inactive", "m=audio 4000 RTP/SAVP 0", "a=sendonly", "a=recvonly"}, func(m Media) any { return m.Direction }, RecvOnly},
		{"unknown bandwidth and key lines", []string{"m=audio 4000 RTP/SAVP 0", "b=X-YZ:nonsense", "b=AS:64", "k=clear:secret"}, codecs, "pcmu/0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, phone(tt.lines...))
			if diff := cmp.Diff(tt.want, tt.check(d.Media[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func codecs(m Media) any {
	var list []string
	for _, c := range m.Codecs {
		list = append(list, fmt.Sprintf("%s/%d", c.Name, c.PT))
	}
	return strings.Join(list, " ")
}
func bitrate(m Media) any { return m.Codecs[0].Bitrate }
func fec(m Media) any     { return m.Codecs[0].FEC }
func ptime(m Media) any   { return m.Ptime }
func address(m Media) any { return m.Addr.String() + " " + m.RTCP.String() }

// TestRefused: malformed or too large, and nothing of the text in the error.
func TestRefused(t *testing.T) {
	audio := "m=audio 4000 RTP/SAVP 0"
	tests := []struct {
		name string
		text string
		want error
	}{
		{"empty", "", ErrSyntax},
		{"no SDP", "SECRET", ErrSyntax},
		{"cut short", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\n", ErrSyntax},
		{"order", "v=0\r\ns=-\r\no=- 1 1 IN IP4 1.2.3.4\r\nt=0 0\r\n", ErrSyntax},
		{"version", strings.Replace(phone(audio), "v=0", "v=1", 1), ErrSyntax},
		{"NUL", phone(audio, "a=x:\x00SECRET"), ErrSyntax},
		{"bare CR", phone(audio, "a=x:\ra=SECRET"), ErrSyntax},
		{"no port", phone("m=audio RTP/SAVP 0"), ErrSyntax},
		{"port too high", phone("m=audio 65536 RTP/SAVP 0"), ErrSyntax},
		{"port negative", phone("m=audio -1 RTP/SAVP 0"), ErrSyntax},
		{"count of ports", phone("m=audio 4000/x RTP/SAVP 0"), ErrSyntax},
		{"no formats", phone("m=audio 4000 RTP/SAVP"), ErrSyntax},
		{"rtpmap without rate", phone(audio, "a=rtpmap:0 SECRET"), ErrSyntax},
		{"rtpmap rate", phone(audio, "a=rtpmap:0 x/99999999999"), ErrSyntax},
		{"rtpmap type", phone(audio, "a=rtpmap:300 x/8000"), ErrSyntax},
		{"rtpmap channels", phone(audio, "a=rtpmap:0 x/8000/0"), ErrSyntax},
		{"fmtp without digits", phone(audio, "a=fmtp:SECRET x"), ErrSyntax},
		{"fmtp alone", phone(audio, "a=fmtp:0"), ErrSyntax},
		{"rtcp", phone(audio, "a=rtcp:99999"), ErrSyntax},
		{"rtcp words", phone(audio, "a=rtcp:1 2"), ErrSyntax},
		{"nine media", phone(strings.Split(strings.Repeat(audio+"\n", 9), "\n")[:9]...), ErrTooLarge},
		{"65 types", phone(audio + strings.Repeat(" 0", 64)), ErrTooLarge},
		{"513 lines", phone(audio, strings.TrimSuffix(strings.Repeat("a=x\r\n", 513), "\r\n")), ErrTooLarge},
		{"17 crypto lines", phone(audio, strings.TrimSuffix(strings.Repeat("a=crypto:1 SECRET\r\n", 17), "\r\n")), ErrTooLarge},
		{"nine key-mgmt", phone(strings.TrimSuffix(strings.Repeat("a=key-mgmt:x y\r\n", 8), "\r\n"), audio, "a=key-mgmt:mikey "+message64), ErrTooLarge},
		{"key-mgmt without protocol", phone("a=key-mgmt:", audio), ErrKeyMgmt},
		{"key-mgmt with two spaces", phone("a=key-mgmt:  mikey "+message64, audio), ErrKeyMgmt},
		{"key-mgmt without data", phone("a=key-mgmt:mikey", audio), ErrKeyMgmt},
		{"key-mgmt padding", phone("a=key-mgmt:mikey "+strings.TrimRight(message64, "="), audio), ErrKeyMgmt},
		{"key-mgmt URL alphabet", phone("a=key-mgmt:mikey _-__", audio), ErrKeyMgmt},
		{"key-mgmt trailing bits", phone("a=key-mgmt:mikey aGVsbG9=", audio), ErrKeyMgmt},
		{"key-mgmt trailing words", phone("a=key-mgmt:mikey "+message64+" SECRET", audio), ErrKeyMgmt},
		{"protocol with a semicolon", phone("a=key-mgmt:mikey;x "+message64, audio), ErrKeyMgmt},
		{"4097 octets", phone("a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString(make([]byte, MaxMessage+1)), audio), ErrKeyMgmt},
		{"6000 octets", phone("a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString(make([]byte, 6000)), audio), ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error quotes the description: %v", err)
			}
		})
	}
}

// TestUnusable: well-formed descriptions that cannot be answered, with the warning that says why.
func TestUnusable(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  error
		code  int
	}{
		{"no media", nil, ErrNoAudio, 399},
		{"video", []string{"m=video 4000 RTP/SAVP 96"}, ErrNoAudio, 399},
		{"plain RTP", []string{"m=audio 4000 RTP/AVP 0"}, ErrNotSecure, 399},
		{"plain RTP with feedback", []string{"m=audio 4000 RTP/AVPF 0"}, ErrNotSecure, 399},
		{"plain RTP with crypto", []string{"m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"}, ErrNotSecure, 399},
		{"plain RTP with a fingerprint", []string{"m=audio 4000 RTP/AVP 0", fingerprint256, "a=setup:actpass"}, ErrNotSecure, 399},
		{"DTLS over TCP", []string{"m=audio 4000 TCP/TLS/RTP/SAVP 0"}, ErrProfile, 399},
		{"DTLS without a fingerprint", []string{"m=audio 4000 UDP/TLS/RTP/SAVP 0", "a=setup:actpass"}, ErrFingerprint, 306},
		{"DTLS without a role", []string{"m=audio 4000 UDP/TLS/RTP/SAVP 0", fingerprint256}, ErrSetup, 306},
		{"profile in lower case", []string{"m=audio 4000 rtp/savp 0"}, ErrProfile, 399},
		{"port 0", []string{"m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 0"}, ErrDisabled, 399},
		{"no codec", []string{"m=audio 4000 RTP/SAVP 18 3"}, ErrNoCodec, 305},
		{"mono Opus", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 opus/48000"}, ErrNoCodec, 305},
		{"stereo L16", []string{"m=audio 4000 RTP/SAVP 96", "a=rtpmap:96 L16/16000/2"}, ErrNoCodec, 305},
		{"L16 at 44100", []string{"m=audio 4000 RTP/SAVP 11", "a=rtpmap:11 L16/44100"}, ErrNoCodec, 305},
		{"events only", []string{"m=audio 4000 RTP/SAVP 101", "a=rtpmap:101 telephone-event/8000"}, ErrNoCodec, 305},
		{"packets of 10 ms", []string{"m=audio 4000 RTP/SAVP 0", "a=maxptime:10"}, ErrPtime, 305},
		{"a name", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP4 phone.example"}, ErrAddress, 399},
		{"another family", []string{"m=audio 4000 RTP/SAVP 0", "c=IN IP6 2001:db8::7"}, ErrAddress, 399},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(t)
			body, n, err := Answer(mustParse(t, phone(tt.lines...)), l)
			if !errors.Is(err, tt.want) || body != nil || n != nil && n.Codec.Name == "" && err == nil {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			code, text := Warning(err)
			if code != tt.code || text == "" || errors.Is(err, ErrNotSecure) && !strings.Contains(text, "RTP/SAVP needed") {
				t.Errorf("warning %d %q", code, text)
			}
		})
	}
}

// TestMIKEY: which message applies (RFC 4567 section 4.1.1), and the list against bidding down (4.1.4).
func TestMIKEY(t *testing.T) {
	audio, a, b := "m=audio 4000 RTP/SAVP 0", "a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString([]byte("A")),
		"a=key-mgmt:mikey "+base64.StdEncoding.EncodeToString([]byte("B"))
	tests := []struct {
		name    string
		lines   []string
		message string
		level   Level
		ids     string
		err     error
	}{
		{"session", []string{a, audio}, "A", LevelSession, "mikey", nil},
		{"one space before", []string{strings.Replace(a, ":", ": ", 1), audio}, "A", LevelSession, "mikey", nil},
		{"media", []string{audio, a}, "A", LevelMedia, "mikey", nil},
		{"media beats session", []string{b, audio, a}, "A", LevelMedia, "mikey;mikey", nil},
		{"another medium's", []string{a, audio, "m=video 4002 RTP/SAVP 96", b}, "A", LevelSession, "mikey;mikey", nil},
		{"beside another protocol", []string{"a=key-mgmt:keyp1 727gkdOshs", a, audio}, "A", LevelSession, "keyp1;mikey", nil},
		{"none", []string{audio}, "", LevelSession, "", ErrNoKeyMgmt},
		{"only another medium's", []string{audio, "m=video 4002 RTP/SAVP 96", b}, "", LevelSession, "mikey", ErrNoKeyMgmt},
		{"several", []string{a, b, audio}, "", LevelSession, "mikey;mikey", ErrSeveralKeyMgmt},
		{"the same twice", []string{audio, a, a}, "", LevelMedia, "mikey;mikey", ErrSeveralKeyMgmt},
		{"another protocol", []string{"a=key-mgmt:keyp1 727gkdOshs", audio}, "", LevelSession, "keyp1", ErrKeyMgmtProtocol},
		{"upper case is another protocol", []string{strings.Replace(a, "mikey", "MIKEY", 1), audio}, "", LevelSession, "MIKEY", ErrKeyMgmtProtocol},
		{"media's other protocol hides the session's", []string{a, audio, "a=key-mgmt:keyp1 x"}, "", LevelMedia, "mikey;keyp1", ErrKeyMgmtProtocol},
		{"plain RTP", []string{a, "m=audio 4000 RTP/AVP 0"}, "", LevelSession, "mikey", ErrNotSecure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, phone(tt.lines...))
			message, level, err := d.MIKEY()
			if string(message) != tt.message || level != tt.level || !errors.Is(err, tt.err) {
				t.Errorf("%q %v %v", message, level, err)
			}
			if d.SDPIDs() != tt.ids {
				t.Errorf("ids %q, want %q", d.SDPIDs(), tt.ids)
			}
		})
	}
}

func TestCryptoDoesNotPrint(t *testing.T) {
	c := mustParse(t, phone("m=audio 4000 RTP/SAVP 0", "a=crypto:1 X inline:SECRET")).Media[0].Crypto[0]
	text := fmt.Sprintf("%v %+v %#v %s", c, c, c, c) + slog.AnyValue(c).Resolve().String()
	if strings.Contains(text, "SECRET") {
		t.Error(text)
	}
}

func TestBareLineFeeds(t *testing.T) {
	text := strings.TrimSuffix(strings.ReplaceAll(phone("m=audio 4000 RTP/SAVP 0", "a=ptime:30"), "\r", ""), "\n")
	if m := mustParse(t, text).Media[0]; m.Ptime != 30 || m.Addr.Port() != 4000 {
		t.Errorf("%+v", m)
	}
}

func TestAddr(t *testing.T) {
	for want, lines := range map[string][]string{
		"198.51.100.7:4000":  {"m=audio 4000 RTP/SAVP 0"},
		"[2001:db8::7]:4002": {"m=video 4000 RTP/SAVP 96", "m=audio 4002 RTP/SAVP 0", "c=IN IP6 2001:db8::7"},
		"0.0.0.0:4000":       {"m=audio 4000 RTP/SAVP 0", "c=IN IP4 0.0.0.0"},
		"invalid AddrPort":   {"m=audio 4000 RTP/SAVP 0", "c=IN IP4 phone.example"},
	} {
		if got := mustParse(t, phone(lines...)).Addr().String(); got != want {
			t.Errorf("%q: %s, want %s", lines, got, want)
		}
	}
	if got := mustParse(t, phone("m=video 4000 RTP/SAVP 96")).Addr(); got.IsValid() {
		t.Errorf("no audio: %s", got)
	}
}
