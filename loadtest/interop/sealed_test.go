package interop

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
)

const (
	leastPackets = 40   // a stream with fewer proves nothing alone
	leastEntropy = 7.9  // bits an octet over a whole stream; a sample of N random octets shows 8 - 184/N, speech in G.711 at most 7.5
	mostAlike    = 0.1  // share of packets that may have the same first octet: Opus in the clear has one for all
	mostLike     = 0.35 // correlation with speech that chance may bring, over every lag
)

// stream is what one sender's SRTP packets hold behind their headers of 12 octets.
type stream struct {
	ssrc     uint32
	payloads [][]byte
}

// judgeSealed: HEX SPEECH. HEX holds one UDP payload a line, in hexadecimal; SPEECH is the directory of the recordings that were
// played. What stands behind the headers must look like nothing: not like speech, not like Opus, not like itself.
func judgeSealed(args []string) (string, error) {
	all, reports, err := readPackets(args[0])
	if err != nil {
		return "", err
	}
	paths, err := filepath.Glob(filepath.Join(args[1], "*.wav"))
	if err != nil || len(paths) == 0 {
		return "", fmt.Errorf("no recordings in %s: %w", args[1], err)
	}
	var spoken [][]int16
	for _, path := range paths {
		pcm, _, err := readWAV(path)
		if err != nil {
			return "", err
		}
		spoken = append(spoken, pcm)
	}
	if len(all) == 0 {
		return "", fmt.Errorf("no media in the capture")
	}
	streams, short := proving(all)
	packets, least, most := 0, 8.0, 0.0
	for _, s := range streams {
		bits, like, err := s.sealed(spoken)
		if err != nil {
			return "", fmt.Errorf("stream %08x: %w", s.ssrc, err)
		}
		packets, least, most = packets+len(s.payloads), min(least, bits), max(most, like)
	}
	if len(streams) == 0 {
		return "", fmt.Errorf("only %d packets", short)
	}
	return fmt.Sprintf("%d packets of %d streams and %d of SRTCP: at least %.3f bits an octet, correlation with any speech at most %.2f; %d packets too few to judge",
		packets, len(all), reports, least, most, short), nil
}

// proving puts together the streams that are too short to prove anything, as of a phone that was called and not taken; short counts the
// packets of those where even together they are too few.
func proving(all map[uint32]*stream) (streams []*stream, short int) {
	together := new(stream)
	for _, s := range all {
		if len(s.payloads) >= leastPackets {
			streams = append(streams, s)
		} else {
			together.payloads = append(together.payloads, s.payloads...)
		}
	}
	if len(together.payloads) < leastPackets {
		return streams, len(together.payloads)
	}
	return append(streams, together), 0
}

// readPackets sorts RTP by SSRC and holds RTCP to being encrypted.
func readPackets(path string) (all map[uint32]*stream, reports int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	all = make(map[uint32]*stream)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		b, err := hex.DecodeString(lines.Text())
		if err != nil {
			return nil, 0, err
		}
		switch {
		case len(b) < 12 || b[0]>>6 != 2: // the mark at the end of the capture
			continue
		case b[1] >= 192 && b[1] <= 223: // RTCP (RFC 5761 section 4)
			reports++
			continue
		}
		ssrc := binary.BigEndian.Uint32(b[8:])
		if all[ssrc] == nil {
			all[ssrc] = &stream{ssrc: ssrc}
		}
		all[ssrc].payloads = append(all[ssrc].payloads, b[12:])
	}
	return all, reports, lines.Err()
}

