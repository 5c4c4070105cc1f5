package loadtest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/loadtest/sound"
)

// player is a speaker that plays a WAV file, a tone, or silence.
type player struct {
	pcm   []int16
	rate  int
	hz    float64
	pos   int
	mouth int // rate of the call
	done  chan struct{}
	over  bool
}

// newPlayer reads what to play: "" for silence, "tone:HZ", or a WAV file of 8, 16 or 48 kHz.
func newPlayer(what string) (*player, error) {
	p := &player{done: make(chan struct{})}
	if text, ok := strings.CutPrefix(what, "tone:"); ok {
		hz, err := strconv.ParseFloat(text, 64)
		if err != nil || hz < 20 || hz > 20000 {
			return nil, fmt.Errorf("loadtest: %q is no tone: write tone:HZ with 20 to 20000 Hz", what)
		}
		p.hz = hz
		return p, nil
	}
	if what == "" {
		return p, nil
	}
	f, err := os.Open(what)
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	return p, p.load(f)
}

func (p *player) load(r io.Reader) (err error) {
	if p.pcm, p.rate, err = sound.ReadWAV(r); err != nil {
		return fmt.Errorf("loadtest: %w", err)
	}
	return nil
}

// begin brings the file to the rate of the call.
func (p *player) begin(rate int) (err error) {
	p.mouth = rate
	if p.pcm != nil && p.rate != rate {
		p.pcm, err = resample(p.pcm, p.rate, rate)
		p.rate = rate
	}
	return err
}

func (p *player) speak(_ time.Time, pcm []int16) {
	if p.hz > 0 {
		for i := range pcm {
			pcm[i] = int16(toneAmplitude * math.Sin(2*math.Pi*p.hz*float64(p.pos)/float64(p.mouth)))
			p.pos = (p.pos + 1) % (p.mouth * toneWrap)
		}
		return
	}
	n := copy(pcm, p.pcm[min(p.pos, len(p.pcm)):])
	clear(pcm[n:])
	p.pos += n
	if p.pcm != nil && p.pos >= len(p.pcm) && !p.over {
		p.over = true
		close(p.done)
	}
}

// recorder is a listener that writes a WAV file and measures the level.
type recorder struct {
	path   string
	file   *sound.Recording
	sum    float64
	count  int
	failed error
}

// newRecorder finds out before the call whether the file can be written.
func newRecorder(path string) (*recorder, error) {
	if path == "" {
		return &recorder{}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) // what is there stays until the call stands
	if err != nil {
		return nil, err
	}
	return &recorder{path: path}, f.Close()
}

func (r *recorder) begin(rate int) (err error) {
	if r.path != "" {
		r.file, err = sound.Create(r.path, rate)
	}
	return err
}

func (r *recorder) listen(_ time.Time, pcm []int16) {
	for _, v := range pcm {
		r.sum += float64(v) * float64(v)
	}
	r.count += len(pcm)
	if r.file != nil && r.failed == nil {
		r.failed = r.file.Write(pcm)
	}
}

// level is the RMS level of everything heard, dB below full scale; -120 for silence, which JSON can say.
func (r *recorder) level() float64 {
	if r.count == 0 || r.sum == 0 {
		return -120
	}
	return 10 * math.Log10(r.sum/float64(r.count)/(32768*32768))
}

func (r *recorder) close() error {
	if r.file == nil {
		return r.failed
	}
	return errors.Join(r.failed, r.file.Close())
}
