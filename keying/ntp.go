package keying

import "time"

// ntp is a 64-bit NTP timestamp: seconds since 1900 modulo 2^32 and a binary fraction (RFC 3830 section 6.6). Two of them
// are compared by their signed difference, so that the wrap of 2036 means nothing (RFC 4330 section 3).
type ntp uint64

// ntpEpoch is the difference between the epochs of NTP (1900) and Unix (1970), in seconds.
const ntpEpoch = 2_208_988_800

func ntpOf(t time.Time) ntp {
	seconds := uint64(t.Unix()+ntpEpoch) << 32
	return ntp(seconds | uint64(t.Nanosecond())<<32/uint64(time.Second))
}

// after says whether t is later than u.
func (t ntp) after(u ntp) bool { return int64(t-u) > 0 }

// sub is t-u, right within 68 years.
func (t ntp) sub(u ntp) time.Duration {
	difference := int64(t - u)
	fraction := uint64(difference) & 0xFFFF_FFFF
	return time.Duration(difference>>32)*time.Second + time.Duration(fraction*uint64(time.Second)>>32)
}

// add is t+d.
func (t ntp) add(d time.Duration) ntp {
	seconds := d / time.Second
	fraction := int64(d%time.Second) << 32 / int64(time.Second)
	return t + ntp(int64(seconds)<<32+fraction)
}
