package speech

import (
	"embed"
	"fmt"
)

// Count is the number of recordings.
const Count = 10

//go:embed *.wav
var files embed.FS

// WAV returns the whole file of recording number n modulo Count; n counts from 0 and is not negative.
func WAV(n int) ([]byte, error) {
	b, err := files.ReadFile(Name(n))
	if err != nil {
		return nil, fmt.Errorf("speech: recording %d: %w", n, err)
	}
	return b, nil
}

// Name returns the file name of recording number n modulo Count, "01.wav" to "10.wav".
func Name(n int) string { return fmt.Sprintf("%02d.wav", n%Count+1) }
