package flood

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
)

// Options of a flood.
type Options struct {
	Target    loadtest.Target
	Method    keying.Method
	Group     keying.Group // "": the method's default
	Suite     keying.Suite // "": the default
	Cert      string       // rsa or ecdsa
	Accounts  int
	Rooms     int
	Rate      float64       // calls a second; 0: find the peak
	First     float64       // where the staircase begins
	Step      time.Duration // of the staircase
	Times     float64       // of the peak, or of Rate, are offered in the end; 0: not
	Duration  time.Duration // of what is not the staircase
	Hold      time.Duration // from a 200 to the BYE
	ServerPID int
}

// check says everything that is wrong with the options.
func (o *Options) check() error {
	var wrong []string
	complain := func(bad bool, words string) {
		if bad {
			wrong = append(wrong, words)
		}
	}
	complain(o.Method == keying.SDES || o.Method == keying.DTLSSRTP || o.Method == keying.MIKEYRSAR && o.Cert != keying.CertRSA,
		"--keying must be a method of MIKEY, mikey-rsar with --cert rsa: its message is all the proof that is prepared")
	complain(o.Accounts < 1 || o.Accounts > maxCalls, "--accounts must be at least 1")
	complain(o.Rooms < 1, "--rooms must be at least 1")
	complain(o.Rate < 0 || o.Rate > maxRate || o.Rate == 0 && (o.First <= 0 || o.First > maxRate), fmt.Sprintf("--rate and --first are up to %d calls a second", maxRate))
	complain(o.Times < 0 || o.Times > 0 && o.Times < 1, "--times must be 0 or at least 1")
	complain(o.Step <= 0 || o.Duration <= 0 || o.Step > maxAge || o.Duration > maxAge, fmt.Sprintf("--step and --duration must be up to %s", maxAge))
	complain(o.Hold < 0 || o.Hold > drainTime/2, fmt.Sprintf("--hold must be up to %s", drainTime/2))
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", loadtest.ErrOptions, strings.Join(wrong, "; "))
	}
	return nil
}

// flood is one flood.
type flood struct {
	Options
	rooms    string // what the names of the rooms begin with
	tag      string // of the run, in every Call-ID and branch, so that no two runs are confused
	server   string // host:port
	policy   *keying.Policy
	accounts []*account
	lanes    []*lane
	sink     *net.UDPConn // where the calls want their media: never read, so that the kernel drops it
	report   *Report
}

// Run floods and reports. The error tells why it could not run; what it found stands in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f := &flood{Options: o, rooms: "flood-" + newTag(), policy: o.policy(), report: newReport(&o)}
	err := f.cast(ctx)
	if err == nil {
		if err = f.open(); err == nil {
			err = f.perform(ctx)
		}
	}
	f.close()
	f.report.finish()
	return f.report, errors.Join(err, f.dismiss())
}

func newTag() string { return strings.ToLower(rand.Text()[:8]) }

// policy is what the callers agree to: what they offer.
func (o *Options) policy() *keying.Policy {
	p := keying.StandardPolicy()
	p.Name, p.Methods, p.Suites = "flood", []keying.Method{o.Method}, keying.Suites()
	if o.Suite != "" {
		p.Suites = []keying.Suite{o.Suite}
	}
	if o.Group != "" {
		p.Groups = []keying.Group{o.Group}
	}
	return p
}

func (f *flood) open() error {
	for range lanes {
		l, err := f.newLane()
		if err != nil {
			return err
		}
		f.lanes = append(f.lanes, l)
	}
	sink, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(f.lanes[0].via.Addr(), 0)))
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	f.sink = sink
	return nil
}

func (f *flood) close() {
	for _, l := range f.lanes {
		_ = l.conn.Close()
	}
	if f.sink != nil {
		_ = f.sink.Close()
	}
}

// run prepares and performs one run, and puts the counts of its segments into the report.
func (f *flood) run(ctx context.Context, plan ...segment) ([]*Count, error) {
	f.tag = newTag()
	from := make([]netip.AddrPort, lanes)
	for i, l := range f.lanes {
		from[i] = l.via
	}
	calls, err := f.prepare(ctx, plan, from, f.sink.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		return nil, err
	}
	before := loadtest.ReadCPU(f.ServerPID)
	start := time.Now()
	var wg sync.WaitGroup
	spent := make([]time.Duration, len(plan))
	wg.Go(func() { f.watch(ctx, start, plan, spent) })
	for i, l := range f.lanes {
		l.take(calls, i, plan)
		wg.Go(func() { l.run(ctx, start) })
	}
	wg.Wait()
	f.report.spent(before, loadtest.ReadCPU(f.ServerPID))
	checked, err := keyed(ctx, calls)
	f.report.Checked += checked
	if err != nil {
		return nil, fmt.Errorf("flood: an answer without keys: %w", err)
	}
	return f.gather(plan, spent), ctx.Err()
}

// watch reads what the server spends in the part of each segment that counts.
func (f *flood) watch(ctx context.Context, start time.Time, plan []segment, spent []time.Duration) {
	at := func(after time.Duration) (server time.Duration) {
		timer := time.NewTimer(time.Until(start.Add(after)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return loadtest.ReadCPU(f.ServerPID).Server
		case <-ctx.Done():
			return 0
		}
	}
	for i, seg := range plan {
		before := at(seg.steady())
		spent[i] = at(seg.begin+seg.long) - before
	}
}

// gather adds up what the lanes counted.
func (f *flood) gather(plan []segment, spent []time.Duration) []*Count {
	var counts []*Count
	for s, seg := range plan {
		n := &Count{Name: seg.name, Rate: seg.rate, Refused: make(map[int]int), server: spent[s]}
		for _, l := range f.lanes {
			n.add(&l.count[s])
		}
		n.finish(seg.long)
		counts = append(counts, n)
		f.report.Steps = append(f.report.Steps, n)
	}
	return counts
}
