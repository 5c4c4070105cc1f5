package mikey

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// gstreamer runs loadtest/interop/testdata/gstmikey.c, which .ci/interop compiles and names in $INTEROP_GSTMIKEY: requests in,
// answers out, a line each.
func gstreamer(t *testing.T, requests []string) []string {
	t.Helper()
	program := os.Getenv("INTEROP_GSTMIKEY")
	if program == "" {
		t.Skip("there is no GStreamer: make interop compiles its judge and runs this")
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, program)
	cmd.Stdin = strings.NewReader(strings.Join(requests, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v, after %q", program, err, out[max(0, len(out)-200):])
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	return answers
}

// text is a sub-payload as gstmikey.c writes it.
func (k keyData) text() string {
	a, b := k.validity.spi, []byte(nil)
	if k.validity.kind == kvInterval {
		a, b = k.validity.from, k.validity.to
	}
	return fmt.Sprintf("%d/%x/%x/%d/%x/%x", k.typ, k.key, k.salt, k.validity.kind, a, b)
}

// gstreamerCSB is the CSB ID of all messages here.
const gstreamerCSB = 0xC0FFEE01

// unprotected assembles what no product may send: a PSK I_MESSAGE whose KEMAC has NULL encryption and a NULL MAC, without identities,
// around key data sub-payloads in the clear. It has T, RAND and KEMAC only, because GStreamer 1.22 never gets past others.
func unprotected(data []byte) []byte {
	return assemble(header{typ: TypePSKInit, csbID: gstreamerCSB, count: 1, sessions: []Session{{SSRC: 0x01020304}}}, []payload{
		timestampPayload{NewTimestamp(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))}, randPayload{bytes.Repeat([]byte{0xA5}, 16)},
		kemacPayload{encr: kemacNULL, data: data, alg: macNULL},
	})
}

// chained writes sub-payloads one after the other.
func chained(keys []keyData) (b []byte) {
	for i, k := range keys {
		next := PayloadKeyData
		if i == len(keys)-1 {
			next = PayloadLast
		}
		b = k.append(b, next)
	}
	return b
}

// gstreamerCases are key data sub-payloads of every type that GStreamer has, with each kind of validity.
func gstreamerCases() (all [][]keyData) {
	octets := func(n, from int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*7 + from)
		}
		return b
	}
	validities := []validity{
		{}, {kind: kvSPI, spi: octets(1, 0)}, {kind: kvSPI, spi: octets(4, 0xF0)}, {kind: kvSPI, spi: octets(128, 3)}, {kind: kvSPI, spi: octets(255, 9)},
		{kind: kvInterval, from: octets(6, 0), to: octets(6, 0x80)}, {kind: kvInterval, from: octets(2, 1), to: octets(6, 2)},
	}
	lengths := []struct{ key, salt int }{{16, 14}, {16, 12}, {32, 14}, {32, 12}, {46, 1}, {192, 255}, {384, 256}, {1, 1}}
	for _, v := range validities {
		for _, n := range lengths {
			for _, typ := range []KeyType{KeyTGK, KeyTGKSalt, KeyTEK, KeyTEKSalt} {
				k := keyData{typ: typ, key: octets(n.key, int(typ)), validity: v}
				if typ.hasSalt() {
					k.salt = octets(n.salt, 0x40)
				}
				all = append(all, []keyData{k})
			}
		}
	}
	one, two := all[5][0], all[len(all)-3][0]
	return append(all, []keyData{one, two}, []keyData{two, one, one})
}

// TestGStreamerReadsOurKeyData: we write, GStreamer reads, octet for octet. Out of what is cut short neither of us gets a key: we refuse
// the message, GStreamer drops the sub-payload silently.
func TestGStreamerReadsOurKeyData(t *testing.T) {
	var requests, want []string
	noKey, cut := fmt.Sprintf("0 %08x", uint32(gstreamerCSB)), 0
	for _, keys := range gstreamerCases() {
		data, text := chained(keys), noKey
		for _, k := range keys {
			text += " " + k.text()
		}
		requests, want = append(requests, "read "+hex.EncodeToString(unprotected(data))), append(want, text)
	}
	whole := len(requests)
	for _, keys := range gstreamerCases()[:8] {
		data := chained(keys)
		for n := 1; n < len(data); n++ {
			if _, err := parseKeyData(data[:n]); err == nil {
				t.Errorf("we take %x", data[:n])
			}
			requests, want = append(requests, "read "+hex.EncodeToString(unprotected(data[:n]))), append(want, noKey)
			cut++
		}
	}
	for i, got := range gstreamer(t, requests) {
		if got != want[i] && (want[i] != noKey || !strings.HasPrefix(got, "error ")) {
			t.Errorf("%s\n got %s\nwant %s", requests[i], got, want[i])
		}
	}
	if !t.Failed() {
		fmt.Printf("ok    GStreamer reads the key data that we wrote: %d messages octet for octet, %d cut short that give neither of us a key\n", whole, cut)
	}
}

// TestWeReadGStreamersKeyData: GStreamer writes, we read, octet for octet; and what it wrote is what we write.
func TestWeReadGStreamersKeyData(t *testing.T) {
	var requests []string
	for _, keys := range gstreamerCases() {
		r := fmt.Sprintf("write %08x", uint32(gstreamerCSB))
		for _, k := range keys {
			r += " " + k.text()
		}
		requests = append(requests, r)
	}
	answers := gstreamer(t, requests)
	for i, keys := range gstreamerCases() {
		raw, err := hex.DecodeString(answers[i])
		if err != nil {
			t.Fatalf("%s\n %s", requests[i], answers[i])
		}
		m, err := Parse(raw)
		if err != nil {
			t.Errorf("%s\n %x: %v", requests[i], raw, err)
			continue
		}
		k, _ := find[kemacPayload](m)
		got, err := parseKeyData(k.data)
		if err != nil || m.CSBID() != gstreamerCSB || k.encr != kemacNULL || k.alg != macNULL || len(got) != len(keys) {
			t.Errorf("%s\n %x: %d keys, %v", requests[i], raw, len(got), err)
			continue
		}
		for n := range keys {
			if got[n].text() != keys[n].text() {
				t.Errorf("got %s, want %s", got[n].text(), keys[n].text())
			}
		}
		if ours := chained(keys); !bytes.Equal(ours, k.data) {
			t.Errorf("GStreamer wrote %x, we write %x", k.data, ours)
		}
		if !bytes.Equal(m.Marshal(), raw) {
			t.Errorf("%x does not marshal to itself", raw)
		}
		if _, err := AuthenticatePSK(m, bytes.Repeat([]byte{7}, 32), nil); err == nil {
			t.Error("a message without protection authenticates")
		}
	}
	if !t.Failed() {
		fmt.Printf("ok    we read the key data that GStreamer wrote: %d messages octet for octet, each the octets that we write; none authenticates\n", len(requests))
	}
}
