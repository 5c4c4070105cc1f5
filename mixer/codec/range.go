package codec

import "math/bits"

// rangeDecoder reads the symbols of a CELT frame (RFC 6716 section 4.1). Beyond the end of the frame it reads zeros, so that it needs no
// errors; what a damaged frame holds is nonsense, and bounded.
type rangeDecoder struct {
	frame []byte
	at    int    // the next octet
	last  uint32 // the one before it, of which a bit is left
	rng   uint32 // size of the range
	val   uint32 // distance of the code from its top, less one
	total int    // bits read, with those that rng still holds
	end   int    // raw bits read, from the end
}

const (
	rangeTop   = 1 << 31
	rangeFloor = rangeTop >> 8
)

func newRangeDecoder(frame []byte) rangeDecoder {
	d := rangeDecoder{frame: frame, rng: 128, total: 9}
	d.last = d.octet()
	d.val = d.rng - 1 - d.last>>1
	d.renormalize()
	return d
}

func (d *rangeDecoder) octet() uint32 {
	if d.at >= len(d.frame) {
		return 0
	}
	d.at++
	return uint32(d.frame[d.at-1])
}

// renormalize is section 4.1.2.1.
func (d *rangeDecoder) renormalize() {
	for d.rng <= rangeFloor {
		before := d.last
		d.last = d.octet()
		d.val = (d.val<<8 + ^(before<<8|d.last)>>1&0xFF) & (rangeTop - 1)
		d.rng <<= 8
		d.total += 8
	}
}

// tell is how many bits the symbols so far took, rounded up (section 4.1.6.1).
func (d *rangeDecoder) tell() int { return d.total - bits.Len32(d.rng) }

// left is how many are left.
func (d *rangeDecoder) left() int { return 8*len(d.frame) - d.tell() }

// symbol is where the next symbol lies of a range of that size (section 4.1.2), and the size of one such part.
func (d *rangeDecoder) symbol(size uint32) (at, part uint32) {
	part = d.rng / size
	return size - min(d.val/part+1, size), part
}

// take reads that symbol, which covers low to high.
func (d *rangeDecoder) take(low, high, size, part uint32) {
	above := part * (size - high)
	d.val -= above
	if low > 0 {
		d.rng = part * (high - low)
	} else {
		d.rng -= above
	}
	d.renormalize()
}

// uniform reads one of so many values, 256 at most (section 4.1.5).
func (d *rangeDecoder) uniform(values uint32) uint32 {
	at, part := d.symbol(values)
	d.take(at, at+1, values, part)
	return at
}

// bit reads a bit that is one with a probability of 2^-rarity (section 4.1.3.2).
func (d *rangeDecoder) bit(rarity int) bool {
	one := d.rng >> rarity
	set := d.val < one
	if set {
		d.rng = one
	} else {
		d.val -= one
		d.rng -= one
	}
	d.renormalize()
	return set
}

// quarters reads 0 with a probability of a half, 1 or 2 with one of a quarter (section 4.1.3.3).
func (d *rangeDecoder) quarters() int {
	at, part := d.symbol(4)
	low, high := [4]uint32{0, 0, 2, 3}[at], [4]uint32{2, 2, 3, 4}[at]
	d.take(low, high, 4, part)
	return int(max(at, 1)) - 1
}

// raw reads bits that stand at the end of the frame, up to 16, the lowest first (section 4.1.4).
func (d *rangeDecoder) raw(n int) (v uint32) {
	for i := range n {
		if at := len(d.frame) - 1 - (d.end+i)/8; at >= 0 {
			v |= uint32(d.frame[at]) >> ((d.end + i) % 8) & 1 << i
		}
	}
	d.end += n
	d.total += n
	return v
}

// laplace reads a whole number of a two-sided geometric distribution: zero has the probability zero/32768, and each further one is less
// likely than the one before it by decay/32768, though none by less than 1/32768 (section 4.3.2.1, and ec_laplace_decode there).
func (d *rangeDecoder) laplace(zero, decay uint32) int {
	const size, sure = 1 << 15, 2 * 16 // 16 values each way are told apart at least
	at, part := d.symbol(size)
	low, width, v := uint32(0), zero, 0
	if at >= zero {
		low, width, v = zero, (size-sure-zero)*(size/2-decay)>>15+1, 1
		for width > 1 && at >= low+2*width {
			low += 2 * width
			width = (2*width-2)*decay>>15 + 1
			v++
		}
		if width <= 1 {
			further := (at - low) / 2
			v += int(further)
			low += 2 * further
		}
		if at < low+width {
			v = -v
		} else {
			low += width
		}
	}
	d.take(low, min(low+width, size), size, part)
	return v
}
