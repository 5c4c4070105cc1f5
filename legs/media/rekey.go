package media

import (
	"net"

	"github.com/conclave/conclave/keying"
)

// ReadyKeys gives the keys of an update before the peer knows that it was accepted; see SetKeys.
func (s *Stream) ReadyKeys(k keying.Keys) error { return s.SetKeys(k) }

// SwitchKeys ends the wait of ReadyKeys: the peer has the keys.
func (s *Stream) SwitchKeys() {}

// ROC is the roll-over counter of the next packet that we send.
func (s *Stream) ROC() uint32 { return 0 }

// Path is the way of DTLS records through the RTP socket.
func (s *Stream) Path() net.PacketConn { return nil }
