package mikey

import (
	"crypto"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// InspectKeys is what whoever debugs a phone knows.
type InspectKeys struct {
	PSK      []byte           // nil: unknown
	Peer     PeerKey          // of the signer; Public nil: unknown
	Own      crypto.Decrypter // our RSA key, to which a PKE message was encrypted; nil: unknown
	ShowKeys bool             // put TEKs and salts into the report
	Now      time.Time
}

// Report is one decoded message, in the JSON of `conclave mikey inspect`.
type Report struct {
	Type          string          `json:"type"`
	CSBID         uint32          `json:"csb_id"`
	PRF           string          `json:"prf"`
	V             bool            `json:"v"`
	Timestamp     string          `json:"timestamp"` // RFC 3339, or "counter N"
	RAND          string          `json:"rand"`      // hexadecimal
	IDs           []string        `json:"ids"`       // in the order of the message
	Policies      []PolicyReport  `json:"policies"`
	SDPIDs        string          `json:"sdp_ids"`
	VendorExt     string          `json:"vendor_ext,omitempty"` // hexadecimal
	Update        bool            `json:"update,omitempty"`     // continues a bundle: its keys hang on the RAND of the first message
	Refresh       bool            `json:"refresh,omitempty"`    // an update without a key
	Payloads      []PayloadReport `json:"payloads"`
	Errors        []string        `json:"errors,omitempty"` // of an error message, by name
	Authenticated *bool           `json:"authenticated"`    // null: the keys given cannot tell
	Error         string          `json:"error,omitempty"`  // why it is malformed or does not authenticate
	CS            []CSReport      `json:"cs"`
}

// PayloadReport is the size of one payload on the wire.
type PayloadReport struct {
	Type   string `json:"type"`
	Octets int    `json:"octets"`
}

// PolicyReport is one SP payload.
type PolicyReport struct {
	Number uint8            `json:"number"`
	Suite  string           `json:"suite"`  // empty when its parameters make none that has a name here
	Params map[uint8]string `json:"params"` // type → value in hexadecimal
}

// CSReport is one crypto session. TEK and salt are there only when they were asked for and could be had.
type CSReport struct {
	ID    int    `json:"id"`
	SSRC  uint32 `json:"ssrc"`
	ROC   uint32 `json:"roc"`
	Suite string `json:"suite"` // empty in an answer, which does not say
	TEK   string `json:"tek,omitempty"`
	Salt  string `json:"salt,omitempty"`
	MKI   string `json:"mki,omitempty"` // hexadecimal; of a TGK under encryption only where its key is known
}

// Inspect decodes one message and verifies it as far as keys allow. The report of a malformed message holds what was
// read before the fault.
func Inspect(b []byte, keys InspectKeys) Report {
	m, err := Parse(b)
	if err != nil {
		m = &Message{raw: b[:min(len(b), MaxMessage)]}
		_ = m.parse() // its error is err
	}
	rep := m.report(keys.Now)
	if err != nil {
		rep.Error = err.Error()
		return rep
	}
	crypto, err := m.inspectAuth(keys)
	if !errors.Is(err, errCannotTell) {
		ok := err == nil
		rep.Authenticated = &ok
		if err != nil {
			rep.Error = err.Error()
		}
	}
	if crypto != nil {
		defer crypto.Wipe()
		if keys.ShowKeys {
			rep.addKeys(crypto)
		}
		for i := range rep.CS {
			rep.CS[i].MKI = hex.EncodeToString(crypto.MKI())
		}
	}
	return rep
}

// report is what the octets say by themselves.
func (m *Message) report(near time.Time) Report {
	rep := Report{
		Type: m.header.typ.String(), CSBID: m.header.csbID, PRF: m.header.prf.String(), V: m.header.v,
		RAND: hex.EncodeToString(m.RAND()), IDs: []string{}, Policies: []PolicyReport{}, Payloads: []PayloadReport{},
		CS: []CSReport{},
	}
	if _, ok := find[timestampPayload](m); ok {
		rep.Timestamp = m.Timestamp().text(near)
	}
	rep.SDPIDs, _ = m.SDPIDs()
	ext, _ := m.VendorExt()
	rep.VendorExt = hex.EncodeToString(ext)
	rep.Update, rep.Refresh = m.Update(), m.Refresh()
	for _, n := range m.ErrorNumbers() {
		rep.Errors = append(rep.Errors, n.String())
	}
	for _, p := range m.payloads {
		rep.Payloads = append(rep.Payloads, PayloadReport{p.code().String(), len(p.append(nil, 0))})
		if id, ok := p.(idPayload); ok {
			rep.IDs = append(rep.IDs, strings.ToValidUTF8(id.value.Data, "?"))
		}
	}
	policies := m.Policies()
	for _, p := range policies {
		params := map[uint8]string{}
		for _, q := range p.Params {
			params[q.Type] = hex.EncodeToString(q.Value)
		}
		rep.Policies = append(rep.Policies, PolicyReport{p.Number, p.suite().name, params})
	}
	value, _ := find[dhPayload](m) // DHr stands first in an answer; it repeats the initiator's SPI or has none
	for i, s := range m.header.sessions {
		name := policyOf(policies, s).suite().name
		if len(policies) == 0 && !m.header.typ.proposes() {
			name = "" // an answer repeats no policy; the suite stands in the I_MESSAGE
		}
		rep.CS = append(rep.CS, CSReport{ID: i + 1, SSRC: s.SSRC, ROC: s.ROC, Suite: name, MKI: hex.EncodeToString(value.validity.spi)})
	}
	return rep
}

// proposes says whether the message is the one whose policies, or their defaults, hold.
func (t Type) proposes() bool {
	switch t {
	case TypePSKInit, TypePKEInit, TypeDHInit, TypeDHHMACInit, TypeRSARInit:
		return true
	default:
		return false
	}
}

// errCannotTell: the keys given do not say whether the message is authentic.
var errCannotTell = errors.New("mikey: cannot tell")

// inspectAuth verifies what can be verified from one message alone: neither an R that is authenticated with the RAND or
// the identities of its I_MESSAGE, nor an update.
func (m *Message) inspectAuth(keys InspectKeys) (*Crypto, error) {
	switch m.header.typ {
	case TypePSKInit:
		if keys.PSK == nil || m.RAND() == nil {
			return nil, errCannotTell
		}
		resp, err := AuthenticatePSK(m, keys.PSK, nil)
		if err != nil {
			return nil, err
		}
		defer resp.Wipe()
		c, _, err := resp.Answer(Answer{})
		return c, err
	case TypeDHHMACInit:
		if keys.PSK == nil || m.RAND() == nil {
			return nil, errCannotTell
		}
		return nil, messageKey{m.header.prf, keys.PSK, m.header.csbID, m.RAND()}.checkDH(m)
	case TypePKEInit:
		return m.inspectPKE(keys)
	case TypeDHInit, TypeDHResp, TypeRSARInit:
		if keys.Peer.Public == nil {
			return nil, errCannotTell
		}
		return nil, keys.Peer.verify(m, nil)
	default:
		return nil, errCannotTell
	}
}

// inspectPKE verifies the signature where its key is known and opens the envelope where ours is. An envelope that opens
// proves nothing without the signature: whoever has our certificate can make one.
func (m *Message) inspectPKE(keys InspectKeys) (*Crypto, error) {
	outcome := errCannotTell
	if keys.Peer.Public != nil {
		outcome = keys.Peer.verify(m, nil)
	}
	id, named := m.IDi()
	if keys.Own == nil || !named || outcome != nil && !errors.Is(outcome, errCannotTell) {
		return nil, outcome
	}
	own := Decrypter{Key: keys.Own}
	if err := errors.Join(m.checkInit(TypePKEInit, nil), own.checkEnvelope(m)); err != nil {
		return nil, err
	}
	c, _, err := (&pkeResponse{m: m, own: own}).Answer(Answer{IDi: id.Data})
	if err != nil {
		return nil, err
	}
	return c, outcome
}

// addKeys fills in the keys. A map without entries gets the two sessions that every m-line has by convention.
func (rep *Report) addKeys(c *Crypto) {
	if len(rep.CS) == 0 {
		name := policyOf(c.policies, Session{}).suite().name
		rep.CS = []CSReport{{ID: 1, Suite: name}, {ID: 2, Suite: name}}
	}
	for i := range rep.CS {
		var s Session
		if i < len(c.sessions) {
			s = c.sessions[i]
		}
		suite := policyOf(c.policies, s).suite()
		key, err := c.Key(uint8(i+1), suite.key)
		if err == nil {
			rep.CS[i].TEK = hex.EncodeToString(key)
		}
		if salt, err := c.Salt(uint8(i+1), suite.salt); err == nil {
			rep.CS[i].Salt = hex.EncodeToString(salt)
		}
	}
}
