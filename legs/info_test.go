package legs

import (
	"strings"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// TestInfoBodies: what phones send for a key, and what nobody is to send.
func TestInfoBodies(t *testing.T) {
	const relay, plain = "application/dtmf-relay", "application/dtmf"
	for name, c := range map[string]struct {
		media, body string
		status      int
		key         byte // 0: none
	}{
		"of Cisco":            {relay, "Signal=5\r\nDuration=160\r\n", 200, '5'},
		"with blanks":         {relay, "Signal= 1 \r\nDuration= 250\r\n", 200, '1'},
		"without its end":     {relay, "signal=0", 200, '0'},
		"the other order":     {relay, "Duration=100\nSignal=#\n", 200, '#'},
		"a star":              {relay, "Signal=*\r\n", 200, '*'},
		"a star by code":      {relay, "Signal=10\r\n", 200, '*'},
		"a hash by code":      {relay, "Signal=11\r\n", 200, '#'},
		"D by code":           {relay, "Signal=15\r\n", 200, 'D'},
		"a small letter":      {relay, "Signal=b\r\n", 200, 'B'},
		"a key alone":         {plain, "7", 200, '7'},
		"a key and a line":    {plain, "*\r\n", 200, '*'},
		"a key by code":       {plain, "11", 200, '#'},
		"flash":               {relay, "Signal=16\r\n", 400, 0},
		"an exclamation":      {plain, "!", 400, 0},
		"two keys":            {plain, "12", 200, 'A'}, // the code, as everybody reads it
		"three keys":          {plain, "123", 400, 0},
		"two signals":         {relay, "Signal=1\r\nSignal=2\r\n", 400, 0},
		"no signal":           {relay, "Duration=160\r\n", 400, 0},
		"an empty signal":     {relay, "Signal=\r\n", 400, 0},
		"no line":             {relay, "5", 400, 0},
		"a leading nought":    {relay, "Signal=05\r\n", 400, 0},
		"a sign":              {plain, "+9", 400, 0},
		"below nought":        {plain, "-1", 400, 0},
		"beyond the code":     {plain, "99", 400, 0},
		"a control character": {plain, "\x00", 400, 0},
		"no ASCII":            {plain, "\xe9", 400, 0},
		"letters of Unicode":  {plain, "\uff15", 400, 0},
		"blanks":              {plain, "   ", 400, 0},
		"too long":            {plain, strings.Repeat(" ", maxInfoBody) + "1", 400, 0},
		"text":                {"text/plain", "5", 415, 0},
		"media control":       {"application/media_control+xml", "<media_control/>", 415, 0},
		"no type":             {"", "5", 415, 0},
	} {
		signal, known := infoSignal(c.media, []byte(c.body))
		key, ok := keyOf(signal)
		switch {
		case known != (c.status != 415), known && ok != (c.status == 200), ok && known && key != c.key:
			t.Errorf("%s: %q, known %v, key %q %v", name, signal, known, key, ok)
		}
	}
}

// TestInfo: over the wire; each body is answered, and a key reaches the owner once.
func TestInfo(t *testing.T) {
	results := make(chan string, 8)
	w := newWorld(t)
	w.answering.line.OnInfo = func(_ *Leg, result string) { results <- result }
	c := w.call(w.outgoing(keying.MIKEYPSK))
	for _, x := range []struct {
		media, body, result string
		header              []dialog.HeaderField
		status              int
		field, value        string // of the answer
	}{
		{"", "", "", nil, 200, "", ""},
		{relayType, "Signal=5\r\nDuration=160\r\n", InfoTaken, nil, 200, "", ""},
		{dtmfType, "x", InfoMalformed, nil, 400, "", ""},
		{"text/plain", "5", InfoForeign, nil, 415, "Accept", relayType + ", " + dtmfType},
		{dtmfType, "5", InfoForeign, []dialog.HeaderField{{Name: "Info-Package", Value: "dtmf"}}, 469, "Recv-Info", ""},
		{dtmfType, "#", InfoTaken, nil, 200, "", ""},
	} {
		res, err := c.caller.Dialog().Send(within(t), "INFO", x.header, x.media, []byte(x.body))
		if err != nil || res.Status != x.status {
			t.Errorf("%s %q: %+v, %v; want %d", x.media, x.body, res, err, x.status)
			continue
		}
		if x.field != "" {
			if v := res.Values(x.field); len(v) != 1 || v[0] != x.value {
				t.Errorf("%s %q: %s is %q, want %q", x.media, x.body, x.field, v, x.value)
			}
		}
		if x.result != "" {
			if result := got(t, results, "result"); result != x.result {
				t.Errorf("%s %q: %s, want %s", x.media, x.body, result, x.result)
			}
		}
	}
	for _, want := range "5#" {
		if key := got(t, c.calleeOwner.pressed, "key"); key != byte(want) {
			t.Errorf("pressed %q, want %q", key, want)
		}
	}
	if len(c.calleeOwner.pressed) > 0 {
		t.Error("a key was told twice")
	}
}

// TestKeysComeOneWay: what a phone tells both ways is one key; who goes over to the other way for good is heard again.
func TestKeysComeOneWay(t *testing.T) {
	o := newOwner(t)
	l := &Leg{owner: o}
	for i, by := range []keyWay{keysByMedia, keysByInfo, keysByMedia, keysByMedia, keysByInfo, keysByInfo} {
		if took := l.press(by, '4'); took != (by == keysByMedia) {
			t.Errorf("key %d: %v", i, took)
		}
	}
	l.keyAt = l.keyAt.Add(-oneWay - time.Second)
	if !l.press(keysByInfo, '1') || l.press(keysByMedia, '1') {
		t.Error("the other way is not heard after a while, or both are")
	}
	if len(o.pressed) != 4 {
		t.Errorf("%d keys were told, want 4", len(o.pressed))
	}
}
