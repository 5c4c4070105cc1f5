package media

// slot is one packet that waits to be played.
type slot struct {
	at     int64  // extended RTP timestamp of its first sample
	length int64  // duration in RTP timestamp units
	data   []byte // payload; the buffer belongs to the slot until it is played
	came   int64  // arrival, ns since 1970
}

func (p *slot) end() int64 { return p.at + p.length }

// buffer holds packets in the order of their media time. Buffers of payloads circulate: taken from free when a packet comes, lent
// to the mixer when it is played, back in free at the next tick. So a stream holds as many as it ever had packets waiting.
type buffer struct {
	n     int
	slots []slot // those after n are free
	lent  [][]byte
	free  [][]byte
	took  int64 // arrival of the oldest packet of the last take
}

// init makes room for what a quiet network needs; a burst makes more, once.
func (b *buffer) init() {
	const usual = 4
	b.slots = make([]slot, usual)
	b.free = make([][]byte, 0, usual)
	b.lent = make([][]byte, 0, usual)
}

// insert copies payload into its place. Packets arrive nearly in order, so the place is
// looked for from the end.
func (b *buffer) insert(at, length int64, payload []byte, came int64) (place insertion) {
	if b.n == bufferPackets {
		return noRoom
	}
	i := b.n
	for i > 0 && b.slots[i-1].at >= at {
		if b.slots[i-1].at == at {
			return isDuplicate
		}
		i--
	}
	if b.n == len(b.slots) {
		b.slots = append(b.slots, make([]slot, min(b.n, bufferPackets-b.n))...)
	}
	copy(b.slots[i+1:b.n+1], b.slots[i:b.n])
	b.n++
	b.slots[i] = slot{at: at, length: length, data: b.keep(payload), came: came}
	return inserted
}

// insertion is what became of a packet.
type insertion uint8

const (
	inserted insertion = iota
	isDuplicate
	noRoom
)

// keep copies payload into a buffer of the stream's own.
func (b *buffer) keep(payload []byte) []byte {
	if n := len(b.free); n > 0 {
		kept := b.free[n-1]
		b.free[n-1] = nil
		b.free = b.free[:n-1]
		if cap(kept) >= len(payload) {
			return append(kept[:0], payload...)
		}
	}
	const grain = 64 // octets; payloads of a constant rate differ by a few
	kept := make([]byte, len(payload), (len(payload)+grain-1)/grain*grain)
	copy(kept, payload)
	return kept
}

// take removes the k oldest packets; their payloads stay valid until reclaim.
func (b *buffer) take(k int) {
	if k > 0 {
		b.took = b.slots[0].came
	}
	for i := range k {
		b.lent = append(b.lent, b.slots[i].data)
	}
	copy(b.slots[:], b.slots[k:b.n])
	clear(b.slots[b.n-k : b.n])
	b.n -= k
}

// reclaim ends the loan of everything taken.
func (b *buffer) reclaim() {
	for i, data := range b.lent {
		b.lent[i] = nil
		if len(b.free) < bufferPackets {
			b.free = append(b.free, data)
		}
	}
	b.lent = b.lent[:0]
}
