package mikey

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RFC 3830's mandatory hash of certificates; it only says which one is meant
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
)

// Decrypter is an RSA key of ours that peers encrypt envelope keys to (RFC 3830 section 3.2, RFC 4738).
type Decrypter struct {
	secretive
	Key  crypto.Decrypter // RSA of 2048 to 4096 bits
	Leaf []byte           // DER of its certificate, which a CHASH must name; nil: a CHASH is not looked at
}

// public is the RSA public key of d.
func (d Decrypter) public() (*rsa.PublicKey, error) {
	if d.Key == nil {
		return nil, fmt.Errorf("%w: no RSA key to decrypt with", ErrCertificate)
	}
	key, ok := d.Key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: not an RSA key", ErrCertificate)
	}
	return key, checkRSA(key)
}

// checkEnvelope looks at everything about an envelope that costs no private key operation: that it is encrypted to our key,
// and that its KEMAC has algorithms of the allow-list.
func (d Decrypter) checkEnvelope(m *Message) error {
	key, err := d.public()
	if err != nil {
		return err
	}
	if c, ok := find[chashPayload](m); ok && d.Leaf != nil && !bytes.Equal(c.data, certHash(c.hash, d.Leaf)) {
		return fmt.Errorf("%w: the envelope is for another certificate", ErrCertificate)
	}
	if p, _ := find[pkePayload](m); len(p.data) != key.Size() {
		return fmt.Errorf("%w: the envelope is for a key of another size", ErrCertificate)
	}
	p, _ := find[kemacPayload](m)
	if p.encr != kemacAESCM128 && p.encr != kemacAESCM256 {
		return fmt.Errorf("%w: %d", ErrEncrAlg, p.encr)
	}
	if p.alg != macHMACSHA1 && p.alg != macHMACSHA256 {
		return fmt.Errorf("%w: %d", ErrMACAlg, p.alg)
	}
	return nil
}

// certHash is the hash of a certificate in a CHASH; nil for a hash we do not take, MD5 among them.
func certHash(hash uint8, leaf []byte) []byte {
	switch hash {
	case cacheHashSHA1:
		sum := sha1.Sum(leaf) //nolint:gosec // as above
		return sum[:]
	case cacheHashSHA256:
		sum := sha256.Sum256(leaf)
		return sum[:]
	}
	return nil
}

// open decrypts the envelope key of m. It never fails on what a peer sent: a padding that does not hold gives a random key
// in place of the envelope's (implicit rejection), which the KEMAC's MAC then refuses as it refuses any wrong key, so that
// nobody learns from our answers whether a ciphertext is well padded (Bleichenbacher's attack).
func (d Decrypter) open(m *Message, random io.Reader) ([]byte, error) {
	key, err := draw(random, ownTGK)
	if err != nil {
		return nil, err
	}
	p, _ := find[pkePayload](m)
	got, err := d.Key.Decrypt(rand.Reader, p.data, nil) // nil: PKCS #1 v1.5, which RFC 3830 section 4.2.5 demands
	if err != nil || len(got) < minTGK {
		clear(got)
		return key, nil
	}
	clear(key)
	return got, nil
}

// encipher is PKCS #1 v1.5 encryption. Only test vectors choose its padding.
type encipher func(key *rsa.PublicKey, envelope []byte) ([]byte, error)

