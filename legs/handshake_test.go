package legs

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
)

// TestWrongFingerprint: somebody on the way put another certificate's fingerprint into the offer. The handshake comes to nothing, no
// media passes, and the legs end.
func TestWrongFingerprint(t *testing.T) {
	t.Parallel()
	value := regexp.MustCompile(`(?i)(a=fingerprint:sha-256 )([0-9A-F:]+)`)
	w := newWorld(t, func(w *world) {
		w.answering.line.HandshakeTimeout, w.calling.line.HandshakeTimeout = 3*time.Second, 3*time.Second
		w.tamper = func(body []byte) []byte {
			return value.ReplaceAllFunc(body, func(line []byte) []byte {
				digit := line[len(line)-1]
				line = bytes.Clone(line)
				line[len(line)-1] = map[bool]byte{true: '1', false: '0'}[digit == '0']
				return line
			})
		}
	})
	c := w.call(w.outgoing(keying.DTLSSRTP))
	a, b := got(t, c.callerOwner.ended, "an ending"), got(t, c.calleeOwner.ended, "an ending")
	if a.Reason != "handshake_failed" && b.Reason != "handshake_failed" {
		t.Errorf("ended by %+v and %+v", a, b)
	}
	if n := c.callee.Stream().Snapshot().PacketsReceived; n > 0 {
		t.Errorf("%d packets were taken", n)
	}
}

// TestHoldDuringHandshake: what is offered while the keys are being made leaves them alone.
func TestHoldDuringHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.call(w.outgoing(keying.DTLSSRTP))
	hold(t, c.caller, true)
	hold(t, c.caller, false)
	c.keyed()
	c.flows()
	c.lossless()
}
