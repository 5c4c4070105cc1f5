package speech_test

import (
	"bytes"
	"testing"

	"github.com/conclave/conclave/loadtest/sound"
	"github.com/conclave/conclave/loadtest/speech"
)

func TestEveryRecordingIsSpeech(t *testing.T) {
	total := 0
	for n := range speech.Count {
		file, err := speech.WAV(n)
		if err != nil {
			t.Fatal(err)
		}
		total += len(file)
		pcm, rate, err := sound.ReadWAV(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", speech.Name(n), err)
		}
		if seconds := float64(len(pcm)) / float64(rate); rate != 8000 || seconds < 3 || seconds > 6 {
			t.Errorf("%s: %.1f s at %d Hz", speech.Name(n), seconds, rate)
		}
		if db := sound.LevelDB(pcm); db < -26 || db > -16 {
			t.Errorf("%s: level %.1f dB", speech.Name(n), db)
		}
		again, err := speech.WAV(n + speech.Count)
		if err != nil || !bytes.Equal(again, file) {
			t.Errorf("%s: does not come round: %v", speech.Name(n), err)
		}
	}
	if total > 900<<10 {
		t.Errorf("%d octets of recordings in the binary", total)
	}
}
