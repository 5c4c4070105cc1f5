package mikey

import (
	"encoding/binary"
	"time"
)

// Timestamp is the content of a T payload (RFC 3830 section 6.6).
type Timestamp struct {
	typ   uint8
	value uint64 // types 0 and 1: NTP 32.32; 2: the counter; 3: whole NTP seconds
}

const (
	ntpEpochOffset = 2208988800 // seconds from 1900 to 1970
	halfEra        = 1 << 31    // half of the 2^32 seconds after which NTP seconds repeat
)

// NewTimestamp is t as an NTP-UTC time stamp. Times at least a nanosecond apart give different ones.
func NewTimestamp(t time.Time) Timestamp {
	seconds := uint64(t.Unix()+ntpEpochOffset) & 0xFFFFFFFF
	// Rounding up keeps whole nanoseconds through the way there and back.
	fraction := (uint64(t.Nanosecond())<<32 + 999_999_999) / 1_000_000_000
	return Timestamp{tsNTPUTC, seconds<<32 | fraction}
}

// NTP is the time stamp as 32.32 bits of NTP UTC time; ok is false for a counter and for NTP local time, which do not
// compare with a clock.
func (t Timestamp) NTP() (ntp uint64, ok bool) {
	switch t.typ {
	case tsNTPUTC:
		return t.value, true
	case tsNTPUTC32:
		return t.value << 32, true
	}
	return 0, false
}

// Time is the instant nearest to near that the time stamp can mean, since NTP seconds repeat after 2^32 (first in
// 2036; RFC 4330 section 3); ok is false where NTP's is.
func (t Timestamp) Time(near time.Time) (at time.Time, ok bool) {
	ntp, ok := t.NTP()
	if !ok {
		return time.Time{}, false
	}
	// Signed difference modulo 2^32 seconds from near.
	diff := int64(int32(uint32(ntp>>32) - uint32(near.Unix()+ntpEpochOffset)))
	nanos := int64((ntp & 0xFFFFFFFF) * 1_000_000_000 >> 32)
	return time.Unix(near.Unix()+diff, nanos).UTC(), true
}

// Counter is the value of a COUNTER time stamp.
func (t Timestamp) Counter() (n uint32, ok bool) {
	return uint32(t.value), t.typ == tsCounter
}

// octets is the value as it travels.
func (t Timestamp) octets() []byte {
	if t.typ == tsCounter || t.typ == tsNTPUTC32 {
		return binary.BigEndian.AppendUint32(nil, uint32(t.value))
	}
	return binary.BigEndian.AppendUint64(nil, t.value)
}

// eight is the value as eight octets, as the KEMAC's IV and V take it: a counter has zeros before it, whole seconds
// have a zero fraction after them.
func (t Timestamp) eight() []byte {
	v := t.value
	if t.typ == tsNTPUTC32 {
		v <<= 32
	}
	return binary.BigEndian.AppendUint64(nil, v)
}
