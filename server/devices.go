package server

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/server/store"
)

// device is where a seat of an account can move: one that registered, reached over the flow which it holds open, or one of the account's
// record, reached at its URI. Its fields are those of a dialog.Invitation.
type device struct {
	name, uri              string
	flow                   string // of a registered one
	transport, destination string // "" is where the URI leads
	registered             bool
}

// device is how a binding is reached: at the address that its registration came from, whatever its Contact says of its own network.
func (b *binding) device() device {
	return device{name: b.name, uri: b.text, flow: b.flow, transport: b.transport, destination: b.source.String(), registered: true}
}

// listed is a device of an account's record; its URI was checked when it was put there.
func listed(d store.Device) (device, dialog.URI) {
	uri, err := dialog.ParseURI(d.URI)
	if err != nil {
		return device{}, dialog.URI{}
	}
	transport, _ := uri.Param("transport")
	if uri.Scheme == "sips" {
		transport = "tls"
	}
	if transport == "" {
		transport = "udp"
	}
	return device{name: d.Name, uri: d.URI, transport: strings.ToLower(transport)}, uri
}

// target is the device of an account that a URI means: a registered Contact; the account's own URI with the instance of a device
// (;gr=, as in RFC 5627) or, where there is but one besides that of the leg whose signalling has the flow leg, alone; or a device
// of the account's record. There is nothing else that a seat can move to: no REFER of ours leads out of the house.
func (s *Server) target(account, uri, leg string) (device, error) {
	want, err := dialog.ParseURI(uri)
	if err != nil || want.Host == "" {
		return device{}, fmt.Errorf("%w: no SIP URI", ErrNotADevice)
	}
	bindings := s.registrar.reachable(account)
	if i := slices.IndexFunc(bindings, func(b *binding) bool { return sameURI(b.uri, want) }); i >= 0 {
		return bindings[i].device(), nil
	}
	if strings.EqualFold(want.User, account) && strings.EqualFold(want.Host, s.cfg.SIP.Domain) {
		return namedDevice(bindings, want, leg)
	}
	if acc := s.accounts.find(account); acc != nil {
		for _, d := range acc.Devices {
			if found, at := listed(d); at.Host != "" && sameURI(at, want) {
				return found, nil
			}
		}
	}
	return device{}, ErrNotADevice
}

// namedDevice is the device that the account's own URI means. bindings are newest first: of several flows of one instance the newest.
func namedDevice(bindings []*binding, want dialog.URI, leg string) (device, error) {
	instance, given := want.Param("gr")
	var found []*binding
	for _, group := range byInstance(bindings) {
		switch {
		case given && (instance == "" || !strings.EqualFold(group[0].instance, instance)):
		case !given && slices.ContainsFunc(group, func(b *binding) bool { return b.flow == leg }):
		default:
			found = append(found, group[0])
		}
	}
	if len(found) != 1 {
		return device{}, fmt.Errorf("%w: %d devices meant", ErrNotADevice, len(found))
	}
	return found[0].device(), nil
}

// byInstance puts the bindings of each device together, in their order.
func byInstance(bindings []*binding) (groups [][]*binding) {
	for _, b := range bindings {
		i := slices.IndexFunc(groups, func(g []*binding) bool { return b.instance != "" && strings.EqualFold(g[0].instance, b.instance) })
		if i < 0 {
			groups = append(groups, []*binding{b})
			continue
		}
		groups[i] = append(groups[i], b)
	}
	return groups
}

// deviceViews are the devices of an account as the admin API shows them: those of its record, then those that registered.
func (s *Server) deviceViews(acc *store.Account) []DeviceView {
	views := listedViews(acc)
	for _, b := range s.registrar.of(acc.Name) {
		expires := b.expires.UTC().Truncate(time.Second)
		views = append(views, DeviceView{
			Name: b.name, URI: b.text, Instance: b.instance, Transport: b.transport, Registered: true, Expires: &expires,
		})
	}
	return views
}

func listedViews(acc *store.Account) []DeviceView {
	views := []DeviceView{}
	for _, d := range acc.Devices {
		found, _ := listed(d)
		views = append(views, DeviceView{Name: d.Name, URI: d.URI, Transport: found.transport})
	}
	return views
}

// checkDevices says whether an account's record may hold those devices. The shape of single values is the admin API's to check too.
func (s *Server) checkDevices(list []Device) error {
	if len(list) > maxListed {
		return fmt.Errorf("%w: %d devices; %d at most", ErrInvalid, len(list), maxListed)
	}
	for i, d := range list {
		if d.Name == "" || len(d.Name) > maxDeviceName || printable(d.Name) != d.Name {
			return fmt.Errorf("%w: a device is called by 1 to %d octets that print", ErrInvalid, maxDeviceName)
		}
		if slices.ContainsFunc(list[:i], func(o Device) bool { return o.Name == d.Name }) {
			return fmt.Errorf("%w: two devices are called %q", ErrInvalid, d.Name)
		}
		if err := s.checkDeviceURI(d.URI); err != nil {
			return fmt.Errorf("%w: device %q: %w", ErrInvalid, d.Name, err)
		}
	}
	return nil
}

// checkDeviceURI takes a plain SIP URI with no parameter but the transport, that leads somewhere else than here.
func (s *Server) checkDeviceURI(text string) error {
	uri, err := dialog.ParseURI(text)
	if err != nil {
		return err
	}
	addr, literal := netip.ParseAddr(uri.Host)
	transport, given := uri.Param("transport")
	switch {
	case len(text) > maxContact, printable(text) != text:
		return fmt.Errorf("a URI is of %d octets at most, which print", maxContact)
	case uri.Host == "":
		return fmt.Errorf("scheme %q is neither sip nor sips", uri.Scheme)
	case strings.EqualFold(uri.Host, s.cfg.SIP.Domain), literal == nil && (addr.IsUnspecified() || addr.IsMulticast()):
		return fmt.Errorf("%s is no device's address", uri.Host)
	case strings.Contains(uri.Params, ";"), uri.Params != "" && !given:
		return errors.New("a parameter that is not transport")
	case given && !slices.Contains(transportNames, strings.ToLower(transport)), given && uri.Scheme == "sips" && strings.EqualFold(transport, "udp"):
		return fmt.Errorf("transport %q", transport)
	}
	return nil
}

// printable is a text without what does not print, as long as a name to show may be.
func printable(text string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	return string(runes[:min(len(runes), maxDisplayName)])
}
