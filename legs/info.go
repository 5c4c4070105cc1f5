package legs

import (
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// The bodies of INFO that tell of a key, as phones send them that know no telephone-event. No RFC has them: they are the legacy use that
// RFC 6086 section 9.1 leaves to both sides.
const (
	relayType = "application/dtmf-relay" // Signal=5, and how long it was held on a line of its own
	dtmfType  = "application/dtmf"       // 5
)

// What became of an INFO that has a body (Line.OnInfo): a closed set.
const (
	InfoTaken     = "taken"
	InfoTwice     = "twice"     // the key comes another way too
	InfoMalformed = "malformed" // 400
	InfoForeign   = "foreign"   // 415, 469: nothing that we know
)

// InfoResults lists them.
func InfoResults() []string { return []string{InfoTaken, InfoTwice, InfoMalformed, InfoForeign} }

// informed takes an INFO. One without a body is an old way to ask whether somebody is there.
func (l *Leg) informed(ev dialog.Event) {
	if len(ev.Request.Header("info-package")) > 0 {
		ev.Reply(dialog.Response{Status: 469, Header: []dialog.HeaderField{{Name: "Recv-Info", Value: ""}}}) // RFC 6086 section 4.2.2
		l.toldInfo(InfoForeign)
		return
	}
	if len(ev.Request.Body) == 0 {
		ev.Reply(dialog.Response{Status: 200})
		return
	}
	signal, known := infoSignal(ev.Request.ContentType, ev.Request.Body)
	if !known {
		ev.Reply(dialog.Response{Status: 415, Header: []dialog.HeaderField{{Name: "Accept", Value: relayType + ", " + dtmfType}}})
		l.toldInfo(InfoForeign)
		return
	}
	key, ok := keyOf(signal)
	if !ok {
		ev.Reply(dialog.Response{Status: 400})
		l.toldInfo(InfoMalformed)
		return
	}
	ev.Reply(dialog.Response{Status: 200}) // before the owner, who may take a while
	result := InfoTaken
	if !l.press(keysByInfo, key) {
		result = InfoTwice
	}
	l.toldInfo(result)
}

func (l *Leg) toldInfo(result string) {
	if l.line.OnInfo != nil {
		l.line.OnInfo(l, result)
	}
}

// infoSignal reads what was pressed out of a body; known says that it is of a type that tells of keys. What cannot be is "".
func infoSignal(contentType string, body []byte) (signal string, known bool) {
	if contentType != relayType && contentType != dtmfType {
		return "", false
	}
	if len(body) > maxInfoBody {
		return "", true
	}
	text := strings.TrimSpace(string(body))
	if contentType == dtmfType {
		return text, true
	}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(line, "=")
		switch {
		case !found:
			return "", true
		case !strings.EqualFold(strings.TrimSpace(name), "Signal"): // Duration: a key is one key, however long it was held
		case signal != "":
			return "", true
		default:
			signal = strings.TrimSpace(value)
		}
	}
	return signal, true
}

// keySymbols are the keys by event code (RFC 4733 section 3.2), by which some phones name * and #.
const keySymbols = "0123456789*#ABCD"

// keyOf is the key of a signal: the key itself, or its event code where that has two digits.
func keyOf(signal string) (key byte, ok bool) {
	switch len(signal) {
	case 1:
		if at := strings.Index(keySymbols, strings.ToUpper(signal)); at >= 0 {
			return keySymbols[at], true
		}
	case 2:
		code, err := strconv.ParseUint(signal, 10, 8)
		if err == nil && code >= 10 && int(code) < len(keySymbols) {
			return keySymbols[code], true
		}
	}
	return 0, false
}

// keyWay is how the peer tells of the keys that are pressed.
type keyWay uint8

const (
	keysByMedia keyWay = iota + 1 // telephone-event
	keysByInfo
)

// press tells the owner of a key. A phone may tell of each both ways, one as the key goes down and the other as it comes up: where the last
// one came one way, what comes the other way is the same key, and is left out (false).
func (l *Leg) press(by keyWay, key byte) bool {
	now := time.Now()
	if l.keysBy != by && now.Sub(l.keyAt) < oneWay {
		return false
	}
	l.keysBy, l.keyAt = by, now
	l.owner.Pressed(l, key)
	return true
}
