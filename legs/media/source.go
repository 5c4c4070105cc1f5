package media

// sourceStats keeps the numbers of RFC 3550 appendix A.1, A.3 and A.8 for the peer's stream; owned by the tick worker. Only packets
// that passed authentication and the replay window come here, so it needs no probation.
type sourceStats struct {
	started  bool
	base     int64 // first extended sequence number
	highest  int64 // highest extended sequence number
	received int64
	carried  int64 // lost packets of sources before this one

	lastExpected, lastReceived int64 // at the last report

	transit  int64 // ns, arrival minus media time of the last packet
	lastTS   uint32
	mediaNS  int64 // media time of the last packet since the first
	measured bool
	jitterNS int64
}

// add counts a packet and says whether it is the newest.
func (r *sourceStats) add(sequence uint16, c *counters) (newest bool) {
	c.packetsReceived.Add(1)
	if !r.started {
		r.started, r.base, r.highest, r.received = true, int64(sequence), int64(sequence), 1
		return true
	}
	r.received++
	extended := r.highest + int64(int16(sequence-uint16(r.highest)))
	newest = extended > r.highest
	r.highest = max(r.highest, extended)
	r.base = min(r.base, extended)
	if lost := r.carried + r.missing(); lost != c.lost.Load() { // a store costs more than a look
		c.lost.Store(lost)
	}
	return newest
}

func (r *sourceStats) expected() int64 {
	if !r.started {
		return 0
	}
	return r.highest - r.base + 1
}

func (r *sourceStats) missing() int64 { return r.expected() - r.received }

// jitter updates the interarrival jitter (RFC 3550 A.8), in nanoseconds.
func (r *sourceStats) jitter(timestamp uint32, arrival int64, clock int, c *counters) {
	if !r.measured {
		r.measured, r.lastTS, r.mediaNS, r.transit = true, timestamp, 0, arrival
		return
	}
	const second = 1e9
	step := int64(int32(timestamp - r.lastTS))
	r.lastTS = timestamp
	r.mediaNS += step * second / int64(clock)
	transit := arrival - r.mediaNS
	d := transit - r.transit
	r.transit = transit
	if d < 0 {
		d = -d
	}
	if d > second { // a pause without timestamps, or a step of the wall clock: not the network
		return
	}
	r.jitterNS += (d - r.jitterNS) / 16
	c.jitterUS.Store(r.jitterNS / 1000)
}

// reclock starts the jitter measurement again after the clock rate changed.
func (r *sourceStats) reclock() { r.measured = false }

// restart begins with a new source; what the old one lost stays counted.
func (r *sourceStats) restart() {
	*r = sourceStats{carried: r.carried + max(r.missing(), 0)}
}
