package offer

// Profiles of the audio lines that are used.
const (
	profileSAVP  = "RTP/SAVP"  // RFC 3711
	profileSAVPF = "RTP/SAVPF" // RFC 5124

	profileTLSSAVP  = "UDP/TLS/RTP/SAVP"  // RFC 5764 section 8
	profileTLSSAVPF = "UDP/TLS/RTP/SAVPF" // RFC 5764 section 8
)

// overDTLS tells whether the keys of a profile come of a handshake over the media path.
func overDTLS(proto string) bool { return proto == profileTLSSAVP || proto == profileTLSSAVPF }

// Audio finds the first audio line that can be used: RTP/SAVP or UDP/TLS/RTP/SAVP, or their variants with feedback, with a port.
// The error tells the best reason
// why there is none: ErrDisabled before ErrNotSecure before ErrProfile before ErrNoAudio.
func (d *Description) Audio() (*Media, error) {
	i, err := d.audio()
	if err != nil {
		return nil, err
	}
	return &d.Media[i], nil
}

// audio is Audio by index.
func (d *Description) audio() (int, error) {
	reason, rank := ErrNoAudio, 0
	for i := range d.Media {
		m := &d.Media[i]
		if m.Kind != "audio" {
			continue
		}
		err, r := ErrProfile, 1
		switch m.Proto {
		case profileSAVP, profileSAVPF, profileTLSSAVP, profileTLSSAVPF:
			if m.Port != 0 {
				return i, nil
			}
			err, r = ErrDisabled, 3
		case "RTP/AVP", "RTP/AVPF":
			err, r = ErrNotSecure, 2
		}
		if r > rank {
			reason, rank = err, r
		}
	}
	return 0, reason
}
