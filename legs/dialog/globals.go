package dialog

import (
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// sipgo keeps its datagram size, timers and default logger in package variables without a lock. They are set once in the
// life of the process, before the first message, here and nowhere else.
var settings struct { //nolint:gochecknoglobals // guards sipgo's own globals
	sync.Mutex
	done   bool
	timers Timers
}

// settle makes the process-wide settings with the first endpoint, and tells whether a later one may run with them.
func settle(t Timers) error {
	settings.Lock()
	defer settings.Unlock()
	want := Timers{T1: sip.T1, T2: sip.T2, T4: sip.T4}
	if t.T1 > 0 {
		want.T1 = t.T1
	}
	if t.T2 > 0 {
		want.T2 = t.T2
	}
	if t.T4 > 0 {
		want.T4 = t.T4
	}
	if settings.done {
		if want != settings.timers {
			return ErrTimers
		}
		return nil
	}
	// Our own bound (Config.MaxUDP) is per endpoint; sipgo's must not be in its way (it subtracts 200).
	sip.UDPMTUSize = maxMessage + 200
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	if t != (Timers{}) {
		sip.SetTimers(want.T1, want.T2, want.T4)
	}
	// Once an INVITE has its 2xx, a trace does what a transaction does that has accepted (RFC 6026), and acks what that of an INVITE of ours does. sipgo's
	// would go on, with all that hangs on them, even if they were terminated: nothing stops Timers L and M. Shorter ones would end amid the
	// next call's set-up, which waits while others are busy (door.calm).
	sip.Timer_L, sip.Timer_M = sip.T1, sip.T1
	settings.done, settings.timers = true, want
	return nil
}

// t1 and t2 are read after settle only, when nobody writes them any more.
func t1() time.Duration { return sip.T1 }
func t2() time.Duration { return sip.T2 }

// usualT1 is RFC 3261's T1, to which waits that it does not tie to T1 are scaled.
const usualT1 = 500 * time.Millisecond

// t64 is the life of an INVITE transaction (Timers B and H, and those L and M which are ours).
func t64() time.Duration { return 64 * sip.T1 }
