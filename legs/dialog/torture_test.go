package dialog

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// outcome is what a conference server must make of each message of RFC 4475 and RFC 5118; 0 is silence. The tests' host
// challenges REGISTER with 401, refuses a well-formed INVITE with 486, and 481 is for a dialog that is not there.
var outcome = map[string]int{
	// RFC 4475 section 3.1.1: valid.
	"wsinv": 481, "intmeth": 501, "esc01": 486, "escnull": 401, "esc02": 501, "lwsdisp": 200, "longreq": 486, "dblreq": 401,
	"semiuri": 200, "transports": 200, "mpart01": 405, "unreason": 0, "noreason": 0,
	// 3.1.2: invalid. bigcode and scalarlg are responses; baddate is ignored, as RFC 4475 allows: nothing here reads Date.
	"badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": 0, "quotbal": 400, "ltgtruri": 400,
	"lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 486, "regbadct": 400, "badaspec": 400,
	"baddn": 400, "baddn+crlf": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": 0,
	// 3.2 to 3.4. A server needs no hops (zeromf); a dialog needs a From tag, so inv2543 is refused.
	"badbranch": 200, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 401, "bext01": 420, "invut": 415,
	"regaut01": 401, "multi01": 400, "mcl01": 400, "bcast": 0, "zeromf": 200, "cparam01": 401, "cparam02": 401,
	"regescrt": 401, "sdp01": 406, "inv2543": 400, "test": 400,
	// RFC 5118; both forms of section 4.10 are tolerated.
	"ipv4-mapped-ipv6": 486, "ipv6-bad": 400, "ipv6-bug-abnf-3-colons": 200, "ipv6-correct-abnf-2-colons": 200,
	"ipv6-good": 401, "ipv6-in-sdp": 486, "mult-ip-in-header": 481, "mult-ip-in-sdp": 486, "port-ambiguous": 401,
	"port-unambiguous": 401, "via-received-param-no-delim": 200, "via-received-param-with-delim": 481,
}

func torture(t *testing.T) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	for _, dir := range []string{"rfc4475", "rfc4475-variants", "rfc5118-wire"} {
		files, err := os.ReadDir(filepath.Join("testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join("testdata", dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimSuffix(f.Name(), ".dat")] = b
		}
	}
	return out
}

func tortured(t *testing.T) *Endpoint {
	return open(t, &taker{
		admit: func(r *Request, _ *Dialog) (any, *Response) {
			if r.Method == "REGISTER" {
				return nil, &Response{Status: 401, Header: []HeaderField{{"WWW-Authenticate", `Digest realm="x", nonce="y"`}}}
			}
			return nil, nil
		},
	})
}

// sentByPort is the port that the top Via asks answers to be sent to (RFC 3261 section 18.2.2); these peers have no rport.
func sentByPort(msg []byte) int {
	for line := range strings.SplitSeq(string(msg), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if longForm(strings.TrimSpace(name)) != "via" {
			continue
		}
		fields := strings.Fields(value)
		host, _, _ := strings.Cut(fields[len(fields)-1], ";")
		if _, port, err := net.SplitHostPort(host); err == nil {
			if n, err := strconv.Atoi(port); err == nil {
				return n
			}
		}
		break
	}
	return 5060
}

// TestTortureDatagrams sends every message as one datagram, from an address of its own, so that answers without rport come
// to the port that Via names.
func TestTortureDatagrams(t *testing.T) {
	server := tortured(t)
	messages := torture(t)
	if len(messages) != 63 || len(outcome) != 63 {
		t.Fatalf("%d messages, %d outcomes", len(messages), len(outcome))
	}
	n := 0
	for name, msg := range messages {
		n++
		at := netip.AddrFrom4([4]byte{127, 75, 44, byte(n)})
		t.Run(name, func(t *testing.T) {
			c, err := net.ListenPacket("udp", netip.AddrPortFrom(at, uint16(sentByPort(msg))).String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := c.WriteTo(msg, server.Addr("udp")); err != nil {
				t.Fatal(err)
			}
			if status := finalOn(t, c, outcome[name] == 0); status != outcome[name] {
				t.Errorf("got %d, want %d", status, outcome[name])
			}
		})
	}
	// Raw line feeds are not SIP: silence, or 400 where the start line still shows a request.
	for i, name := range []string{"ipv6-good", "mult-ip-in-sdp"} {
		b, err := os.ReadFile(filepath.Join("testdata", "rfc5118", name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenPacket("udp", fmt.Sprintf("127.75.45.%d:0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.WriteTo(b, server.Addr("udp"))
		if status := finalOn(t, c, true); status != 0 && status != 400 {
			t.Errorf("%s with bare LF: %d", name, status)
		}
		_ = c.Close()
	}
	if s := server.Stats(); s.Dialogs != 0 {
		t.Errorf("%d dialogs", s.Dialogs)
	}
}

// TestTortureStreams sends every message over TCP. Framing differs there (no end of datagram), so only what must not happen
// is asserted: a panic, a dialog, or a 2xx and 486 for what a datagram gets refused for.
func TestTortureStreams(t *testing.T) {
	server := tortured(t)
	for name, msg := range torture(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, _ := overStream(t, server, "tcp", string(msg), len(msg))
			want := outcome[name]
			if status != want && status != 0 && (status < 400 || status == 486) {
				t.Errorf("got %d, want %d or a refusal", status, want)
			}
		})
	}
}

// finalOn reads the final status that arrives, 0 when none does; silence is awaited shortly.
func finalOn(t *testing.T, c net.PacketConn, silent bool) int {
	t.Helper()
	wait := 5 * time.Second
	if silent {
		wait = 150 * time.Millisecond
	}
	_ = c.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 65536)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return 0
		}
		m, err := sip.ParseMessage(buf[:n])
		res, ok := m.(*sip.Response)
		if err != nil || !ok {
			// An answer echoes what it answers; if that was broken, the status line still tells.
			f := bytes.Fields(buf[:n])
			if len(f) > 1 {
				if s, err := strconv.Atoi(string(f[1])); err == nil && s >= 200 {
					return s
				}
			}
			continue
		}
		if res.StatusCode >= 200 {
			return res.StatusCode
		}
	}
}
