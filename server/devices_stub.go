package server

import (
	"net/netip"

	"github.com/conclave/conclave/legs"
)

type device struct {
	name, uri, flow, transport, destination string
	registered                              bool
	source                                  netip.AddrPort
}

func (s *Server) target(account, uri string, from *legs.Leg) (device, error) {
	return device{}, ErrNotADevice
}
