package trail

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of a trail.
var (
	// ErrClosed says that the trail was closed before the entry was in it.
	ErrClosed = errors.New("trail: closed")
	// ErrConfig says that a trail cannot be made of what it was given.
	ErrConfig = errors.New("trail: bad configuration")
)

// Config is what a trail is made of.
type Config struct {
	Dir    string             // where its files are; made with mode 0700
	Key    ed25519.PrivateKey // signs
	Head   Head               // where it was signed last as far as the server remembers; the zero value: never
	Keep   int64              // octets that it may take; the oldest files go beyond that
	Signed func(Head) error   // told of each signature, to remember; nil: nobody is
	Log    *slog.Logger       // nil: none
	Now    func() time.Time   // nil: time.Now; for tests
}

// Trail writes. Any goroutine.
type Trail struct {
	cfg   Config        // set once
	queue chan Entry    //
	stop  chan struct{} // closed by Close
	done  chan struct{} // closed once the goroutine has ended
	once  sync.Once
	ended error // of Close; read after done

	lost  atomic.Uint64 // entries, since the start
	count atomic.Uint64 // records, since the start
	head  atomic.Pointer[Head]

	mu    sync.Mutex
	tally map[string]uint64 // since the last record of it

	w writer // owned by the goroutine
}

// Open goes on with the trail in a directory, or begins one.
func Open(c Config) (*Trail, error) {
	t, err := open(c)
	if err == nil {
		go t.run()
	}
	return t, err
}

// open is Open without the goroutine.
func open(c Config) (*Trail, error) {
	if len(c.Key) != ed25519.PrivateKeySize || c.Dir == "" || c.Keep < leastFiles {
		return nil, fmt.Errorf("%w: a directory, a key and room to write to are needed", ErrConfig)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Signed == nil {
		c.Signed = func(Head) error { return nil }
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	t := &Trail{
		cfg: c, queue: make(chan Entry, queueLength), stop: make(chan struct{}), done: make(chan struct{}),
		tally: make(map[string]uint64),
	}
	t.head.Store(&c.Head)
	if err := t.resume(); err != nil {
		return nil, err
	}
	return t, nil
}

// Note records an entry. It never waits; where the queue is full the entry is lost, which is recorded once there is room.
func (t *Trail) Note(e Entry) {
	if e.Time.IsZero() {
		e.Time = t.cfg.Now()
	}
	select {
	case t.queue <- e:
	default:
		t.lost.Add(1)
	}
}

// Write records an entry and waits until it is in the file.
func (t *Trail) Write(ctx context.Context, e Entry) error {
	if e.Time.IsZero() {
		e.Time = t.cfg.Now()
	}
	written := make(chan error, 1)
	e.written = written
	select {
	case t.queue <- e:
	case <-t.done:
		return ErrClosed
	case <-ctx.Done():
		t.lost.Add(1)
		return context.Cause(ctx)
	}
	select {
	case err := <-written:
		return err
	case <-t.done:
		select {
		case err := <-written:
			return err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Tally counts what strangers can bring about as often as they like, under a name of a closed set: one record tells all counts before each
// signature.
func (t *Trail) Tally(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.tally[name]; !known && len(t.tally) >= maxTallied {
		name = "other"
	}
	t.tally[name]++
}

// Lost is how many entries were lost since the start, Count how many records were written.
func (t *Trail) Lost() uint64 { return t.lost.Load() }

// Count is how many records were written since the start.
func (t *Trail) Count() uint64 { return t.count.Load() }

// Waiting is how many entries wait for the disk.
func (t *Trail) Waiting() int { return len(t.queue) }

// Head is where the trail was signed last.
func (t *Trail) Head() Head { return *t.head.Load() }

// Key is the public key of the signatures.
func (t *Trail) Key() ed25519.PublicKey { return t.cfg.Key.Public().(ed25519.PublicKey) }

// Close writes what waits, signs and ends. A second Close gives what the first gave.
func (t *Trail) Close() error {
	t.once.Do(func() { close(t.stop) })
	<-t.done
	return t.ended
}

// run is the trail's goroutine.
func (t *Trail) run() {
	defer close(t.done)
	tick := time.NewTicker(signEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-t.queue:
			t.write(t.batch(e))
			if t.w.unsigned >= signAfter {
				t.sign()
			}
		case <-tick.C:
			t.sign()
		case <-t.stop:
			t.finish()
			return
		}
	}
}

// batch takes what else waits.
func (t *Trail) batch(first Entry) []Entry {
	list := append(make([]Entry, 0, batchLength), first)
	for len(list) < batchLength {
		select {
		case e := <-t.queue:
			list = append(list, e)
		default:
			return list
		}
	}
	return list
}

// finish writes what waits, says that the end is meant, and closes the file.
func (t *Trail) finish() {
	for {
		select {
		case e := <-t.queue:
			t.write(t.batch(e))
			continue
		default:
		}
		break
	}
	t.tell()
	t.write([]Entry{{Time: t.cfg.Now(), Type: TypeClosed}})
	t.sign()
	t.ended = errors.Join(t.w.failed, t.w.close())
}

// counts takes what was tallied; nil: nothing.
func (t *Trail) counts() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tally) == 0 {
		return nil
	}
	counts := t.tally
	t.tally = make(map[string]uint64)
	return counts
}