// encryptTo encrypts an envelope key to an RSA key. cache says whether both may keep it for updates of this bundle; with is nil
// for a random padding.
func encryptTo(key *rsa.PublicKey, envelope []byte, cache bool, with encipher) (pkePayload, error) {
	if err := checkRSA(key); err != nil {
		return pkePayload{}, err
	}
	if with == nil {
		with = func(key *rsa.PublicKey, envelope []byte) ([]byte, error) {
			return rsa.EncryptPKCS1v15(rand.Reader, key, envelope) //nolint:staticcheck // the padding RFC 3830 demands
		}
	}
	data, err := with(key, envelope)
	if err != nil {
		return pkePayload{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	p := pkePayload{cache: cacheNo, data: data}
	if cache {
		p.cache = cacheCSB
	}
	return p, nil
}

// cache keeps a copy of the envelope key where C says so. We keep it for its bundle alone, also when it could serve others.
func (c *Crypto) cache(p pkePayload, envelope []byte) {
	if p.cache == cacheCSB || p.cache == cacheAny {
		c.envelope = bytes.Clone(envelope)
	}
}

// recipient reads the RSA key out of a certificate. Whose it is has been checked by the caller.
func recipient(leaf []byte) (*rsa.PublicKey, error) {
	c, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, fmt.Errorf("%w: the recipient's certificate does not parse", ErrCertificate)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: an envelope needs an RSA certificate to encrypt to", ErrCertificate)
	}
	return key, checkRSA(key)
}

// enclose makes the KEMAC of an envelope: E(encr_key, ID || key) || MAC. The MAC covers the KEMAC alone, with a next
// payload octet of 0 (RFC 3830 section 6.2).
func (k messageKey) enclose(id Identity, key keyData, t Timestamp) (kemacPayload, error) {
	encr, mac := k.prf.algorithms()
	plain := key.append(idPayload{id}.append(nil, PayloadKeyData), PayloadLast)
	defer clear(plain)
	p := kemacPayload{encr: encr, alg: mac}
	var err error
	if p.data, err = k.crypt(encr, t, plain); err != nil {
		return p, err
	}
	p.mac, err = k.hmac(mac, p.append(nil, PayloadLast))
	return p, err
}

// disclose opens the KEMAC of m with the key of its envelope and compares the identity in it, which ties the envelope to who
// signed the message around it. size is the octets of the RSA modulus.
func (k messageKey) disclose(m *Message, who Identity, size int) (keyData, error) {
	p, _ := find[kemacPayload](m)
	bare := kemacPayload{encr: p.encr, data: p.data, alg: p.alg}
	err := k.verify(p.alg, p.mac, bare.append(nil, PayloadLast))
	k.level(p.alg, size)
	if err != nil {
		return keyData{}, ErrEnvelope
	}
	plain, err := k.crypt(p.encr, m.Timestamp(), p.data)
	if err != nil {
		return keyData{}, err
	}
	key, err := enclosed(plain, who)
	if err != nil {
		clear(plain)
	}
	return key, err
}

// level spends the time that an envelope key of the greatest length would have cost more than k to check a MAC of algorithm
// alg, which the sender chose: the length of what a ciphertext decrypts to is nobody's to measure.
func (k messageKey) level(alg uint8, size int) {
	n, _ := macLen(alg)
	blocks := func(octets int) int { return (octets + prfBlock - 1) / prfBlock }
	if more := blocks(size) - blocks(len(k.key)); more > 0 {
		prf(k.prf, make([]byte, more*prfBlock), label(constMessageAuth, messageCSID, k.csbID, k.rand), n)
	}
}

// enclosed reads ID and key data out of a decrypted KEMAC.
func enclosed(plain []byte, who Identity) (keyData, error) {
	r := &reader{b: plain}
	next := PayloadType(r.u8())
	id := Identity{Type: r.u8(), Data: string(r.vec16())}
	if r.short || next != PayloadKeyData {
		return keyData{}, fmt.Errorf("%w: the envelope begins with no identity", ErrMalformed)
	}
	if id != who {
		return keyData{}, fmt.Errorf("%w: the envelope is in another name", ErrIdentity)
	}
	keys, err := parseKeyData(r.b)
	if err != nil {
		return keyData{}, err
	}
	return single(keys)
}

// stated is the identity a message states, or the one the caller knows as a URI.
func stated(id Identity, ok bool, known string) (Identity, error) {
	if ok {
		return id, nil
	}
	if known == "" {
		return id, fmt.Errorf("%w: nobody says in whose name the envelope must be", ErrIdentity)
	}
	return Identity{IDTypeURI, known}, nil
}
