package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/conclave/conclave/loadtest/bench/floor"
)

// everything is a report of all scenarios, each of whose rows took the same, next to the floor m.
func everything(t *testing.T, m floor.Measured) *Report {
	t.Helper()
	r := &Report{Command: "conclave bench", Machine: thisMachine([]int{0, 1}), Began: time.Now()}
	for _, s := range Scenarios() {
		row := filled(t, s, 1e6)
		if err := row.compare(m); err != nil {
			t.Fatal(err)
		}
		if row.GOGC = 400; s.Rekey {
			row.GOGC = 25
		}
		r.Rows = append(r.Rows, middle(slices.Repeat([]Row{row}, s.rounds(false))))
	}
	r.Rows[0].GC = Pauses{}
	r.Rows[0].Failed = []string{"calls were not set up"}
	r.Targets = Targets(r.Rows)
	return r
}

// told checks what stands in the document, and what does not.
func told(t *testing.T, r *Report, wanted, unwanted []string) {
	t.Helper()
	text, err := r.markdown("plot.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range wanted {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the document lacks %q", want)
		}
	}
	for _, not := range unwanted {
		if bytes.Contains(text, []byte(not)) {
			t.Errorf("the document tells %q", not)
		}
	}
}

func TestDocument(t *testing.T) {
	all, err := floor.Cores()
	if err != nil {
		t.Fatal(err)
	}
	m, err := floor.Measure(all[0], suite, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := everything(t, m)
	told(t, r, []string{
		"conclave bench", "](plot.svg)", "| 5 of 500 talking, one room, all cores, Opus |", "| 2 of 10 talking, Opus+PCMA+PCMU |", "Failed, one-of-ten: calls", "| missed |",
		"| none | 0.00 |", "| 100, 0.99 / 1.00 |", "| processor time, 200 legs over 100 | at most 2.00 | ",
		fmt.Sprintf("| %.2f / %.2f | %.2f / %.2f |", m.Hot.Kernel, m.Paced.Kernel, m.Hot.Cipher, m.Paced.Cipher),
	}, nil)
}

// TestTold: numbers of the text are those of the code, and nothing is told that was not measured, or is not so on this machine.
func TestTold(t *testing.T) {
	r := everything(t, floor.Measured{})
	const oneCore, oftener, inTurns = "There is one core only", "times as often as by itself", "times each, in turns"
	told(t, r, []string{
		fmt.Sprintf("The rows with 50, 100, 200, 400 legs are measured %d times each, in turns, for %v s at a time, and of the %d ", rungRounds, rungWindow.Seconds(), rungRounds),
		fmt.Sprintf("and of the %d ratios the one in the middle counts", rungRounds), "collects 16 times as often as by itself (GOGC=25 instead of 400), so",
		"(SIP, MIKEY-PSK, SRTP with AEAD_AES_256_GCM, a packet every 20 ms)", "are 20000 divided by it", "room mixes (6), 5 of each", "12 dB below",
		"20 rooms of 10 spread over the 20 ms, so 200 sockets and keys, 40 talkers,", "(the least of 15 windows)", "(the least of 4 windows of 0.5 s,",
		"peers on another core. There", "begins more than 5 ms after", "CELT at 32 kbit/s", "| ticks of the room of 500 that are late by more than 5 ms |",
	}, []string{oneCore, "A short run"})
	r.Machine.Cores, r.Short, r.Rows = 1, true, r.Rows[:1]
	told(t, r, []string{oneCore, "peers on the same core, the only one. There", "A short run: windows of 5 s, the longest of 10 s."}, []string{oftener, inTurns})
}

func TestPlot(t *testing.T) {
	r := everything(t, floor.Measured{})
	drawn, err := r.plot()
	if err != nil {
		t.Fatal(err)
	}
	circles := 0
	for d := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 5 {
		t.Errorf("%d points in the plot, want 5", circles)
	}
	if _, err := (&Report{}).plot(); err != nil {
		t.Errorf("of nothing: %v", err)
	}
}
