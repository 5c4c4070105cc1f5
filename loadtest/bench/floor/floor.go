package floor

import (
	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/mixer/codec"
)

// Parts are what the floor is made of, in microseconds of processor time.
type Parts struct {
	Kernel float64         // a packet received and one sent
	Cipher float64         // a packet opened and one protected
	Voice  map[int]float64 // a voice mixed, by the rate of the room in Hz
	coding map[Coding]cost
}

// Measured are the parts measured in both ways.
type Measured struct {
	Hot   Parts // one operation right after the other, as fast as they go
	Paced Parts // each every 20 ms, among the others
}

// Measure measures the parts on a core, for rooms in which these formats meet. The peers have another of those that this process may use, if
// there is one.
func Measure(core int, suite keying.Suite, formats []codec.Format) (m Measured, err error) {
	allowed, err := Cores()
	if err != nil {
		return m, err
	}
	p := &m.Hot
	p.Voice, p.coding = make(map[int]float64), make(map[Coding]cost)
	rate := RoomRate(formats)
	said := tones(rate)
	err = on(core, func() (err error) {
		if p.Kernel, err = kernelTime(); err != nil {
			return err
		}
		if m.Paced, err = pacedParts(beside(core, allowed), suite, formats, said); err != nil {
			return err
		}
		if p.Cipher, err = cipherTime(suite); err != nil {
			return err
		}
		if p.Voice[rate], err = voiceTime(said[7]); err != nil {
			return err
		}
		for _, f := range formats {
			c := Coding{f, rate}
			if p.coding[c], err = codingTime(c, said); err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}

// AtPace tells whether rooms with so many legs, of which so many talk, are like those in which the parts at the pace of a call are measured. Where
// more is done in a row, caches warm up again within it, and those parts would be too much.
func AtPace(legs, talkers int) bool { return legs == slotLegs && talkers <= slotCoders }

// RoomRate is the least rate in Hz at which nothing of any format is lost.
func RoomRate(formats []codec.Format) int {
	rate := 0
	for _, f := range formats {
		rate = max(rate, f.NeededRate())
	}
	return rate
}

// Encode is the time of one frame encoded from the rate of a room.
func (p Parts) Encode(f codec.Format, rate int) float64 { return p.coding[Coding{f, rate}].encode }

// Decode is the time of one frame decoded to the rate of a room.
func (p Parts) Decode(f codec.Format, rate int) float64 { return p.coding[Coding{f, rate}].decode }

// Least takes, part by part, the lesser of two measurements.
func (m Measured) Least(n Measured) Measured {
	return Measured{m.Hot.least(n.Hot), m.Paced.least(n.Paced)}
}

func (p Parts) least(q Parts) Parts {
	l := Parts{Kernel: min(p.Kernel, q.Kernel), Cipher: min(p.Cipher, q.Cipher), Voice: make(map[int]float64), coding: make(map[Coding]cost)}
	for rate, v := range p.Voice {
		l.Voice[rate] = min(v, q.Voice[rate])
	}
	for c, v := range p.coding {
		w := q.coding[c]
		l.coding[c] = cost{min(v.encode, w.encode), min(v.decode, w.decode)}
	}
	return l
}

// Seat is a leg as the model sees it.
type Seat struct {
	Format codec.Format
	Talks  bool
}

// Room is the floor of a room, in microseconds a tick, of which at most loudest talkers are mixed:
//
//	legs * (kernel + cipher)            a packet of every leg received, opened, and one protected and sent
//	+ talkers * decode                  whoever talks is decoded, also to learn that he is not among the loudest
//	+ mixed * voice                     added to the sum, and taken from it for its own listener
//	+ encodes * encode                  one for every distinct mix and format in which somebody hears it
//
// There is the full mix, for those who are not in it, and one for each who is; that of a sole talker is silence and costs nothing.
func (p Parts) Room(seats []Seat, loudest int) float64 {
	var formats []codec.Format
	for _, s := range seats {
		formats = append(formats, s.Format)
	}
	rate := RoomRate(formats)
	sum := p.Forwarded(seats)
	mixed, full, minus := 0, make(map[codec.Format]bool), 0.0
	for _, s := range seats {
		if s.Talks {
			sum += p.Decode(s.Format, rate)
		}
		if s.Talks && mixed < loudest {
			mixed++
			minus += p.Encode(s.Format, rate)
		} else {
			full[s.Format] = true
		}
	}
	if mixed == 0 {
		return sum
	}
	sum += float64(mixed) * p.Voice[rate]
	if mixed > 1 {
		sum += minus
	}
	for f := range full {
		sum += p.Encode(f, rate)
	}
	return sum
}

// Forwarded is the floor of a room whose sole talker's frames go out as they came in, and of one in which nobody talks.
func (p Parts) Forwarded(seats []Seat) float64 { return float64(len(seats)) * (p.Kernel + p.Cipher) }
