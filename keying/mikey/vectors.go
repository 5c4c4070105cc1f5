package mikey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
)

// vectorCerts are identities that protect nothing: their private keys are published with the vectors.
//
//go:embed testdata/certs
var vectorCerts embed.FS

// octets are written in hexadecimal.
type octets []byte

// MarshalText writes hexadecimal.
func (o octets) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(o)), nil }

// vectorFile is the JSON of WriteVectors.
type vectorFile struct {
	About      string                    `json:"about"`
	Identities map[string]vectorIdentity `json:"identities"`
	Vectors    []ownVector               `json:"vectors"`
}

// vectorIdentity is one signer.
type vectorIdentity struct {
	URI         string `json:"uri"`
	Certificate []byte `json:"certificate"` // DER, base64
	PrivateKey  []byte `json:"private_key"` // PKCS #8, base64
}

// ownVector is one exchange: what went in, both messages, and what came out.
type ownVector struct {
	Name     string             `json:"name"`
	Updates  string             `json:"updates,omitempty"` // name of the vector that began the bundle
	Mode     string             `json:"mode"`              // type of I
	Refresh  bool               `json:"refresh,omitempty"` // no key: those of the bundle stay
	Suite    string             `json:"suite"`
	PRF      string             `json:"prf"`
	CSB      uint32             `json:"csb"`
	RAND     octets             `json:"rand"` // of the first message
	IDi      string             `json:"idi"`
	IDr      string             `json:"idr"`
	PSK      octets             `json:"psk,omitempty"`
	Envelope octets             `json:"envelope_key,omitempty"` // also the key of updates
	SignerI  string             `json:"signer_i,omitempty"`     // of identities
	SignerR  string             `json:"signer_r,omitempty"`
	Group    string             `json:"group,omitempty"`
	XI       octets             `json:"xi,omitempty"` // exponents or scalars
	XR       octets             `json:"xr,omitempty"`
	TGK      octets             `json:"tgk,omitempty"`
	MKI      octets             `json:"mki,omitempty"`
	Ext      octets             `json:"vendor_ext,omitempty"` // in both messages
	I        []byte             `json:"I"`                    // base64, as a=key-mgmt:mikey carries it
	R        []byte             `json:"R"`
	CS       map[string]ownKeys `json:"cs,omitempty"` // by CS ID
}

// ownKeys are those of one stream.
type ownKeys struct {
	TEK  octets `json:"tek"`
	Salt octets `json:"salt"`
}

const vectorsAbout = "MIKEY exchanges of every mode with their updates. All that would be random is a stream of SHA-256(seed || counter of " +
	"32 bits big-endian, from 0), whose seed is the name of the vector, a space and the side (i or r); ECDSA is that of RFC 6979."

// WriteVectors makes every exchange of the package and its updates from published keys and seeds, always the same, as JSON. The
// committed copy is testdata/own.json.
func WriteVectors(w io.Writer) error {
	f := vectorFile{About: vectorsAbout, Identities: map[string]vectorIdentity{}}
	signers := map[string]Signer{}
	for _, name := range []string{"alice", "bob", "carol"} {
		id, s, err := readVectorIdentity(name)
		if err != nil {
			return fmt.Errorf("mikey: vectors: %s: %w", name, err)
		}
		f.Identities[name], signers[name] = id, s
	}
	for _, r := range recipes() {
		vs, err := r.run(signers)
		if err != nil {
			return fmt.Errorf("mikey: vectors: %s: %w", r.name, err)
		}
		f.Vectors = append(f.Vectors, vs...)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(f)
}

func readVectorIdentity(name string) (id vectorIdentity, s Signer, err error) {
	der := func(suffix string) []byte {
		text, _ := vectorCerts.ReadFile("testdata/certs/" + name + suffix) // one that is missing does not parse
		block, _ := pem.Decode(text)
		if block == nil {
			return nil
		}
		return block.Bytes
	}
	id = vectorIdentity{"sip:" + name + "@example.com", der(".pem"), der(".key")}
	key, err := x509.ParsePKCS8PrivateKey(id.PrivateKey)
	if err != nil {
		return id, s, err
	}
	s.Chain = [][]byte{id.Certificate}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		s.Key = k
	case *ecdsa.PrivateKey:
		s.Key = deterministic{k}
	}
	return id, s, nil
}

// deterministic signs as RFC 6979 says.
type deterministic struct{ *ecdsa.PrivateKey }

// Sign implements crypto.Signer without randomness.
func (d deterministic) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.PrivateKey.Sign(nil, digest, opts)
}

// stream is what stands for randomness.
type stream struct {
	seed string
	n    uint32
	rest []byte
	last []byte // the last read
}

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	for len(s.rest) < len(b) {
		block := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(s.seed), s.n))
		s.rest = append(s.rest, block[:]...)
		s.n++
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	s.last = append(s.last[:0:0], b...)
	return n, nil
}

// encipher is PKCS #1 v1.5 encryption (RFC 8017 section 7.2.1) with a padding out of the stream.
func (s *stream) encipher(key *rsa.PublicKey, envelope []byte) ([]byte, error) {
	em := make([]byte, key.Size())
	padding := em[2 : len(em)-len(envelope)-1]
	if _, err := io.ReadFull(s, padding); err != nil {
		return nil, err
	}
	em[1] = 2
	for i := range padding {
		padding[i] |= 1 // no octet of it is zero
	}
	copy(em[len(em)-len(envelope):], envelope)
	m := new(big.Int).SetBytes(em)
	return m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(em), nil
}
