package media

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync/atomic"

	"github.com/pion/srtp/v3"

	"github.com/conclave/conclave/keying"
)

// generation is what one agreement gave: a context for each direction. Owned by the tick worker once posted.
type generation struct {
	receive, send *srtp.Context
	number        uint64  // rises with every generation
	index         uint64  // of the RTP packet accepted last
	ssrc          uint32  // of the peer; 0: not stated, learned from the first RTP packet
	settled       bool    // RTP was authenticated: ssrc is certain, and the library follows the roll-over counter
	heard         bool    // anything was authenticated
	rtp, rtcp     trailer // of packets of the peer
	mki           []byte  // that packets of the peer carry; nil: none

	heardAt    uint64      // when heard became true, by keyring.now
	came       uint64      // when the generation was taken
	sendROC    uint32      // as agreed; matters for the first generation only
	receiveROC uint32      // as agreed
	confirmed  atomic.Bool // the peer has these keys; set by any goroutine
	base       *keyBase    // filled in when sending goes over to this generation
	of         *generation // only send is fresh: it takes the place of that of this other one; nil otherwise
	span       *span       // of the indexes under send; nil: no ledger
}

// trailer is what SRTP appends to a packet.
type trailer struct {
	size int // octets in all: tags, MKI, for SRTCP the index word
	tag  int // octets behind the MKI
}

// print recognises a master key and salt without keeping them.
type print [sha256.Size]byte

// prints are of the keys of one agreement, one per direction.
type prints struct{ send, receive print }

func printsOf(k *keying.Keys) prints {
	return prints{send: printOf(k.Suite, k.Send), receive: printOf(k.Suite, k.Receive)}
}

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

// newGeneration makes the SRTP contexts of a stream whose own SSRC is ssrc, with the state of the SSRCs that are known, so that the
// tick worker has nothing to make.
func newGeneration(k *keying.Keys, ssrc uint32) (*generation, error) {
	p, err := profile(k.Suite)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(k, ssrc); err != nil {
		return nil, err
	}
	g := &generation{
		base: &keyBase{}, ssrc: k.Receive.SSRC, sendROC: k.Send.ROC, receiveROC: k.Receive.ROC,
		mki: append([]byte(nil), k.Receive.MKI...),
	}
	if g.receive, err = newContext(p, k.Receive, &g.index); err != nil {
		return nil, err
	}
	if g.send, err = newContext(p, k.Send, nil); err != nil {
		return nil, err
	}
	if g.ssrc != 0 {
		g.expect(g.ssrc)
	}
	g.send.SetROC(ssrc, g.sendROC)
	g.send.SetIndex(ssrc, 0)
	return g, g.setTrailers(p)
}

// expect makes the library's state for an SSRC; otherwise it makes one for every packet, and throws it away when the packet fails.
func (g *generation) expect(ssrc uint32) {
	g.receive.SetROC(ssrc, g.receiveROC)
	g.receive.SetIndex(ssrc, 0)
}

// newContext makes one context; last gets the index of each RTP packet that it accepts.
func newContext(p srtp.ProtectionProfile, s keying.Stream, last *uint64) (*srtp.Context, error) {
	c, err := srtp.CreateContext(s.Key.Bytes(), s.Salt.Bytes(), p,
		guard(srtp.SRTPReplayDetectorFactory, last), guard(srtp.SRTCPReplayDetectorFactory, nil), srtp.MasterKeyIndicator(s.MKI))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return c, nil
}

// setTrailers computes what every genuine packet ends with.
func (g *generation) setTrailers(p srtp.ProtectionProfile) error {
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
	g.rtp = trailer{size: aead + rtp + len(g.mki), tag: rtp}
	g.rtcp = trailer{size: aead + rtcp + indexWord + len(g.mki), tag: rtcp}
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
