package sound

import "errors"

var (
	// ErrWAV says that a file is no WAV file that can be used: PCM16, mono, 8, 16 or 48 kHz.
	ErrWAV = errors.New("sound: not a usable WAV file")
	// ErrTooLong says that a WAV file holds more than ten minutes.
	ErrTooLong = errors.New("sound: WAV file too long")
	// ErrClosed says that a recording was closed already.
	ErrClosed = errors.New("sound: recording is closed")
)
