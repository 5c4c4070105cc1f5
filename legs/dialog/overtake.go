package dialog

import (
	"sync"
	"time"
)

// A 2xx to our INVITE makes the dialog (RFC 3261 section 12.1.2), and its sender may go on in it at once, or, if he hangs up, before he has heard of
// us: his next message comes in a goroutine of its own, which may well be ahead of that of the 2xx.

// placing notes that an INVITE of ours waits for its answer, until its end is called.
func (e *Endpoint) placing(callID, tag string) (end func()) {
	name, over := dialogID(callID, tag, ""), make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.placed[name] = over
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.placed, name)
		close(over)
	})
}

// find looks up the dialog of a request, nil when there is none. Where it may have overtaken the 2xx that makes it, find waits for that, as long as
// for a request which was overtaken. Only who has our INVITE knows its tag.
func (e *Endpoint) find(r *Request) *Dialog {
	if !r.InDialog {
		return nil
	}
	id := dialogID(r.CallID, r.To.Tag, r.From.Tag)
	e.mu.Lock()
	d, over := e.dialogs[id], e.placed[dialogID(r.CallID, r.To.Tag, "")]
	e.mu.Unlock()
	if d != nil || over == nil {
		return d
	}
	timer := time.NewTimer(reorderWait)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	case <-e.ctx.Done():
	}
	return e.Dialog(id)
}
