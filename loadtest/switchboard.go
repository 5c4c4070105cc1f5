package loadtest

import (
	"sync"

	"github.com/conclave/conclave/legs/dialog"
)

// switchboard is the dialog.Host of callers: it puts what the server begins through to the device that it is for. Nobody else calls
// callers, and those without a device nobody does.
type switchboard struct {
	mu sync.Mutex
	by map[string]*Device // by the user part of their Contact
}

func newSwitchboard() *switchboard { return &switchboard{by: make(map[string]*Device)} }

// Admit lets requests within our own dialogs pass, and of others those that a device's own server sends it.
func (s *switchboard) Admit(r *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	if d != nil {
		return nil, nil
	}
	device := s.find(r.URI.User)
	switch {
	case device == nil:
		return nil, &dialog.Response{Status: 480}
	case r.Source != device.server:
		return nil, &dialog.Response{Status: 403}
	}
	return device, nil
}

// Invite has the device take the call.
func (s *switchboard) Invite(in *dialog.Incoming, admitted any) {
	if device, ok := admitted.(*Device); ok {
		device.ring(in)
	}
}

// Serve has the device obey a REFER; there is nothing else that it serves.
func (s *switchboard) Serve(in *dialog.Standalone, admitted any) {
	if device, ok := admitted.(*Device); ok {
		device.sent(in)
	}
}

func (s *switchboard) find(user string) *Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[user]
}

func (s *switchboard) add(d *Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[d.user] = d
}

func (s *switchboard) remove(d *Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, d.user)
}
