package dtls

import "encoding/binary"

// What is read of records before pion sees them (RFC 6347 section 4.1): enough to tell who speaks, and nothing that is believed.
const (
	recordHeader    = 13 // type 1, version 2, epoch 2, sequence number 6, length 2
	handshakeHeader = 12 // type 1, length 3, message sequence 2, fragment offset 3, fragment length 3

	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22

	messageClientHello = 1
	messageHelloVerify = 3

	randomLen = 32
)

// cut takes the first record off a datagram; nil where there is none that is whole.
func cut(datagram []byte) (record, rest []byte) {
	if len(datagram) < recordHeader {
		return nil, nil
	}
	n := recordHeader + int(binary.BigEndian.Uint16(datagram[11:]))
	if len(datagram) < n {
		return nil, nil
	}
	return datagram[:n], datagram[n:]
}

// epoch of a record; 0 is plain text.
func epoch(record []byte) uint16 { return binary.BigEndian.Uint16(record[3:]) }

// sieve copies those records of a datagram that keep wants.
func sieve(datagram []byte, keep func(record []byte) bool) []byte {
	kept := make([]byte, 0, len(datagram))
	for record, rest := cut(datagram); record != nil; record, rest = cut(rest) {
		if keep(record) {
			kept = append(kept, record...)
		}
	}
	return kept
}

// message is the body of a plain handshake message that begins a datagram, as far as its first fragment holds it, with its type;
// from is the offset of the fragment.
func message(datagram []byte) (kind byte, body []byte, from int, ok bool) {
	record, _ := cut(datagram)
	if len(record) < recordHeader+handshakeHeader || record[0] != typeHandshake || epoch(record) != 0 {
		return 0, nil, 0, false
	}
	h := record[recordHeader:]
	from = int(binary.BigEndian.Uint32(h[5:]) & 0xffffff) // the octet before the offset is masked out
	return h[0], h[handshakeHeader:], from, true
}

// hello is what a ClientHello says of whom it comes from.
type hello struct {
	random [randomLen]byte
	cookie []byte // refers to the datagram
}

// readHello reads the beginning of a ClientHello's body (RFC 6347 section 4.2.1): version, random, session ID, cookie.
func readHello(body []byte) (h hello, ok bool) {
	if len(body) < 2+randomLen+1 {
		return hello{}, false
	}
	copy(h.random[:], body[2:])
	_, rest, ok := vector(body[2+randomLen:])
	if !ok {
		return hello{}, false
	}
	h.cookie, _, ok = vector(rest)
	return h, ok
}

// readCookie reads the body of a HelloVerifyRequest: version and cookie.
func readCookie(body []byte) []byte {
	if len(body) < 2 {
		return nil
	}
	cookie, _, _ := vector(body[2:])
	return cookie
}

// vector reads a vector whose length is one octet.
func vector(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
