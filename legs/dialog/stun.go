package dialog

import (
	"encoding/binary"
	"net/netip"
)

// STUN (RFC 5389) as far as it keeps a flow over UDP alive and tells a device its address (RFC 5626 section 3.5.2): binding requests are
// answered with the address they came from, and nothing else is.
const (
	stunHeader  = 20
	stunCookie  = 0x2112a442
	stunRequest = 0x0001
	stunSuccess = 0x0101
	stunMapped  = 0x0020 // XOR-MAPPED-ADDRESS
	// stunOptional is the first of the attributes that need not be understood. A request with any other one wants what we do not have
	// (credentials, another address to answer from), and an error is not worth a datagram to whoever says that he asked.
	stunOptional = 0x8000
)

// binding tells a binding request that is to be answered.
func binding(b []byte) bool {
	if len(b) < stunHeader || binary.BigEndian.Uint16(b) != stunRequest || binary.BigEndian.Uint32(b[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader || len(b)%4 != 0 {
		return false
	}
	for rest := b[stunHeader:]; len(rest) > 0; {
		padded := 4 + (int(binary.BigEndian.Uint16(rest[2:]))+3)/4*4
		if binary.BigEndian.Uint16(rest) < stunOptional || padded > len(rest) {
			return false
		}
		rest = rest[padded:]
	}
	return true
}

// bound is the answer to a binding request.
func bound(request []byte, from netip.AddrPort) []byte {
	addr := from.Addr().Unmap().AsSlice()
	out := make([]byte, stunHeader, stunHeader+8+len(addr))
	binary.BigEndian.PutUint16(out, stunSuccess)
	binary.BigEndian.PutUint16(out[2:], uint16(8+len(addr)))
	copy(out[4:], request[4:stunHeader]) // cookie and transaction ID
	family := byte(1)
	if len(addr) == 16 {
		family = 2
	}
	out = binary.BigEndian.AppendUint16(out, stunMapped)
	out = binary.BigEndian.AppendUint16(out, uint16(4+len(addr)))
	out = append(out, 0, family)
	out = binary.BigEndian.AppendUint16(out, from.Port()^(stunCookie>>16))
	for i, octet := range addr {
		out = append(out, octet^request[4+i])
	}
	return out
}
