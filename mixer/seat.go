package mixer

import (
	"math"
	"sync/atomic"
	"time"
)

// SeatConfig is how a seat starts.
type SeatConfig struct {
	// Muted: nobody hears the seat. Deaf: the seat is sent silence, but for what it must be told. Apart: also of that it hears only what is
	// for it alone, as long as it is deaf.
	Muted, Deaf, Apart bool
	// GainDB is how loud the others hear the seat, in dB, from -60 to 20.
	GainDB float64
}

// Seat is one participant in a room, as audio. Its exported methods are for any goroutine.
type Seat struct {
	room  *Room         // set once in newSeat
	turns chan struct{} // set once in newSeat

	muted, deaf, apart atomic.Bool

	gain     atomic.Int32  // fixed point, see unity
	speaking atomic.Bool   // stored by the worker
	level    atomic.Uint32 // bits of a float32, mean square of the last frame; stored by the worker
	talked   atomic.Uint64 // ticks of speech; stored by the worker
	gap      atomic.Int64  // ticks from the last frame of the old port to the first of the new; 0: no handover; stored by the worker

	hearing  // belongs to the worker of the tick
	handover // belongs to the worker of the tick
	place    // belongs to the worker of the tick

	announcer announcer // belongs to the worker of the tick
}

func newSeat(r *Room, c SeatConfig) *Seat {
	s := &Seat{room: r, turns: make(chan struct{}, 1)}
	s.muted.Store(c.Muted)
	s.deaf.Store(c.Deaf)
	s.apart.Store(c.Apart)
	s.SetGain(c.GainDB)
	return s
}

// Attach adds a port from the next tick on. A seat may have several ports during a move: all of them hear the seat's bus, and the
// one attached last speaks for the seat from its first frame of voice.
func (s *Seat) Attach(p Port) {
	s.room.post(command{verb: verbAttach, seat: s, port: p, done: make(chan struct{})})
}

// Detach removes a port between two ticks. The returned channel is closed once no worker will touch the port again.
func (s *Seat) Detach(p Port) <-chan struct{} {
	done := make(chan struct{})
	s.room.post(command{verb: verbDetach, seat: s, port: p, done: done})
	return done
}

// Leave removes the seat and its ports between two ticks. The returned channel is closed once no worker will touch them again.
func (s *Seat) Leave() <-chan struct{} {
	done := make(chan struct{})
	s.room.post(command{verb: verbLeave, seat: s, done: done})
	return done
}

// SetMuted silences the seat for the others, or lets them hear it again. The voice fades within one tick.
func (s *Seat) SetMuted(muted bool) { s.muted.Store(muted) }

// SetDeaf sends the seat silence, or the room again. What interrupts the room it hears all the same.
func (s *Seat) SetDeaf(deaf bool) { s.deaf.Store(deaf) }

// SetApart keeps also that from a seat that is deaf, or no longer.
func (s *Seat) SetApart(apart bool) { s.apart.Store(apart) }

// SetGain is how loud the others hear the seat, in dB; values outside -60 to 20 are brought to the nearest bound, and NaN is 0.
func (s *Seat) SetGain(db float64) {
	if math.IsNaN(db) {
		db = 0
	}
	db = max(minGainDB, min(maxGainDB, db))
	s.gain.Store(int32(math.Round(unity * math.Pow(10, db/20))))
}

// Muted says whether the others cannot hear the seat.
func (s *Seat) Muted() bool { return s.muted.Load() }

// Deaf says whether the seat is sent silence.
func (s *Seat) Deaf() bool { return s.deaf.Load() }

// Speaking says whether the seat speaks and is not muted, with a hangover of 400 ms.
func (s *Seat) Speaking() bool { return s.speaking.Load() }

// LevelDBFS is the level of the seat's last frame, before its gain, in dB relative to full scale; SilenceDBFS when there is none.
func (s *Seat) LevelDBFS() float64 {
	ms := float64(math.Float32frombits(s.level.Load()))
	if ms <= 0 {
		return SilenceDBFS
	}
	return max(SilenceDBFS, 10*math.Log10(ms/fullScale))
}

// TalkTime is for how long the seat has spoken.
func (s *Seat) TalkTime() time.Duration { return time.Duration(s.talked.Load()) * tickLength }

// SilenceDBFS is the level of silence: the quantisation floor of 16 bits.
const SilenceDBFS = -96.0
