package flood

import "testing"

// TestRead: responses of this run are read, anything else is passed over.
func TestRead(t *testing.T) {
	const good = "SIP/2.0 200 OK\r\nVia: x\r\nTo: <sip:r@d>;tag=T\r\nCall-ID: 7-run\r\nCSeq: 1 INVITE\r\nContact: <sip:1.2.3.4:5>;isfocus\r\n\r\nbody"
	a, ok := read([]byte(good), "run")
	if !ok || a.status != 200 || a.number != 7 || a.bye || string(a.to) != "<sip:r@d>;tag=T" || string(a.contact) != "sip:1.2.3.4:5" || string(a.body) != "body" {
		t.Errorf("%+v %v", a, ok)
	}
	busy, ok := read([]byte("SIP/2.0 503 No\r\nto: a\r\nCALL-ID: 1-run\r\nCSeq: 2 BYE\r\nRetry-After: 5\r\n\r\n"), "run")
	if !ok || !busy.bye || !busy.retry || busy.number != 1 {
		t.Errorf("%+v %v", busy, ok)
	}
	for name, text := range map[string]string{
		"no end": good[:len(good)-8], "a request": "BYE sip:x SIP/2.0\r\nTo: a\r\nCall-ID: 1-run\r\n\r\n", "nothing": "", "no number": "SIP/2.0 200 OK\r\nTo: a\r\nCall-ID: x-run\r\n\r\n",
	} {
		if a, ok := read([]byte(text), "run"); ok {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, ok := read([]byte(good), "other"); ok {
		t.Error("a call of another run was read")
	}
}

// TestQueue: timers of one length come out in their order, when they are due.
func TestQueue(t *testing.T) {
	var q queue
	for i := range 3 {
		q.push(timer{due: 2 * t1, tries: i})
	}
	if _, ok := q.pop(t1); ok {
		t.Error("a timer came early")
	}
	for i := range 3 {
		if got, ok := q.pop(2 * t1); !ok || got.tries != i {
			t.Errorf("timer %d: %+v %v", i, got, ok)
		}
	}
	if _, any := q.next(); any {
		t.Error("the queue is not empty")
	}
}
