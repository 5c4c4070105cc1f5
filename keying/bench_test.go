package keying

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// way is one set-up that the benchmarks compare.
type way struct {
	method Method
	call   Call
}

// ways are every method with every group and certificate.
func ways() []way {
	var all []way
	for _, m := range ofMIKEY() {
		for _, kind := range kindsOf(m) {
			for _, group := range groupsOf(m) {
				all = append(all, way{m, Call{Group: group, Cert: kind}})
			}
		}
	}
	return all
}

func (w way) String() string {
	name := string(w.method)
	if w.call.Group != "" {
		name += "/" + string(w.call.Group)
	}
	if w.method.Certified() {
		name += "/" + w.call.Cert
	}
	return name
}

// bench runs each way in a world of its own; the clock moves between offers, as the replay window does in life.
func bench(b *testing.B, run func(b *testing.B, w *world, k *Keyer, m Method, c Call)) {
	for _, way := range ways() {
		b.Run(way.String(), func(b *testing.B) {
			w := newWorld(b)
			k := w.caller(alice, way.call.Cert)
			c := dialled(alice)
			c.Group, c.Cert = way.call.Group, way.call.Cert
			run(b, w, k, way.method, c)
		})
	}
}

// meter adds up the processor time of the benchmark's own thread, which other work on a shared machine does not change.
type meter struct {
	b     *testing.B
	begin time.Duration
	total time.Duration
	n     int
}

func newMeter(b *testing.B) *meter {
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	return &meter{b: b}
}

func (m *meter) read() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		m.b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

func (m *meter) start() { m.begin = m.read() }

func (m *meter) stop() { m.total, m.n = m.total+m.read()-m.begin, m.n+1 }

func (m *meter) report() { m.b.ReportMetric(float64(m.total.Microseconds())/float64(m.n), "cpu-us/op") }

// BenchmarkResponder is a whole set-up of keys, of which cpu-us/op is what the server spends.
func BenchmarkResponder(b *testing.B) {
	bench(b, func(b *testing.B, w *world, k *Keyer, m Method, c Call) {
		cpu := newMeter(b)
		for b.Loop() {
			w.clock.move(time.Millisecond)
			i, err := k.Initiate(b.Context(), m, c)
			if err != nil {
				b.Fatal(err)
			}
			cpu.start()
			_, response, err := w.server.Respond(b.Context(), w.verified(i.Attributes().MIKEY, answered()), answered())
			cpu.stop()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := i.Complete(b.Context(), response); err != nil {
				b.Fatal(err)
			}
		}
		cpu.report()
	})
}

// BenchmarkBoth is a whole set-up of keys in processor time of both sides together.
func BenchmarkBoth(b *testing.B) {
	bench(b, func(b *testing.B, w *world, k *Keyer, m Method, c Call) {
		cpu := newMeter(b)
		for b.Loop() {
			w.clock.move(time.Millisecond)
			cpu.start()
			i, err := k.Initiate(b.Context(), m, c)
			if err != nil {
				b.Fatal(err)
			}
			_, response, err := w.server.Respond(b.Context(), w.verified(i.Attributes().MIKEY, answered()), answered())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := i.Complete(b.Context(), response); err != nil {
				b.Fatal(err)
			}
			cpu.stop()
		}
		cpu.report()
	})
}

// BenchmarkRefused is what a stranger's offer costs: a wrong key, a foreign certificate.
func BenchmarkRefused(b *testing.B) {
	for _, c := range refusedCredentials() {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b)
			message, call := c.make(w)
			cpu := newMeter(b)
			for b.Loop() {
				cpu.start()
				_, err := w.server.Verify(Attributes{MIKEY: message}, call)
				cpu.stop()
				if err == nil {
					b.Fatal("accepted")
				}
			}
			cpu.report()
		})
	}
}
