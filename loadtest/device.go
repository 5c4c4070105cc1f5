package loadtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/conclave/conclave/legs/dialog"
)

// Device is a telephone of an account: it registers, takes the calls that the server makes to it, and calls itself, also in the place of
// another device of its account.
type Device struct {
	exchange *Exchange
	plan     Plan
	user     string // of its Contact, by which the server's requests find it
	instance string
	server   netip.AddrPort       // the only address that it takes requests from
	arrived  func(*Caller, error) // told of each call that the server began or asked for, once it stands or came to nothing, refused offers apart
	contact  string               // as it is registered; valid once Register has returned nil
	life     context.Context      //nolint:containedctx // of the registration
	off      context.CancelFunc   // ends it
	closing  sync.Mutex           // nothing begins once life is over
	wg       sync.WaitGroup       // the refresher, and calls that are being taken
}

// ErrRegister says that a device could not register.
var ErrRegister = errors.New("loadtest: not registered")

// NewDevice makes a device that calls and is called as the plan says. It must be closed.
func (x *Exchange) NewDevice(p Plan, arrived func(*Caller, error)) (*Device, error) {
	to, err := net.ResolveUDPAddr("udp", p.Server) // the same host and port over every transport
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegister, err)
	}
	server := to.AddrPort()
	var id [16]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	d := &Device{
		exchange: x, plan: p, user: "d" + hex.EncodeToString(id[:8]), server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), arrived: arrived,
		instance: fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
	}
	d.plan.Device = d.user
	d.life, d.off = context.WithCancel(context.Background())
	x.devices.add(d)
	return d, nil
}

// Register registers the device, and keeps it so until Close.
func (d *Device) Register(ctx context.Context) error {
	if err := d.register(ctx, registration); err != nil {
		return err
	}
	d.wg.Go(d.refresh)
	return nil
}

// register sends one REGISTER (RFC 3261 section 10.2) that is to hold for so long; nothing takes the device out.
func (d *Device) register(ctx context.Context, life time.Duration) error {
	b := d.plan.Bundle
	resp, err := d.exchange.endpoint.Request(ctx, dialog.Outgoing{
		Method: "REGISTER", URI: "sip:" + domainOf(b.URI), From: b.URI, To: b.URI, Transport: d.plan.Transport, Destination: d.plan.Server,
		ContactUser: d.user, ContactParams: `;+sip.instance="<` + d.instance + `>"`,
		Username: b.Digest.Username, Password: string(b.Digest.Password.Bytes()), Realm: b.Digest.Realm,
		Header: []dialog.HeaderField{{Name: "Expires", Value: strconv.Itoa(int(life / time.Second))}},
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRegister, err)
	case resp.Status != 200:
		return fmt.Errorf("%w: %d %s", ErrRegister, resp.Status, resp.Reason)
	case life == 0:
		return nil
	}
	list, _, err := dialog.ParseContacts(resp.Values("Contact"))
	for _, c := range list {
		if c.URI.User == d.user {
			if d.contact == "" { // it stays the same
				d.contact = c.Text
			}
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%w: the server does not list it", ErrRegister), err)
}

// work does something in a goroutine that Close waits for; ctx ends with the device.
func (d *Device) work(do func(context.Context)) {
	bounded := func() {
		ctx, cancel := context.WithTimeout(d.life, setupPatience)
		defer cancel()
		do(ctx)
	}
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.life.Err() != nil { // nobody waits any more; it comes to nothing at once
		bounded()
		return
	}
	d.wg.Go(bounded)
}

// refresh registers again, half-way.
func (d *Device) refresh() {
	ticker := time.NewTicker(registration / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-d.life.Done():
			return
		}
		if err := d.register(d.life, registration); err != nil && d.life.Err() == nil {
			d.exchange.log.Warn("a device did not register again", "account", d.plan.Bundle.Account, "err", err)
		}
	}
}

// Call calls the room, in the place of another dialog of the account where one is named (RFC 3891).
func (d *Device) Call(ctx context.Context, instead *dialog.Replaces) (*Caller, error) {
	p := d.plan
	if instead != nil {
		p.Header = []dialog.HeaderField{{Name: "Replaces", Value: instead.String()}, {Name: "Require", Value: "replaces"}}
	}
	return d.exchange.Call(ctx, p)
}

// Close takes the device out and waits for what it was doing. The calls that it arrived with are not its own to end.
func (d *Device) Close() error {
	d.exchange.devices.remove(d)
	d.closing.Lock()
	d.off()
	d.closing.Unlock()
	d.wg.Wait()
	if d.contact == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupPatience)
	defer cancel()
	return d.register(ctx, 0)
}

// replaces names the call as the server knows it, for Device.Call of another device.
func (c *Caller) replaces() *dialog.Replaces {
	callID, local, remote := c.leg.Dialog().Tags()
	return &dialog.Replaces{CallID: callID, ToTag: remote, FromTag: local}
}
