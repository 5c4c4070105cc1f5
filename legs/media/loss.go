package media

import "github.com/conclave/conclave/mixer/codec"

// outward decides how what we send is encoded, by what the peer says it loses of it: CELT mode, or SILK with in-band FEC, which costs
// several times as much and sounds on when one packet in ten is gone. Owned by the tick worker; fed by authenticated reports only.
type outward struct {
	fec      bool       // we send with FEC now
	losing   int        // reports of loss in a row, while we do not
	heard    codec.Tick // of the report taken last; valid once any is
	any      bool
	lostLast codec.Tick // of the last report with any loss worth FEC, while we do
}

// report takes the fraction lost of one report, in 1/256 (RFC 3550 section 6.4.1), and says whether the mode changed. Reports in
// quick succession are one: a peer cannot hurry a change, nor have us go to and fro.
func (o *outward) report(fraction uint8, t codec.Tick) (changed bool) {
	if o.any && t-o.heard < lossReportGap && t >= o.heard {
		return false
	}
	o.any, o.heard = true, t
	was := o.fec
	switch {
	case !o.fec && fraction < lossBegin:
		o.losing = 0
	case !o.fec:
		if o.losing++; o.losing >= lossReports {
			o.fec, o.losing, o.lostLast = true, 0, t
		}
	case fraction > lossEnd || t < o.lostLast:
		o.lostLast = t
	case t-o.lostLast >= lossCalm:
		o.fec = false
	}
	return o.fec != was
}

// reform puts together the format of the frames that we take and want: as agreed, and as the peer's losses ask for. The length of a
// packet depends on the bitrate alone, so it stays (RFC 6562).
func (s *Stream) reform() {
	s.format = s.set.format
	on := s.out.way.fec && s.set.FEC && s.format.Codec == codec.Opus
	if on {
		s.format.Mode = codec.ModeVoIP
	}
	s.counters.fec.Store(on)
}
