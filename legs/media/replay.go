package media

import "github.com/pion/srtp/v3"

// replays is the replay list of one SSRC under one key (RFC 3711 section 3.3.2). The library's own begins where the first packet
// says, whether that packet is genuine or not: one forgery ahead of the first genuine packet, or a trial of a packet that belongs to
// another key, would shut the peer out. This one changes only when a packet was authenticated.
type replays struct {
	seen    [replayWindow / 64]uint64 // a ring: index i has bit i modulo replayWindow
	highest uint64                    // index accepted; valid once begun
	begun   bool
	checked uint64      // what accept will mark
	accept  func() bool // mark, made once
	last    *uint64     // where the index accepted last is noted; may be nil
}

func newReplays(last *uint64) *replays {
	w := &replays{last: last}
	w.accept = w.mark
	return w
}

// Check says whether index is new; the packet counts as seen once accept was called.
func (w *replays) Check(index uint64) (accept func() bool, ok bool) {
	if w.begun && index <= w.highest && (w.highest-index >= replayWindow || w.has(index)) {
		return nil, false
	}
	w.checked = index
	return w.accept, true
}

// mark notes that the index checked last is authentic, and says whether it is the highest.
func (w *replays) mark() bool {
	index := w.checked
	newest := !w.begun || index > w.highest
	if newest {
		w.advance(index)
	}
	w.seen[index%replayWindow/64] |= 1 << (index % 64)
	if w.last != nil {
		*w.last = index
	}
	return newest
}

// advance moves the window, whose new places have not been seen.
func (w *replays) advance(to uint64) {
	if !w.begun || to-w.highest >= replayWindow {
		clear(w.seen[:])
	} else {
		for i := w.highest + 1; i < to; i++ {
			w.seen[i%replayWindow/64] &^= 1 << (i % 64)
		}
	}
	w.begun, w.highest = true, to
}

func (w *replays) has(index uint64) bool { return w.seen[index%replayWindow/64]&(1<<(index%64)) != 0 }

// guard makes the library use a replay list of ours. D is its name for one, which is declared in a module that we do not require.
func guard[D interface {
	Check(index uint64) (accept func() bool, ok bool)
}](option func(func() D) srtp.ContextOption, last *uint64) srtp.ContextOption {
	return option(func() D {
		d, _ := any(newReplays(last)).(D)
		return d
	})
}