// sealed returns the entropy of the payloads and the largest correlation with speech when they are played as G.711.
func (s *stream) sealed(spoken [][]int16) (bits, like float64, err error) {
	seen, first, count, total := map[string]bool{}, map[byte]int{}, [256]float64{}, 0.0
	var played []int16
	for _, p := range s.payloads {
		if seen[string(p)] {
			return 0, 0, fmt.Errorf("two payloads are the same")
		}
		seen[string(p)] = true
		if len(p) == 0 {
			return 0, 0, fmt.Errorf("an empty payload")
		}
		first[p[0]]++
		for _, octet := range p {
			count[octet]++
			total++
			played = append(played, fromPCMU(octet))
		}
	}
	for octet, n := range first {
		if float64(n) > max(mostAlike*float64(len(s.payloads)), 8) {
			return 0, 0, fmt.Errorf("%d of %d payloads begin with %02x", n, len(s.payloads), octet)
		}
	}
	for _, n := range count {
		if n > 0 {
			bits -= n / total * math.Log2(n/total)
		}
	}
	if bits < leastEntropy {
		return bits, 0, fmt.Errorf("%.3f bits an octet over %.0f octets", bits, total)
	}
	for _, pcm := range spoken {
		_, r := sound.Correlate(pcm, played, len(played))
		like = max(like, r)
	}
	if like > mostLike {
		return bits, like, fmt.Errorf("played as G.711 it correlates with speech: %.2f", like)
	}
	return bits, like, nil
}

// fromPCMU expands one octet of G.711 µ-law.
func fromPCMU(octet byte) int16 {
	octet = ^octet
	v := (int16(octet&0x0f)<<3+0x84)<<(octet>>4&7) - 0x84
	if octet&0x80 != 0 {
		return -v
	}
	return v
}

// toPCMU finds the nearest octet.
func toPCMU(v int16) byte {
	best, distance := byte(0), math.MaxInt
	for octet := range 256 {
		if d := int(fromPCMU(byte(octet))) - int(v); max(d, -d) < distance {
			best, distance = byte(octet), max(d, -d)
		}
	}
	return best
}

func TestOpenMediaIsTold(t *testing.T) {
	said := recorded(t, 0)
	spoken := [][]int16{said}
	clear, random, opus := &stream{}, &stream{}, &stream{}
	rng := rand.NewChaCha8([32]byte{})
	for n := 0; n+160 <= len(said); n += 160 {
		frame := make([]byte, 160)
		for i := range frame {
			frame[i] = toPCMU(said[n+i])
		}
		clear.payloads = append(clear.payloads, frame)
		noise, packet := make([]byte, 170), make([]byte, 96)
		_, _ = rng.Read(noise)
		_, _ = rng.Read(packet)
		packet[0] = 0xf8 // table of contents: CELT, 20 ms, mono
		random.payloads, opus.payloads = append(random.payloads, noise), append(opus.payloads, packet)
	}
	bits, like, err := random.sealed(spoken)
	if err != nil {
		t.Errorf("random octets: %v", err)
	}
	t.Logf("random octets: %.3f bits, correlation %.2f", bits, like)
	if _, _, err := clear.sealed(spoken); err == nil {
		t.Error("G.711 in the clear passed")
	}
	for n := range clear.payloads { // no pause is like another now, no beginning either
		clear.payloads[n] = append([]byte{byte(n), byte(n >> 8)}, clear.payloads[n]...)
	}
	if bits, _, err = clear.sealed(spoken); err == nil || bits == 0 || bits >= leastEntropy {
		t.Errorf("G.711 in the clear, numbered: %.3f bits, %v", bits, err)
	}
	t.Logf("G.711 in the clear: %.3f bits", bits)
	if _, _, err := opus.sealed(spoken); err == nil {
		t.Error("packets with the table of contents of Opus passed")
	}
	random.payloads[7] = random.payloads[3]
	if _, _, err := random.sealed(spoken); err == nil {
		t.Error("a repeated payload passed")
	}
}

func TestShortStreamsAreJudgedTogether(t *testing.T) {
	of := func(n int) *stream { return &stream{payloads: make([][]byte, n)} }
	for _, c := range []struct {
		name           string
		all            map[uint32]*stream
		streams, short int
	}{
		{"long ones", map[uint32]*stream{1: of(40), 2: of(50)}, 2, 0},
		{"short ones that make a long one", map[uint32]*stream{1: of(40), 2: of(20), 3: of(20)}, 2, 0},
		{"too few", map[uint32]*stream{1: of(40), 2: of(20), 3: of(19)}, 1, 39},
		{"nothing else", map[uint32]*stream{1: of(3)}, 0, 3},
	} {
		if streams, short := proving(c.all); len(streams) != c.streams || short != c.short {
			t.Errorf("%s: %d streams, %d packets", c.name, len(streams), short)
		}
	}
}
