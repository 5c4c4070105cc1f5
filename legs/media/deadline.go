package media

import (
	"sync"
	"time"
)

// deadline is a point in time that may be moved while others wait for it. Any goroutine.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer   // nil: none was set
	over  chan struct{} // closed when the time has passed; another one after the time was moved
}

// passed is closed when the time that is set now has passed. A later set reaches those who wait for it.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = make(chan struct{})
	}
	return d.over
}

// set moves the time; the zero time is never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // its function runs: let it, lest it closes the channel of another time
	}
	d.timer = nil
	if d.over == nil || isClosed(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { close(over) })
		return
	}
	close(over)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
