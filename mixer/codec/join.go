package codec

// shorten plays two packets in the time of one: both are decoded, so that the codec's memory stays true, and the first goes over
// into the second where they differ least. false: they are not of one tick each, or not packets at all, and nothing was done
// with the second.
func (d *Decoder) shorten(f Frame, pcm []int16) bool {
	before, err := d.source.duration(f.Before)
	if err != nil || before != d.frame || len(d.queue) > 0 {
		return false
	}
	if n, err := d.source.duration(f.Payload); err != nil || n != d.frame {
		return false
	}
	first := d.space[:d.frame]
	if d.source.decode(f.Before, first) != nil {
		return false
	}
	if d.source.decode(f.Payload, pcm) != nil {
		copy(pcm, first) // which was not to be heard, but is the sound of the moment
		return true
	}
	join(first, pcm)
	return true
}

// join puts the head of a in place of that of b, with a cross-fade where the two differ least. They are equally long.
func join(a, b []int16) {
	length := len(b) * skipJoinMs / (1000 / framesPerSecond)
	stride := max(len(b)/160, 1) // as if at 8 kHz: which is enough to tell pitch and level
	best, least := 0, int64(-1)
	for at := 0; at+length < len(b); at += 8 * stride { // 1 ms apart; the last sample is all b's
		sum := int64(0)
		for i := at; i < at+length; i += stride {
			d := int64(a[i]) - int64(b[i])
			sum += d * d
		}
		if least < 0 || sum < least {
			best, least = at, sum
		}
	}
	copy(b[:best], a)
	for i := range length {
		b[best+i] = int16((int(a[best+i])*(length-i) + int(b[best+i])*i) / length)
	}
}
