package server

import (
	"embed"
	"sync"
	"time"

	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/ogg"
)

// The prompts, by the names of their files. What they say stands in .ci/prompts, which makes them.
const (
	sayPIN           = "pin"
	sayWrongPIN      = "wrong-pin"
	sayNoMoreTries   = "no-more-tries"
	sayNoPIN         = "no-pin"
	sayModerator     = "moderator"
	sayTooLate       = "too-late"
	sayWelcome       = "welcome"
	sayAlone         = "alone"
	sayMuted         = "muted"
	sayUnmuted       = "unmuted"
	sayHandUp        = "hand-up"
	sayHandDown      = "hand-down"
	sayLocked        = "locked"
	sayUnlocked      = "unlocked"
	sayRecorded      = "recorded"
	sayRecording     = "recording"
	sayRecordingOver = "recording-over"
)

// promptNames lists all of them.
func promptNames() []string {
	return []string{
		sayPIN, sayWrongPIN, sayNoMoreTries, sayNoPIN, sayModerator, sayTooLate, sayWelcome, sayAlone, sayMuted, sayUnmuted, sayHandUp, sayHandDown,
		sayLocked, sayUnlocked, sayRecorded, sayRecording, sayRecordingOver,
	}
}

//go:embed prompts/*.opus
var promptFiles embed.FS

// prompts are decoded when they are first needed, once for all servers of the process: some milliseconds each, 300 KB in memory.
var prompts = func() map[string]func() (*mixer.Clip, error) {
	all := make(map[string]func() (*mixer.Clip, error))
	for _, name := range promptNames() {
		all[name] = sync.OnceValues(func() (*mixer.Clip, error) { return readPrompt(name) })
	}
	return all
}()

func readPrompt(name string) (*mixer.Clip, error) {
	b, err := promptFiles.ReadFile("prompts/" + name + ".opus")
	if err != nil {
		return nil, err
	}
	packets, skip, err := ogg.Read(b)
	if err != nil {
		return nil, err
	}
	return mixer.NewClip(packets, skip)
}

// Tones: up for who comes, down for who goes.
var (
	entryTone = sync.OnceValue(func() *mixer.Clip {
		return mixer.NewTone(mixer.Note{Hz: 587, Length: 90 * time.Millisecond}, mixer.Note{Hz: 880, Length: 140 * time.Millisecond})
	})
	exitTone = sync.OnceValue(func() *mixer.Clip {
		return mixer.NewTone(mixer.Note{Hz: 587, Length: 90 * time.Millisecond}, mixer.Note{Hz: 392, Length: 140 * time.Millisecond})
	})
)
