package recording

import (
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// format is what recordings are encoded in: that of most listeners, so that it costs no encoding where there is one.
var format = codec.Format{Codec: codec.Opus, Rate: 48000, Bitrate: codec.DefaultBitrate}

const (
	tickLength = 20 * time.Millisecond
	// maxOctets bounds one packet; those of the format have 80.
	maxOctets = 128
	// queueLength is what waits for the disk at most: 20 s, longer than a disk is busy with something else.
	queueLength = 1000
	// pace is how often the queue is emptied. Nobody is woken up by a tick.
	pace = 200 * time.Millisecond
	// longest ends a recording that everybody has forgotten, where nobody says sooner: 24 h, 350 MB.
	longest = 24 * time.Hour
	// maxGap bounds the silence that takes the place of missing ticks; a machine that slept for longer did not confer.
	maxGap = time.Minute
	// MaxRunning bounds the recordings under way: 4 KB a second each.
	MaxRunning = 64
	// maxKept bounds the files that are looked at for a list.
	maxKept = 100_000
	// idOctets of randomness tell recordings of one second apart.
	idOctets = 4
)
