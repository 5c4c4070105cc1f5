package codec

import "math"

// Tables of RFC 6716 for frames of 20 ms.
const (
	celtBands   = 21
	celtSilent  = -28 // of a silent frame
	celtFloor   = -9  // below which nothing is foretold
	celtCeiling = 16  // far above what 16 bits hold: damaged frames could climb for ever
	celtShorts  = 8   // frames in a transient one

	celtBandwidth = 5 // shift of the TOC octet

	// celtScale is the mean square of the samples for the sum of the squares of the amplitudes: a half, less what a difference of whole steps is
	// above the one that it stands for, in the mean.
	celtScale = 0.45
)

// celtEnds is the number of coded bands by bandwidth: narrow, wide, super-wide, full (section 4.3).
var celtEnds = [4]int{13, 17, 19, 21}

// celtEdges are where the bands begin, in 200 Hz, and the last one ends (section 4.3, table 55).
var celtEdges = [celtBands + 1]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40, 48, 60, 78, 100}

// celtMeans are what was taken off the bands (eMeans of section 4.3.2), in 1/16.
var celtMeans = [celtBands]float64{103, 100, 92, 85, 81, 77, 72, 70, 78, 75, 73, 71, 78, 74, 69, 72, 70, 74, 76, 71, 60}

// celtInter and celtIntra are the distributions of the differences (e_prob_model of section 4.3.2.1): for each band the
// probability of zero and the decay, in 1/256.
var (
	celtInter = [2 * celtBands]uint8{
		42, 121, 96, 66, 108, 43, 111, 40, 117, 44, 123, 32, 120, 36, 119, 33, 127, 33, 134, 34, 139,
		21, 147, 23, 152, 20, 158, 25, 154, 26, 166, 21, 173, 16, 184, 13, 184, 10, 150, 13, 139, 15,
	}
	celtIntra = [2 * celtBands]uint8{
		22, 178, 63, 114, 74, 82, 84, 83, 92, 82, 103, 62, 96, 72, 96, 67, 101, 73, 107, 72, 113,
		55, 118, 52, 125, 52, 118, 52, 117, 55, 135, 49, 137, 39, 157, 32, 145, 29, 97, 33, 77, 40,
	}
)

// celtWeights bring the squares of the bands' amplitudes to the mean square of samples.
var celtWeights = weighBands()

// weighBands takes in the means, and the filter behind the bands, which raises low tones (de-emphasis, section 4.3.7.2).
func weighBands() (weights [celtBands]float32) {
	const emphasis, steps = 0.85, 64
	for i := range weights {
		low, high := float64(celtEdges[i]), float64(celtEdges[i+1])
		var gain float64
		for k := range steps {
			w := 2 * math.Pi * 200 * (low + (high-low)*(float64(k)+0.5)/steps) / 48000
			gain += 1 / (1 + emphasis*emphasis - 2*emphasis*math.Cos(w)) / steps
		}
		weights[i] = float32(gain * math.Exp2(2*celtMeans[i]/16) * celtScale)
	}
	return weights
}
