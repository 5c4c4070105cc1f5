package mikey

import "encoding/binary"

// payload is one payload after the header. append writes it with the given next payload octet; SIGN has none.
type payload interface {
	code() PayloadType
	append(b []byte, next PayloadType) []byte
}

// The layouts are those of RFC 3830 section 6; lengths were checked when the payload was parsed or built.
type (
	timestampPayload struct{ value Timestamp }
	randPayload      struct{ value []byte }
	idPayload        struct{ value Identity }
	certPayload      struct {
		typ  uint8
		data []byte
	}
	chashPayload struct {
		hash uint8
		data []byte
	}
	spPayload    struct{ policy Policy }
	kemacPayload struct {
		encr uint8
		data []byte
		alg  uint8
		mac  []byte
	}
	pkePayload struct {
		cache uint8 // 2 bits
		data  []byte
	}
	dhPayload struct {
		group    Group
		value    []byte
		reserved uint8 // 4 bits, kept so that a parsed message marshals to itself
		validity validity
	}
	signPayload struct {
		typ  uint8 // 4 bits
		data []byte
	}
	vPayload struct {
		alg uint8
		mac []byte
	}
	errPayload struct {
		number   ErrorNumber
		reserved uint16
	}
	extPayload struct {
		typ  uint8
		data []byte
	}
)

// validity is the key validity data of RFC 3830 section 6.14.
type validity struct {
	kind     uint8  // kvNone, kvSPI, kvInterval
	spi      []byte // SPI, which is SRTP's MKI
	from, to []byte // interval of SRTP indices
}

func (timestampPayload) code() PayloadType { return PayloadT }
func (randPayload) code() PayloadType      { return PayloadRAND }
func (idPayload) code() PayloadType        { return PayloadID }
func (certPayload) code() PayloadType      { return PayloadCERT }
func (chashPayload) code() PayloadType     { return PayloadCHASH }
func (spPayload) code() PayloadType        { return PayloadSP }
func (kemacPayload) code() PayloadType     { return PayloadKEMAC }
func (pkePayload) code() PayloadType       { return PayloadPKE }
func (dhPayload) code() PayloadType        { return PayloadDH }
func (signPayload) code() PayloadType      { return PayloadSIGN }
func (vPayload) code() PayloadType         { return PayloadV }
func (errPayload) code() PayloadType       { return PayloadERR }
func (extPayload) code() PayloadType       { return PayloadGeneralExt }

func (p timestampPayload) append(b []byte, next PayloadType) []byte {
	return append(append(b, byte(next), p.value.typ), p.value.octets()...)
}

func (p randPayload) append(b []byte, next PayloadType) []byte {
	return append8(append(b, byte(next)), p.value)
}

func (p idPayload) append(b []byte, next PayloadType) []byte {
	return append16(append(b, byte(next), p.value.Type), []byte(p.value.Data))
}

func (p certPayload) append(b []byte, next PayloadType) []byte {
	return append16(append(b, byte(next), p.typ), p.data)
}

func (p chashPayload) append(b []byte, next PayloadType) []byte {
	return append(append(b, byte(next), p.hash), p.data...)
}

func (p spPayload) append(b []byte, next PayloadType) []byte {
	var params []byte
	for _, q := range p.policy.Params {
		params = append8(append(params, q.Type), q.Value)
	}
	return append16(append(b, byte(next), p.policy.Number, p.policy.Protocol), params)
}

func (p kemacPayload) append(b []byte, next PayloadType) []byte {
	b = append16(append(b, byte(next), p.encr), p.data)
	return append(append(b, p.alg), p.mac...)
}

func (p pkePayload) append(b []byte, next PayloadType) []byte {
	b = binary.BigEndian.AppendUint16(append(b, byte(next)), uint16(p.cache)<<14|uint16(len(p.data)))
	return append(b, p.data...)
}

func (p dhPayload) append(b []byte, next PayloadType) []byte {
	b = append(append(b, byte(next), byte(p.group)), p.value...)
	return p.validity.append(append(b, p.reserved<<4|p.validity.kind))
}

func (p signPayload) append(b []byte, _ PayloadType) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(p.typ)<<12|uint16(len(p.data)))
	return append(b, p.data...)
}

func (p vPayload) append(b []byte, next PayloadType) []byte {
	return append(append(b, byte(next), p.alg), p.mac...)
}

func (p errPayload) append(b []byte, next PayloadType) []byte {
	return binary.BigEndian.AppendUint16(append(b, byte(next), byte(p.number)), p.reserved)
}

func (p extPayload) append(b []byte, next PayloadType) []byte {
	return append16(append(b, byte(next), p.typ), p.data)
}

// append writes the validity data; its kind stands in the payload around it.
func (v validity) append(b []byte) []byte {
	switch v.kind {
	case kvSPI:
		return append8(b, v.spi)
	case kvInterval:
		return append8(append8(b, v.from), v.to)
	}
	return b
}

// append8 and append16 write data after its length in one or two octets.
func append8(b, data []byte) []byte {
	return append(append(b, byte(len(data))), data...)
}

func append16(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}
