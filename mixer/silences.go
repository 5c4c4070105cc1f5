package mixer

import (
	"maps"
	"sync/atomic"

	"github.com/conclave/conclave/mixer/codec"
)

// silences keeps the encoding of silence for each format that was met: making one takes up to a millisecond. The table is
// replaced when it grows, never changed, so that workers read it without a lock.
type silences struct {
	table atomic.Pointer[map[codec.Format][]byte]
}

// of is the encoding of silence in a format; nil when the format is impossible.
func (s *silences) of(f codec.Format) []byte {
	known := s.table.Load()
	if known != nil {
		if b, ok := (*known)[f]; ok {
			return b
		}
	}
	b := codec.Silence(f)
	if b == nil {
		return nil
	}
	for known == nil || len(*known) < maxSilences {
		grown := map[codec.Format][]byte{f: b}
		if known != nil {
			maps.Copy(grown, *known)
		}
		if s.table.CompareAndSwap(known, &grown) {
			break
		}
		known = s.table.Load()
	}
	return b
}
