package codec

// The tables of G.711. Encoding looks at 14 bits of the sample for mu-law and 12 for A-law, as ITU-T G.191 does; the
// bits below are truncated.
var (
	muDecode [256]int16
	muEncode [1 << 14]byte // index: sample>>2, as unsigned 14 bits
	aDecode  [256]int16
	aEncode  [1 << 12]byte // index: sample>>4, as unsigned 12 bits
)

func init() {
	for i := range 256 {
		muDecode[i] = expandMu(byte(i))
		aDecode[i] = expandA(byte(i))
	}
	for i := range muEncode {
		muEncode[i] = compressMu(int(int16(i<<2)) >> 2)
	}
	for i := range aEncode {
		aEncode[i] = compressA(int(int16(i<<4)) >> 4)
	}
}

// expandMu is the decoder of G.711 table 2: all bits inverted, segment and mantissa, bias 33 of 14 bits.
func expandMu(b byte) int16 {
	b = ^b
	segment, mantissa := uint(b>>4&7), int(b&15)
	v := (mantissa<<1+33)<<segment - 33
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v << 2)
}

// compressMu encodes a sample of 14 bits.
func compressMu(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		v, sign = ^v, 0 // one's complement, as G.191
	}
	v = min(v+33, 0x1fff)
	segment := 0
	for s := v >> 6; s != 0; s >>= 1 {
		segment++
	}
	mantissa := v >> (segment + 1) & 15
	return sign | ^byte(segment<<4|mantissa)&0x7f
}

// expandA is the decoder of G.711 table 1: even bits inverted, samples of 13 bits with half a step added.
func expandA(b byte) int16 {
	b ^= 0x55
	segment, v := uint(b>>4&7), int(b&15)<<4+8
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// compressA encodes a sample of 12 bits.
func compressA(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		v, sign = ^v, 0
	}
	if v > 15 { // segments 1 to 7: normalise the mantissa to 4 bits below its leading one
		segment := 1
		for v > 16+15 {
			v >>= 1
			segment++
		}
		v = v - 16 + segment<<4
	}
	return (sign | byte(v)) ^ 0x55
}

// decodeG711 and encodeG711 work on slices of equal length.
func decodeG711(table *[256]int16, in []byte, out []int16) {
	out = out[:len(in)]
	for i, b := range in {
		out[i] = table[b]
	}
}

func encodeMu(in []int16, out []byte) {
	out = out[:len(in)]
	for i, s := range in {
		out[i] = muEncode[uint16(s)>>2]
	}
}

func encodeA(in []int16, out []byte) {
	out = out[:len(in)]
	for i, s := range in {
		out[i] = aEncode[uint16(s)>>4]
	}
}
