// Package speech holds ten short recordings of people in a conference, for the demonstration and for tests.
//
// What it is: ten WAV files (PCM16, mono, 8 kHz, 3.7 to 5.2 s, peaks at -3 dB), compiled into the binary. They were made
// with espeak-ng by make.sh in this folder; README.md says how. What it is not: it plays nothing and parses nothing;
// package sound reads WAV.
//
// Goroutines: none. Every call returns its own copy.
package speech
