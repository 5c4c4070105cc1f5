package dtls

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"sync"

	pion "github.com/pion/dtls/v3"
)

// exporterLabel is that of RFC 5764 section 4.2.
const exporterLabel = "EXTRACTOR-dtls_srtp"

// Association is a handshake that succeeded. It answers retransmissions of the peer's last flight until it is closed (RFC 6347
// section 4.2.4). Its keys are the caller's to wipe; pion keeps the master secret that they come from until Close.
type Association struct {
	Suite                 string         // name in RFC 4568's registry
	LocalKey, LocalSalt   []byte         // for what we send
	RemoteKey, RemoteSalt []byte         // for what the peer sends
	PeerCertificate       []byte         // DER of the leaf, as received
	Remote                netip.AddrPort // where the peer really is

	host  *host
	conn  *pion.Conn
	drain sync.WaitGroup
	close sync.Once
}

// associate takes the keys out of a connection whose handshake is done.
func (h *host) associate(a *attempt, conn *pion.Conn) (*Association, error) {
	number, _ := conn.SelectedSRTPProtectionProfile()
	p, ok := profileOf(number)
	if !ok {
		return nil, ErrSuite // a client that offered none at all
	}
	state, ok := conn.ConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		return nil, ErrHandshake
	}
	material, err := state.ExportKeyingMaterial(exporterLabel, nil, 2*(p.key+p.salt))
	if err != nil {
		return nil, err
	}
	defer clear(material)
	// client key, server key, client salt, server salt (RFC 5764 section 4.2)
	part := func(from, n int) []byte { return bytes.Clone(material[from : from+n]) }
	clientKey, serverKey := part(0, p.key), part(p.key, p.key)
	clientSalt, serverSalt := part(2*p.key, p.salt), part(2*p.key+p.salt, p.salt)
	as := &Association{
		Suite: p.suite, LocalKey: serverKey, LocalSalt: serverSalt, RemoteKey: clientKey, RemoteSalt: clientSalt,
		PeerCertificate: bytes.Clone(state.PeerCertificates[0]), Remote: a.from, host: h, conn: conn,
	}
	if h.Client {
		as.LocalKey, as.LocalSalt, as.RemoteKey, as.RemoteSalt = clientKey, clientSalt, serverKey, serverSalt
	}
	return as, nil
}

func profileOf(number pion.SRTPProtectionProfile) (profile, bool) {
	for _, p := range profiles {
		if p.number == number {
			return p, true
		}
	}
	return profile{}, false
}

// begin throws away what the peer sends over the association, so that pion never waits for a reader.
func (a *Association) begin() {
	a.drain.Go(func() {
		buffer := make([]byte, inboundSize)
		for {
			if _, err := a.conn.Read(buffer); errors.Is(err, io.EOF) {
				return
			}
		}
	})
}

// Wipe overwrites the keys.
func (a *Association) Wipe() {
	for _, b := range [][]byte{a.LocalKey, a.LocalSalt, a.RemoteKey, a.RemoteSalt} {
		clear(b)
	}
}

// Close ends the association: the peer is told, and the path may be read by others again. It does not close the path, and leaves
// the keys. Safe to call twice, and after the path was closed.
func (a *Association) Close() error {
	a.close.Do(func() {
		_ = a.conn.Close() // tells the peer; nothing depends on whether it hears
		a.host.stop()
		a.drain.Wait()
	})
	return nil
}
