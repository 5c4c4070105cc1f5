package offer

import (
	"slices"
	"strconv"
	"strings"
)

// Names of the formats that can be negotiated.
const (
	opus           = "opus"
	pcmu           = "pcmu"
	pcma           = "pcma"
	l16            = "l16"
	telephoneEvent = "telephone-event"
)

// Payload types of our own first offers: the static ones of RFC 3551 table 4, and dynamic ones for the rest.
const (
	ptPCMU    = 0
	ptPCMA    = 8
	ptOpus    = 96
	ptL16     = 97 // and the following, one for each rate
	ptEvent8  = 101
	ptEvent48 = 102
)

// defaultL16Rates are the rates of l16 that are taken when Local names none, in Hz.
var defaultL16Rates = []int{16000, 8000}

// staticCodec gives the meaning of a payload type that needs no rtpmap (RFC 3551 table 4).
func staticCodec(pt uint8) (Codec, bool) {
	switch pt {
	case ptPCMU:
		return Codec{Name: pcmu, PT: pt, ClockRate: 8000, Channels: 1}, true
	case ptPCMA:
		return Codec{Name: pcma, PT: pt, ClockRate: 8000, Channels: 1}, true
	case 9: // the clock rate of G.722 is 8000 by an old mistake (RFC 3551 section 4.5.2)
		return Codec{Name: "g722", PT: pt, ClockRate: 8000, Channels: 1}, true
	default:
		return Codec{}, false
	}
}

// formats collects what the attributes say of the payload types of one m= line.
type formats struct {
	order []uint8
	known map[uint8]Codec
}

// newFormats starts with the static meanings. Formats that are no payload type cannot be RTP and are passed over.
func newFormats(list []string) *formats {
	f := &formats{known: make(map[uint8]Codec, len(list))}
	for _, s := range list {
		pt, err := strconv.ParseUint(s, 10, 7)
		if err != nil || slices.Contains(f.order, uint8(pt)) {
			continue
		}
		f.order = append(f.order, uint8(pt))
		if c, ok := staticCodec(uint8(pt)); ok {
			f.known[uint8(pt)] = c
		}
	}
	return f
}

// payloadType cuts "PT rest" and tells whether the m= line lists that payload type.
func (f *formats) payloadType(value string) (pt uint8, rest string, listed bool, err error) {
	number, rest, ok := strings.Cut(value, " ")
	if !ok {
		return 0, "", false, ErrSyntax
	}
	n, err := strconv.ParseUint(number, 10, 7)
	if err != nil {
		return 0, "", false, ErrSyntax
	}
	return uint8(n), strings.TrimSpace(rest), slices.Contains(f.order, uint8(n)), nil
}

// rtpmap reads "PT name/rate[/channels]" (RFC 8866 section 6.6).
func (f *formats) rtpmap(value string) error {
	pt, rest, listed, err := f.payloadType(value)
	if err != nil {
		return err
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 2 && len(parts) != 3 || parts[0] == "" {
		return ErrSyntax
	}
	rate, err := strconv.ParseUint(parts[1], 10, 20)
	if err != nil || rate == 0 {
		return ErrSyntax
	}
	channels := uint64(1)
	if len(parts) == 3 {
		if channels, err = strconv.ParseUint(parts[2], 10, 8); err != nil || channels == 0 {
			return ErrSyntax
		}
	}
	if listed {
		c := f.known[pt]
		f.known[pt] = Codec{
			Name: strings.ToLower(parts[0]), PT: pt, ClockRate: int(rate), Channels: int(channels), Fmtp: c.Fmtp,
		}
	}
	return nil
}

// fmtp keeps the parameters of a payload type. They may come before the rtpmap.
func (f *formats) fmtp(value string) error {
	pt, rest, listed, err := f.payloadType(value)
	if err != nil {
		return err
	}
	if listed {
		c := f.known[pt]
		c.PT, c.Fmtp = pt, rest
		f.known[pt] = c
	}
	return nil
}

// codecs lists the formats that have a meaning, in the order of the m= line.
func (f *formats) codecs() []Codec {
	list := make([]Codec, 0, len(f.order))
	for _, pt := range f.order {
		c := f.known[pt]
		if c.Name == "" {
			continue
		}
		if c.Name == opus {
			c.Bitrate, c.FEC = opusBitrate(c.Fmtp), parameter(c.Fmtp, "useinbandfec") == "1"
		}
		list = append(list, c)
	}
	return list
}

// opusBitrate reads maxaveragebitrate (RFC 7587 section 6.1): the most that the peer wants to get, kept inside the
// codec's range. 0: not stated, or not a number.
func opusBitrate(fmtp string) int {
	n, err := strconv.ParseUint(parameter(fmtp, "maxaveragebitrate"), 10, 31)
	if err != nil || n == 0 {
		return 0
	}
	return min(max(int(n), minOpusBitrate), maxOpusBitrate)
}

// parameter is the value of the first parameter of that name, in any case, in a list that semicolons divide; "" when there is none.
func parameter(fmtp, name string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
