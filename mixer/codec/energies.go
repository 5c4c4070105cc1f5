package codec

import "math"

// Energies follows the loudness of a stream of CELT frames without decoding them, for a thirtieth of the price: the energies of the bands
// stand at the head of a frame, each as the difference to what the frame before it and the band below foretell (RFC 6716 section
// 4.3.2.1). What refines them stands behind much else and is left out; of the error half is forgotten with each frame. What remains is half a decibel
// in the mean, and 5 dB in one frame of speech of twenty. The zero value is at the begin of a stream. One caller at a time.
type Energies struct {
	bands [celtBands]float32 // as section 4.3.2 has them: log2 of the amplitude, less its mean in that band
}

// Read takes the frame that follows the one before, and tells the mean square of its samples (of 16 bits, decoded at that rate, in Hz).
// ok: it is one mono frame of CELT of 20 ms; of others nothing is known, and nothing noted. A frame of one octet is a lost one (as libopus has it). Nothing
// is allocated.
func (e *Energies) Read(payload []byte, rate int) (meanSquare float32, ok bool) {
	if celt, single := Single(payload); !celt || !single {
		return 0, false
	}
	toc, frame := split(payload)
	if len(frame) < 2 {
		return 0, false
	}
	d := newRangeDecoder(frame)
	if d.bit(15) { // silence
		e.Rest()
		return 0, true
	}
	h := readHead(&d)
	end := celtEnds[toc>>celtBandwidth&3]
	e.coarse(&d, end, h.intra)
	for i, band := range e.bands[:end] {
		if celtEdges[i]*400 < rate {
			meanSquare += celtWeights[i] * float32(math.Exp2(float64(2*band)))
		}
	}
	clear(e.bands[end:])
	if h.short {
		meanSquare /= celtShorts
	}
	fall := 1 - h.comb
	return meanSquare / (fall * float32(math.Sqrt(float64(fall)))), true
}

// Rest takes a frame of silence.
func (e *Energies) Rest() {
	for i := range e.bands {
		e.bands[i] = celtSilent
	}
}

// head is what stands before the energies in a frame (section 4.3, table 56).
type head struct {
	comb  float32 // gain of the post-filter: it raises what is periodic by 1/(1-comb)^2, and a voice by about 1/(1-comb)^1.5
	short bool    // a transient: the frame is of short ones, whose coefficients are larger
	intra bool    // the frame before foretells nothing
}

func readHead(d *rangeDecoder) (h head) {
	if d.left() >= 16 && d.bit(1) { // section 4.3.7.1
		octave := d.uniform(6)
		d.raw(4 + int(octave)) // the period
		h.comb = float32(d.raw(3)+1) * 3 / 32
		if d.left() >= 2 {
			d.quarters()
		}
	}
	h.short = d.left() >= 3 && d.bit(3)
	h.intra = d.left() >= 3 && d.bit(3)
	return h
}

// coarse reads the energies of the bands.
func (e *Energies) coarse(d *rangeDecoder, end int, intra bool) {
	model, alpha, beta := &celtInter, float32(16384./32768), float32(6554./32768)
	if intra {
		model, alpha, beta = &celtIntra, 0, 4915./32768
	}
	var below float32
	for i := range end {
		q := float32(-1)
		switch left := d.left(); {
		case left >= 15:
			q = float32(d.laplace(uint32(model[2*i])<<7, uint32(model[2*i+1])<<6))
		case left >= 2:
			q = [3]float32{0, -1, 1}[d.quarters()]
		case left >= 1 && !d.bit(1):
			q = 0
		}
		e.bands[i] = min(alpha*max(celtFloor, e.bands[i])+below+q, celtCeiling)
		below += q - beta*q
	}
}
