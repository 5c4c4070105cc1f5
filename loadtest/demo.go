package loadtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
)

const (
	demoRate     = 8000                   // Hz of the recorded speech, and of what is recorded
	demoRooms    = 2                      // rooms, with half of the callers each
	demoPause    = 400 * time.Millisecond // between two turns: more than the delay of any leg
	demoLead     = time.Second            // from the last join to the first word
	demoTail     = time.Second            // after the last word
	demoHeard    = 0.5                    // correlation from which a voice counts as heard
	demoMaxDelay = 400 * time.Millisecond // of a voice on its way
)

// demoCaller is one of the ten: a voice, a room, a way to be keyed and a codec.
type demoCaller struct {
	name   string
	room   int
	bundle *keying.Bundle
	call   *Caller
	voice  []int16       // at demoRate
	turn   time.Duration // when it begins to speak, after the common start
	mouth  *turnPlayer
	ear    *memory
	file   string
}

// demoMixture is dealt to the callers: what a room of unlike phones looks like.
var demoMixture = []struct {
	method keying.Method
	group  keying.Group
	suite  keying.Suite
	codec  string
}{
	{keying.MIKEYDH, keying.MODP1536, keying.AEADAES256GCM, "opus"},
	{keying.MIKEYPSK, "", keying.AEADAES256GCM, "opus"},
	{keying.MIKEYDH, keying.MODP2048, keying.AEADAES128GCM, "pcmu"},
	{keying.MIKEYPSK, "", keying.AESCM128SHA1x80, "pcma"},
	{keying.MIKEYDH, keying.MODP3072, keying.AEADAES256GCM, "l16"},
}

// Demo places ten callers with recorded speech in two rooms, lets them speak in turn, and tells who heard whom, how each leg
// was keyed, how long its set-up took, and where the recordings are.
func Demo(ctx context.Context, t Target, dir string, out io.Writer, log *slog.Logger) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	callers, length, err := demoCast(ctx, &t, dir)
	if err != nil {
		return err
	}
	x, err := NewExchange(netip.AddrFrom4([4]byte{127, 0, 0, 1}), &tls.Config{RootCAs: callers[0].bundle.Roots(), MinVersion: tls.VersionTLS12}, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	for i, c := range callers {
		if err := c.dial(ctx, x, &t, i); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", c.name, err), hangUpAll(callers[:i]))
		}
	}
	start := time.Now().Add(demoLead)
	for _, c := range callers {
		c.mouth.start.Store(&start)
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	say("ten callers in two rooms speak in turn, for %s", length.Round(time.Second))
	select {
	case <-time.After(time.Until(start.Add(length + demoTail))):
	case <-ctx.Done():
		return errors.Join(ctx.Err(), hangUpAll(callers))
	}
	if err := hangUpAll(callers); err != nil {
		return err
	}
	return demoReport(callers, start, dir, say)
}

// demoCast makes accounts and gives each caller a voice and a turn in its room. length is the length of the longer room.
func demoCast(ctx context.Context, t *Target, dir string) (callers []*demoCaller, length time.Duration, err error) {
	var next [demoRooms]time.Duration
	for i := range speech.Count {
		c := &demoCaller{name: fmt.Sprintf("voice%02d", i+1), room: i % demoRooms, ear: &memory{}}
		text, err := speech.WAV(i)
		if err != nil {
			return nil, 0, err
		}
		var rate int
		if c.voice, rate, err = sound.ReadWAV(bytes.NewReader(text)); err != nil {
			return nil, 0, err
		}
		if c.voice, err = resample(c.voice, rate, demoRate); err != nil {
			return nil, 0, err
		}
		if c.bundle, err = t.CreateAccount(ctx, c.name, pick([]string{keying.CertECDSA, keying.CertRSA}, i/demoRooms)); err != nil {
			return nil, 0, err
		}
		c.turn = next[c.room]
		next[c.room] += samplesTime(len(c.voice)) + demoPause
		length = max(length, next[c.room])
		c.mouth = &turnPlayer{after: c.turn, pcm: c.voice}
		c.file = filepath.Join(dir, fmt.Sprintf("room%d-heard-by-%s.wav", c.room+1, c.name))
		callers = append(callers, c)
	}
	return callers, length, nil
}

func (c *demoCaller) dial(ctx context.Context, x *Exchange, t *Target, i int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, setupPatience)
	defer cancel()
	mix := pick(demoMixture, i/demoRooms)
	transport := pick([]string{"udp", "tcp", "tls"}, i)
	voice := &live{speaker: c.mouth, listener: c.ear, earRate: demoRate}
	uri := fmt.Sprintf("sip:demo-%d@%s", c.room+1, domainOf(c.bundle.URI))
	c.call, err = x.Call(ctx, Plan{
		Bundle: c.bundle, URI: uri, Room: uri, Transport: transport, Server: t.Address(transport, c.bundle), Methods: []keying.Method{mix.method},
		Suite: mix.suite, Group: mix.group, Codecs: []string{mix.codec}, Voice: voice.begin,
	})
	return err
}

