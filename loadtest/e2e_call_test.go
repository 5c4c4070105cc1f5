package loadtest_test

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
)

// single is one call as `conclave call` places it.
func (h *house) single(b *keying.Bundle, room, transport, codec string) loadtest.Single {
	return loadtest.Single{
		URI: h.uri(room, transport), Bundle: b, Methods: []keying.Method{keying.MIKEYPSK}, Codec: codec, Duration: time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

// TestSingleCall: every way to agree, early and late, over every transport: what both sides say they agreed.
func TestSingleCall(t *testing.T) {
	h := serve(t, "")
	rsa, ecdsa := h.account("rosa", "rsa"), h.account("carl", "ecdsa")
	for _, c := range []struct {
		name      string
		bundle    *keying.Bundle
		method    keying.Method
		suite     keying.Suite
		group     keying.Group
		transport string
		late      bool
	}{
		{"PSK", ecdsa, keying.MIKEYPSK, keying.AESCM128SHA1x80, "", "udp", false},
		{"PSK over TCP", rsa, keying.MIKEYPSK, keying.AEADAES128GCM, "", "tcp", false},
		{"DH with RSA", rsa, keying.MIKEYDH, keying.AEADAES256GCM, keying.MODP1536, "udp", false},
		{"DH with ECDSA over TLS", ecdsa, keying.MIKEYDH, keying.AESCM256SHA1x80, keying.MODP3072, "tls", false},
		{"late offer", ecdsa, keying.MIKEYDH, keying.AEADAES256GCM, keying.MODP1536, "udp", true}, // what the policy puts first
		{"late offer over TLS", rsa, keying.MIKEYDH, keying.AEADAES256GCM, keying.MODP1536, "tls", true},
	} {
		s := h.single(c.bundle, "lobby", c.transport, "pcmu")
		s.Methods, s.Suite, s.Group, s.LateOffer, s.Duration = []keying.Method{c.method}, c.suite, c.group, c.late, 300*time.Millisecond
		if c.late {
			s.Suite, s.Group = "", ""
		}
		seen := false
		out, err := s.Place(within(t), func(loadtest.Outcome) {
			seats, err := h.api.Seats(within(t), "lobby")
			if err != nil || len(seats) != 1 {
				t.Errorf("%s: %d seats (%v)", c.name, len(seats), err)
				return
			}
			seen = true
			if seats[0].Account != c.bundle.Account || seats[0].Room != "lobby" {
				t.Errorf("%s: the seat is %s's in %s", c.name, seats[0].Account, seats[0].Room)
			}
		})
		if err != nil || !seen {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if out.Method != string(c.method) || out.Suite != string(c.suite) || out.Group != string(c.group) || out.Codec != "pcmu" ||
			out.Room != "lobby" || out.Transport != c.transport || out.Peer != "sip:lobby@"+domain || out.Ended != "duration" {
			t.Errorf("%s: %+v", c.name, out)
		}
		if (out.Fingerprint != "") != (c.method == keying.MIKEYDH) || out.CSBID == 0 || out.Sent == 0 {
			t.Errorf("%s: %+v", c.name, out)
		}
	}
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
	m := h.metrics()
	if n := m[`conclave_endings_total{reason="bye"}`]; n != 6 {
		t.Errorf("%v calls ended by BYE, want 6", n)
	}
	if n := m[`conclave_setup_seconds_count{method="late_offer"}`]; n != 2 {
		t.Errorf("%v late offers counted, want 2", n)
	}
}

// second is one of sound at 8 kHz, in samples.
const second = 8000

// performance is one call from WAV to WAV.
type performance struct {
	said, heard []int16 // said at 8 kHz
	rate        int     // of what was heard, in Hz
}

// duet lets two callers speak recorded speech at once and gives what each said and heard.
func (h *house) duet(room, codec string, bundles [2]*keying.Bundle, voices [2]int) (both [2]performance) {
	h.t.Helper()
	dir := h.t.TempDir()
	var wg sync.WaitGroup
	for i := range both {
		wav, err := speech.WAV(voices[i])
		if err != nil {
			h.t.Fatal(err)
		}
		play, record := filepath.Join(dir, "say"+speech.Name(i)), filepath.Join(dir, "heard"+speech.Name(i))
		if err := os.WriteFile(play, wav, 0o600); err != nil {
			h.t.Fatal(err)
		}
		s := h.single(bundles[i], room, "udp", codec)
		s.Play, s.Record, s.Duration = play, record, 5*time.Second
		wg.Go(func() {
			out, err := s.Place(context.Background(), nil)
			if err != nil {
				h.t.Errorf("%s: %v", bundles[i].Account, err)
				return
			}
			h.t.Logf("%s by %s: %d sent, %d received, %d lost, jitter %.1f ms, MOS %.2f", bundles[i].Account, codec, out.Sent, out.Received, out.Lost, out.JitterMS, out.MOS)
			both[i].said, _ = readWAV(h.t, play)
			both[i].heard, both[i].rate = readWAV(h.t, record)
		})
	}
	wg.Wait()
	return both
}

func readWAV(t *testing.T, path string) (pcm []int16, rate int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	defer f.Close()
	if pcm, rate, err = sound.ReadWAV(f); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return pcm, rate
}

// narrow halves the rate of a recording until it is 8 kHz, by a short low pass: good enough to compare speech by.
func narrow(pcm []int16, rate int) []int16 {
	for ; rate > 8000; rate = max(8000, rate/2) {
		step := 2
		if rate == 48000 {
			step = 6
			rate = 16000
		}
		out := make([]int16, 0, len(pcm)/step)
		half := 4 * step
		for i := 0; i < len(pcm); i += step {
			var sum, weight float64
			for k := -half; k <= half; k++ {
				if i+k < 0 || i+k >= len(pcm) {
					continue
				}
				w := 1.0
				if k != 0 {
					x := math.Pi * float64(k) / float64(step)
					w = math.Sin(x) / x * (0.5 + 0.5*math.Cos(math.Pi*float64(k)/float64(half+1)))
				}
				sum += w * float64(pcm[i+k])
				weight += w
			}
			out = append(out, int16(max(-32768, min(32767, sum/weight))))
		}
		pcm = out
	}
	return pcm
}

// likeness compares what was said with what was heard in stretches, each where it fits best: a packet that comes late on a busy
// machine may shift what follows. It gives the median over the stretches that hold speech. reach is how far from where the whole
// fits best a stretch is looked for, in samples.
func likeness(said, heard []int16, stretch, reach int) (r, snr, level float64) {
	var rs, snrs, levels []float64
	loud := sound.LevelDB(said)
	whole, _ := sound.Correlate(said, heard, len(heard))
	for from := 0; from+stretch <= len(said); from += stretch {
		part := said[from : from+stretch]
		if sound.LevelDB(part) < loud-10 {
			continue
		}
		near := heard[min(len(heard), max(0, from+whole-reach)):min(len(heard), max(0, from+whole+stretch+reach))]
		lag, c := sound.Correlate(part, near, len(near))
		a, b := sound.Align(part, near, lag)
		rs, snrs, levels = append(rs, c), append(snrs, sound.SegmentalSNR(a, b, 8000)), append(levels, sound.LevelDB(b)-sound.LevelDB(a))
	}
	return median(rs), median(snrs), median(levels)
}

// TestWAVtoWAV: each recording matches the other's speech in shape and level, and holds nothing of its own.
func TestWAVtoWAV(t *testing.T) {
	h := serve(t, "")
	var bundles [4]*keying.Bundle
	for i, name := range []string{"ann", "ben", "cat", "dan"} {
		bundles[i] = h.account(name, "ecdsa")
	}
	for try := 1; ; try++ {
		before := h.metrics()
		var g711, opus [2]performance
		var wg sync.WaitGroup
		wg.Go(func() { g711 = h.duet("narrow", "pcmu", [2]*keying.Bundle(bundles[:2]), [2]int{0, 5}) })
		wg.Go(func() { opus = h.duet("wide", "opus", [2]*keying.Bundle(bundles[2:]), [2]int{3, 9}) })
		wg.Wait()
		good := true
		for i := range 2 {
			r, _, level := likeness(g711[1-i].said, g711[i].heard, second/2, second/2)
			t.Logf("PCMU: correlation %.3f, level %+.2f dB", r, level)
			good = good && g711[i].rate == 8000 && r >= 0.9 && math.Abs(level) <= 1
			own, _, _ := likeness(g711[i].said, g711[i].heard, second, len(g711[i].heard))
			if own > 0.4 {
				t.Errorf("PCMU: a caller heard himself: correlation %.3f", own)
			}
			heard := narrow(opus[i].heard, opus[i].rate)
			r, snr, level := likeness(opus[1-i].said, heard, second/2, second/2)
			t.Logf("Opus: correlation %.3f, segmental SNR %.1f dB, level %+.2f dB", r, snr, level)
			good = good && opus[i].rate == 48000 && r >= 0.9 && math.Abs(level) <= 1
			own, _, _ = likeness(opus[i].said, heard, second, len(heard))
			if own > 0.4 {
				t.Errorf("Opus: a caller heard himself: correlation %.3f", own)
			}
			t.Logf("own voices: %.3f", own)
		}
		if good || t.Failed() {
			break
		}
		h.again(try, before, 0, "a recording did not match")
	}
	eventually(t, "all seats are free again", func() bool { return h.metrics()["conclave_calls"] == 0 })
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return v[len(v)/2]
}
