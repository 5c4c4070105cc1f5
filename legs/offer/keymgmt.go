package offer

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/conclave/conclave/keying"
)

// mikeyProtocol is the identifier of MIKEY in a=key-mgmt (RFC 4567 section 7); case matters.
const mikeyProtocol = "mikey"

// parseKeyMgmt reads the key-mgmt attributes of one level: "prtcl-id SP base64" with at most one space before the
// identifier (RFC 4567 section 3.1). Only MIKEY's data are decoded; other protocols count by name alone.
func parseKeyMgmt(attributes []sdp.Attribute) ([]KeyMgmt, error) {
	var list []KeyMgmt
	for _, a := range attributes {
		if a.Key != "key-mgmt" {
			continue
		}
		protocol, text, _ := strings.Cut(strings.TrimPrefix(a.Value, " "), " ")
		if protocol == "" || strings.ContainsAny(protocol, ";\t") {
			return nil, ErrKeyMgmt
		}
		if len(list) == MaxKeyMgmt {
			return nil, ErrTooLarge
		}
		k := KeyMgmt{Protocol: protocol}
		if protocol == mikeyProtocol {
			if base64.StdEncoding.DecodedLen(len(text)) > MaxMessage+2 {
				return nil, ErrTooLarge
			}
			data, err := base64.StdEncoding.Strict().DecodeString(text)
			if err != nil || len(data) == 0 || len(data) > MaxMessage {
				return nil, ErrKeyMgmt
			}
			k.Data = data
		}
		list = append(list, k)
	}
	return list, nil
}

// keyMgmtCount is the number of key-mgmt attributes of all levels.
func (d *Description) keyMgmtCount() int {
	n := len(d.KeyMgmt)
	for i := range d.Media {
		n += len(d.Media[i].KeyMgmt)
	}
	return n
}

// MIKEY returns the one MIKEY message that applies to the audio line, and the level where it stands. A medium with
// key-mgmt attributes of its own has the session's ignored (RFC 4567 section 4.1.1).
func (d *Description) MIKEY() (data []byte, level Level, err error) {
	m, err := d.Audio()
	if err != nil {
		return nil, LevelSession, err
	}
	return d.mikeyOf(m)
}

// Attributes is the key management that applies to the audio line: the handshake where the profile is one of DTLS, otherwise
// the MIKEY message, the a=crypto lines, or both as alternatives. Key management protocols that are not MIKEY do not matter
// where a=crypto stands beside them. The addresses of the audio line, which MIKEY's updates bind, come also without key management.
func (d *Description) Attributes() (keying.Attributes, error) {
	m, err := d.Audio()
	if err != nil {
		return keying.Attributes{}, err
	}
	keys := keying.Attributes{Addresses: canonical(m.Addr)}
	if overDTLS(m.Proto) {
		keys.DTLS, err = m.dtls()
		return keys, err
	}
	message, _, err := d.mikeyOf(m)
	if len(m.Crypto) > 0 && (errors.Is(err, ErrNoKeyMgmt) || errors.Is(err, ErrKeyMgmtProtocol)) {
		err = nil
	}
	if err == nil {
		keys.MIKEY, keys.Crypto = message, m.Crypto
	}
	return keys, err
}

// mikeyOf picks the message for one medium.
func (d *Description) mikeyOf(m *Media) (data []byte, level Level, err error) {
	list, level := d.KeyMgmt, LevelSession
	if len(m.KeyMgmt) > 0 {
		list, level = m.KeyMgmt, LevelMedia
	}
	if len(list) == 0 {
		return nil, level, ErrNoKeyMgmt
	}
	for _, k := range list {
		if k.Protocol != mikeyProtocol {
			continue
		}
		if data != nil {
			return nil, level, ErrSeveralKeyMgmt
		}
		data = k.Data
	}
	if data == nil {
		return nil, level, ErrKeyMgmtProtocol
	}
	return data, level, nil
}

// SDPIDs is the list of the identifiers of all key-mgmt attributes in the order of the description, joined by ";": what
// a MIKEY message repeats under its own protection against bidding down (RFC 4567 section 4.1.4).
func (d *Description) SDPIDs() string {
	ids := make([]string, 0, MaxKeyMgmt)
	for _, k := range d.KeyMgmt {
		ids = append(ids, k.Protocol)
	}
	for i := range d.Media {
		for _, k := range d.Media[i].KeyMgmt {
			ids = append(ids, k.Protocol)
		}
	}
	return strings.Join(ids, ";")
}

// keyMgmt writes the attribute for a message of ours.
func keyMgmt(message []byte) sdp.Attribute {
	return sdp.NewAttribute("key-mgmt", mikeyProtocol+" "+base64.StdEncoding.EncodeToString(message))
}