func hangUpAll(callers []*demoCaller) error {
	var failed error
	for _, c := range callers {
		c.call.Stop()
	}
	for _, c := range callers {
		failed = errors.Join(failed, c.call.HangUp())
	}
	return failed
}

// demoReport writes the recordings and prints what came of the calls; it fails when somebody was not heard, or was where he
// should not be.
func demoReport(callers []*demoCaller, start time.Time, dir string, say func(string, ...any)) error {
	scores := demoScores(callers, start)
	wrong := 0
	for room := range demoRooms {
		say("\nroom demo-%d", room+1)
		for _, c := range callers {
			if c.room != room {
				continue
			}
			t, m := c.call.leg.Terms(), c.call.leg.Stream().Snapshot()
			say("  %s  %-4s  %-9s %-8s  %-24s  CSB %08x  set-up %5.1f ms  %d packets, %d lost  %s", c.name, t.Codec, t.Posture.Method,
				t.Posture.Group, t.Posture.Suite, t.Posture.CSBID, float64(c.call.setup.Microseconds())/1000, m.PacketsReceived, m.Lost, short(t.Posture.PeerFingerprint))
		}
		say("  who heard whom: correlation of what each line heard with what the column said")
		for i, listener := range callers {
			if listener.room != room {
				continue
			}
			row := ""
			for j, talker := range callers {
				expected := talker.room == room && i != j
				mark := " "
				if (scores[i][j] >= demoHeard) != expected {
					mark = "!"
					wrong++
				}
				row += fmt.Sprintf("  %s %.2f%s", talker.name[len("voice"):], scores[i][j], mark)
			}
			say("  %s %s", listener.name, row)
		}
	}
	for _, c := range callers {
		if err := c.save(); err != nil {
			return err
		}
	}
	say("\nlisten: %s/room*-heard-by-*.wav", dir)
	if wrong > 0 {
		return fmt.Errorf("loadtest: %d pairs of callers did not hear what they should (marked with !)", wrong)
	}
	say("everybody heard everybody of his room, nobody himself and nobody of the other room")
	return nil
}

// short is the beginning of a fingerprint.
func short(fingerprint string) string {
	if len(fingerprint) > 16 {
		return "server " + fingerprint[:16]
	}
	return "pre-shared key"
}

// demoScores correlates, for every listener and talker, the time of the talker's turn in the listener's recording with the voice.
func demoScores(callers []*demoCaller, start time.Time) [][]float64 {
	scores := make([][]float64, len(callers))
	var wg sync.WaitGroup
	for i, listener := range callers {
		scores[i] = make([]float64, len(callers))
		wg.Go(func() {
			for j, talker := range callers {
				from := timeSamples(start.Sub(listener.ear.began) + talker.turn)
				scores[i][j] = resemblance(talker.voice, listener.ear.pcm, from)
			}
		})
	}
	wg.Wait()
	return scores
}

// resemblance is how much of said is in heard from sample at on: the mean over its seconds of their correlation. A jitter buffer
// that changes its depth in between shifts the rest by a frame, which an ear does not mind and one correlation over all would.
func resemblance(said, heard []int16, at int) float64 {
	sum, n := 0.0, 0
	for i := 0; i+demoRate <= len(said); i += demoRate {
		from := max(0, min(at+i, len(heard)))
		to := max(0, min(at+i+demoRate+timeSamples(demoMaxDelay), len(heard)))
		_, r := sound.Correlate(said[i:i+demoRate], heard[from:to], timeSamples(demoMaxDelay))
		sum += r
		n++
	}
	return sum / float64(max(n, 1))
}

func (c *demoCaller) save() error {
	r, err := sound.Create(c.file, demoRate)
	if err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	return errors.Join(r.Write(c.ear.pcm), r.Close())
}

func samplesTime(n int) time.Duration { return time.Duration(n) * time.Second / demoRate }
func timeSamples(d time.Duration) int { return int(d * demoRate / time.Second) }

// turnPlayer is a speaker that speaks once, some time after a common start.
type turnPlayer struct {
	after time.Duration
	pcm   []int16 // at demoRate until begin
	start atomic.Pointer[time.Time]
	pos   int
}

// begin brings the voice to the rate of the call.
func (p *turnPlayer) begin(rate int) (err error) {
	p.pcm, err = resample(p.pcm, demoRate, rate)
	return err
}

func (p *turnPlayer) speak(at time.Time, pcm []int16) {
	clear(pcm)
	if start := p.start.Load(); start != nil && !at.Before(start.Add(p.after)) {
		p.pos += copy(pcm, p.pcm[min(p.pos, len(p.pcm)):])
	}
}

// memory is a listener that keeps everything.
type memory struct {
	began time.Time
	pcm   []int16
}

func (m *memory) begin(int) error { return nil }

func (m *memory) listen(at time.Time, pcm []int16) {
	if m.began.IsZero() {
		m.began = at
	}
	m.pcm = append(m.pcm, pcm...)
}
