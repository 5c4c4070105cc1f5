package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
)

const (
	likeSpeech   = 0.9 // the least correlation of a recording with the speech that was played
	leastOverlap = 0.5 // of the speech that must be there at all: who comes late misses a beginning
	leastPieces  = 0.8 // of the energy that must be in pieces that are like speech where the whole is not
	pieces       = 5   // a second
	drift        = 2   // a part of a second by which a piece may stand off
)

// judgeSpeech: SAID HEARD, WAV files. What was heard is what was said, the whole at one delay.
func judgeSpeech(args []string) (string, error) { return judgeWAVs(args, false) }

// judgeRelayed is the same for what has passed a jitter buffer, whose delay may move: see compare.
func judgeRelayed(args []string) (string, error) { return judgeWAVs(args, true) }

func judgeWAVs(args []string, moving bool) (string, error) {
	said, rate, err := readWAV(args[0])
	if err != nil {
		return "", err
	}
	heard, heardRate, err := readWAV(args[1])
	if err != nil {
		return "", err
	}
	if heardRate != rate {
		return "", fmt.Errorf("%d Hz heard of %d", heardRate, rate)
	}
	return compare(said, heard, rate, moving)
}

// compare takes the whole at one delay; where that fails and the delay may move, piece by piece: one frame that a jitter buffer puts
// in or leaves out brings the correlation of the whole down to a half although every word is there.
func compare(said, heard []int16, rate int, moving bool) (string, error) {
	lag, r := sound.Correlate(said, heard, len(heard))
	a, b := sound.Align(said, heard, lag)
	detail := fmt.Sprintf("correlation %.3f, segmental SNR %.1f dB, level %+.1f dB, %.1f of %.1f s", r, sound.SegmentalSNR(a, b, rate),
		sound.LevelDB(b)-sound.LevelDB(a), float64(len(a))/float64(rate), float64(len(said))/float64(rate))
	if float64(len(a)) < leastOverlap*float64(len(said)) {
		return "", fmt.Errorf("too little of it: %s", detail)
	}
	if r >= likeSpeech {
		return detail, nil
	}
	if !moving {
		return "", errors.New(detail)
	}
	share, delays := inPieces(a, b, rate/pieces, rate/drift)
	detail += fmt.Sprintf("; at moving delays %.0f %% of the energy is in pieces of at least %.1f, delays %d", 100*share, likeSpeech, delays)
	if share < leastPieces {
		return "", errors.New(detail)
	}
	return detail, nil
}

// inPieces cuts said into pieces of n samples, seeks each in what was heard up to off samples before and after, and returns the
// share of the energy in pieces that were found, and their delays in samples.
func inPieces(said, heard []int16, n, off int) (share float64, delays []int) {
	found, all := 0.0, 0.0
	for at := 0; at+n <= len(said); at += n {
		energy := 0.0
		for _, v := range said[at : at+n] {
			energy += float64(v) * float64(v)
		}
		all += energy
		from := max(0, at-off)
		lag, r := sound.Correlate(said[at:at+n], heard[from:min(len(heard), at+n+off)], n+off)
		if r >= likeSpeech {
			found += energy
			delays = append(delays, from+lag-at)
		}
	}
	return found / max(all, 1), delays
}

// judgeNothing: FILE. It is there and it is empty.
func judgeNothing(args []string) (string, error) {
	info, err := os.Stat(args[0])
	if err != nil {
		return "", err
	}
	if info.Size() > 0 {
		return "", fmt.Errorf("%d octets", info.Size())
	}
	return "not a packet", nil
}

// judgeReports: FILE SSRC. The file holds compound RTCP packets one after the other, each with a report of that SSRC and a CNAME.
func judgeReports(args []string) (string, error) {
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return "", err
	}
	ssrc, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return "", err
	}
	return reports(raw, uint32(ssrc))
}

// Packet types of RTCP (RFC 3550 section 12.1).
const (
	senderReport   = 200
	receiverReport = 201
	description    = 202
	goodbye        = 203
)

func reports(raw []byte, ssrc uint32) (string, error) {
	count := map[byte]int{}
	for len(raw) > 0 {
		if len(raw) < 8 || raw[0]>>6 != 2 {
			return "", fmt.Errorf("no RTCP header where one should be, after %v", count)
		}
		size := 4 * (int(binary.BigEndian.Uint16(raw[2:])) + 1)
		if size > len(raw) || size < 8 {
			return "", fmt.Errorf("an RTCP packet of %d octets, of which %d are there", size, len(raw))
		}
		if got := binary.BigEndian.Uint32(raw[4:]); got != ssrc {
			return "", fmt.Errorf("a report of %08x instead of %08x", got, ssrc)
		}
		count[raw[1]]++
		raw = raw[size:]
	}
	if count[senderReport]+count[receiverReport] == 0 || count[description] == 0 {
		return "", fmt.Errorf("no report with a description: %v", count)
	}
	return fmt.Sprintf("%d SR, %d RR, %d SDES, %d BYE", count[senderReport], count[receiverReport], count[description], count[goodbye]), nil
}

func readWAV(path string) ([]int16, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	return sound.ReadWAV(file)
}

// recorded returns one of the shipped recordings, at 8 kHz.
func recorded(t *testing.T, n int) []int16 {
	t.Helper()
	pcm, _, err := readWAV("../speech/" + speech.Name(n))
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

func TestSpeechIsTold(t *testing.T) {
	said, other := recorded(t, 0), recorded(t, 1)
	if detail, err := compare(said, append(make([]int16, 4000), said...), 8000, false); err != nil {
		t.Errorf("the same speech, later: %v", err)
	} else {
		t.Log(detail)
	}
	moved := slices.Concat(said[:9000], make([]int16, 1280), said[9000:20000], said[21280:])
	if detail, err := compare(said, moved, 8000, true); err != nil {
		t.Errorf("the same speech at moving delays: %v", err)
	} else {
		t.Log(detail)
	}
	if _, err := compare(said, moved, 8000, false); err == nil {
		t.Error("moving delays passed where there is no jitter buffer")
	}
	for name, heard := range map[string][]int16{
		"other speech": other, "half of it other speech": append(slices.Clone(said[:16000]), other[16000:]...), "nothing": nil, "silence": make([]int16, 30000), "a third of it": said[2*len(said)/3:],
		"backwards": slices.Collect(func(yield func(int16) bool) {
			for _, v := range slices.Backward(said) {
				if !yield(v) {
					return
				}
			}
		}),
	} {
		if detail, err := compare(said, heard, 8000, true); err == nil {
			t.Errorf("%s passed: %s", name, detail)
		}
	}
}

func TestReportsAreTold(t *testing.T) {
	good := []byte{0x80, senderReport, 0, 1, 1, 2, 3, 4, 0x81, description, 0, 2, 1, 2, 3, 4, 1, 0, 0, 0}
	if _, err := reports(good, 0x01020304); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][]byte{
		"none": nil, "cut short": good[:15], "no description": good[:8], "not RTCP": append([]byte{0x40}, good[1:]...),
		"another's": append([]byte{0x80, senderReport, 0, 1, 1, 2, 3, 5}, good[8:]...),
	} {
		if _, err := reports(bad, 0x01020304); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}
