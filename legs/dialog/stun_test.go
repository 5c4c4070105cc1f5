package dialog

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// unhex reads hex with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	stunAsk = "0001 0000 2112a442 b7e7a701bc34d686fa87dfae"
	// RFC 5769 sections 2.2 and 2.3: the address 192.0.2.1, or 2001:db8:1234:5678:11:2233:4455:6677, port 32853, in answers to that
	// transaction ID; without the other attributes that are in those answers.
	stunFour = "0101 000c 2112a442 b7e7a701bc34d686fa87dfae 0020 0008 0001 a147 e112a643"
	stunSix  = "0101 0018 2112a442 b7e7a701bc34d686fa87dfae 0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9"
)

func TestBindingAnswers(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:32853": stunFour, "[::ffff:192.0.2.1]:32853": stunFour, "[2001:db8:1234:5678:11:2233:4455:6677]:32853": stunSix,
	} {
		if answer := bound(unhex(t, stunAsk), netip.MustParseAddrPort(from)); !slices.Equal(answer, unhex(t, want)) {
			t.Errorf("%s: %x", from, answer)
		}
	}
	for name, c := range map[string]struct {
		request string
		want    bool
	}{
		"plain":                {stunAsk, true},
		"software":             {"0001 000c 2112a442 b7e7a701bc34d686fa87dfae 8022 0005 7068 6f6e 65000000", true},
		"fingerprint":          {"0001 0008 2112a442 b7e7a701bc34d686fa87dfae 8028 0004 00000000", true},
		"user name":            {"0001 0008 2112a442 b7e7a701bc34d686fa87dfae 0006 0004 61626364", false},
		"change request":       {"0001 0008 2112a442 b7e7a701bc34d686fa87dfae 0003 0004 00000006", false},
		"no cookie":            {"0001 0000 2112a443 b7e7a701bc34d686fa87dfae", false},
		"indication":           {"0011 0000 2112a442 b7e7a701bc34d686fa87dfae", false},
		"an answer":            {stunFour, false},
		"allocate":             {"0003 0000 2112a442 b7e7a701bc34d686fa87dfae", false},
		"short":                {"0001 0000 2112a442 b7e7a701bc34d686fa87df", false},
		"wrong length":         {"0001 0004 2112a442 b7e7a701bc34d686fa87dfae", false},
		"octets behind":        {stunAsk + "00000000", false},
		"uneven":               {"0001 0002 2112a442 b7e7a701bc34d686fa87dfae 8022", false},
		"attribute cut":        {"0001 0004 2112a442 b7e7a701bc34d686fa87dfae 8022 0004", false},
		"attribute of 64 KiB":  {"0001 0004 2112a442 b7e7a701bc34d686fa87dfae 8022 ffff", false},
		"nothing":              {"", false},
		"a request of another": {hex.EncodeToString([]byte("OPTIONS sip:a@b SIP/2.0\r\n\r\n")), false},
	} {
		if binding(unhex(t, c.request)) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}

// TestKeepAliveOverUDP: a device is told its address by the server's SIP port, within the budget of its source, and what is no binding
// request has no answer.
func TestKeepAliveOverUDP(t *testing.T) {
	const perSecond = 3
	server := open(t, &taker{}, func(c *Config) { c.RequestsPerSource = perSecond })
	p := newPeer(t, server)
	buf := make([]byte, 1500)
	ask := func(request string) []byte {
		t.Helper()
		p.send(string(unhex(t, request)))
		_ = p.c.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, _, err := p.c.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return buf[:n]
	}
	if answer := ask(stunAsk); !slices.Equal(answer, bound(unhex(t, stunAsk), addrPort(p.c.LocalAddr()))) {
		t.Errorf("answer %x", answer)
	}
	p.send(string(unhex(t, stunFour))) // not answered: what comes next is the answer to what follows
	other := strings.Replace(stunAsk, "b7e7", "0000", 1)
	if answer := ask(other); !slices.Equal(answer, bound(unhex(t, other), addrPort(p.c.LocalAddr()))) {
		t.Errorf("answer %x", answer)
	}
	sent, before := 0, server.Stats().OverBudget
	for ; server.Stats().OverBudget == before && sent < 100*perSecond*dialogFactor*burstSeconds; sent++ {
		p.send(string(unhex(t, stunAsk)))
	}
	if server.Stats().OverBudget == before {
		t.Errorf("%d requests in a row were within the budget", sent)
	}
}
