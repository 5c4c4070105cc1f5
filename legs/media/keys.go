package media

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/pion/srtp/v3"

	"github.com/conclave/conclave/keying"
)

// contexts are the two SRTP contexts of one agreement; owned by the tick worker once posted.
type contexts struct {
	receive, send *srtp.Context
	peerSSRC      uint32 // 0: to be learned from the first authenticated packet
	rtpTail       int    // octets that SRTP adds to a packet we receive: tag and MKI
	rtcpTail      int    // the same for SRTCP, with the index word
}

// print recognises a master key and salt without keeping them.
type print [sha256.Size]byte

// prints are of the keys given last, one per direction.
type prints struct{ send, receive print }

func printOf(suite keying.Suite, s keying.Stream) print {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d %d ", suite, s.Key.Len(), s.Salt.Len())
	h.Write(s.Key.Bytes())
	h.Write(s.Salt.Bytes())
	return print(h.Sum(nil))
}

func (p print) equal(q print) bool { return subtle.ConstantTimeCompare(p[:], q[:]) == 1 }

// profile maps a suite to the library's name for it; nothing weaker than these exists here.
func profile(s keying.Suite) (srtp.ProtectionProfile, error) {
	switch s {
	case keying.AEADAES256GCM:
		return srtp.ProtectionProfileAeadAes256Gcm, nil
	case keying.AEADAES128GCM:
		return srtp.ProtectionProfileAeadAes128Gcm, nil
	case keying.AESCM128SHA1x80:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, nil
	case keying.AESCM256SHA1x80:
		return srtp.ProtectionProfileAes256CmHmacSha1_80, nil
	}
	return 0, fmt.Errorf("%w: %.40q", ErrSuite, string(s))
}

// newContexts makes the SRTP contexts of a stream whose own SSRC is ssrc.
func newContexts(k *keying.Keys, ssrc uint32) (*contexts, error) {
	p, err := profile(k.Suite)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(k, ssrc); err != nil {
		return nil, err
	}
	c := &contexts{peerSSRC: k.Receive.SSRC}
	if c.receive, err = newContext(p, k.Receive); err != nil {
		return nil, err
	}
	if c.send, err = newContext(p, k.Send); err != nil {
		return nil, err
	}
	// RFC 3711 section 3.3.1: the roll-over counter is part of what was agreed; it is never guessed from packets.
	if k.Receive.SSRC != 0 {
		c.receive.SetROC(k.Receive.SSRC, k.Receive.ROC)
	}
	c.send.SetROC(ssrc, k.Send.ROC)
	return c, c.setTails(p, k)
}

func newContext(p srtp.ProtectionProfile, s keying.Stream) (*srtp.Context, error) {
	c, err := srtp.CreateContext(s.Key.Bytes(), s.Salt.Bytes(), p,
		srtp.SRTPReplayProtection(srtpWindow), srtp.SRTCPReplayProtection(srtcpWindow), srtp.MasterKeyIndicator(s.MKI))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return c, nil
}

// setTails computes the shortest packets that can be genuine.
func (c *contexts) setTails(p srtp.ProtectionProfile, k *keying.Keys) error {
	aead, err := p.AEADAuthTagLen()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	rtp, err := p.AuthTagRTPLen()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	rtcp, err := p.AuthTagRTCPLen()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	const indexWord = 4 // E flag and SRTCP index (RFC 3711 section 3.4)
	c.rtpTail = aead + rtp + len(k.Receive.MKI)
	c.rtcpTail = aead + rtcp + indexWord + len(k.Receive.MKI)
	return nil
}

// checkKeys refuses what would reuse a key stream or can never work.
func checkKeys(k *keying.Keys, ssrc uint32) error {
	if k.Send.SSRC != 0 && k.Send.SSRC != ssrc {
		return ErrSSRC
	}
	if len(k.Send.MKI) > maxMKI || len(k.Receive.MKI) > maxMKI {
		return fmt.Errorf("%w: MKI longer than %d octets", ErrKeys, maxMKI)
	}
	if k.Receive.SSRC == ssrc && k.Send.Key.Equal(k.Receive.Key) {
		return ErrSSRCConflict // one key, one SSRC, two directions: the same key stream twice (RFC 3711 section 9.1)
	}
	return nil
}
