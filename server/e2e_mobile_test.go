package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
	"github.com/conclave/conclave/mixer/codec"
)

// mobile is a device of an account that registers, calls, and can be called.
type mobile struct {
	t        *testing.T
	server   *Server
	bundle   *keying.Bundle
	name     string // user of its Contact
	via      string // where it sends what is for the server; "": there
	over     string // transport of what it sends: udp, or tcp, where it listens too, or tls
	endpoint *dialog.Endpoint
	line     *legs.Line
	legs     chan *mobileLeg // that the server called
	refers   chan dialog.ReferTo
	keyer    atomic.Pointer[keying.Keyer] // that checks who calls
	status   atomic.Int32                 // with which it answers calls; 0: it takes them
	rings    chan struct{}                // of a call that it does not take at once: status is below 200
	answers  chan struct{}                // has it look at its status again
	mute     atomic.Bool                  // its legs send nothing
}

// newMobile makes a device that does not call or register yet.
func newMobile(t *testing.T, s *Server, b *keying.Bundle, name string) *mobile {
	t.Helper()
	m := &mobile{t: t, server: s, bundle: b, name: name, over: "udp", legs: make(chan *mobileLeg, 4), refers: make(chan dialog.ReferTo, 4), rings: make(chan struct{}, 4), answers: make(chan struct{}, 4)}
	keyer, err := keying.NewBundleKeyer(b, keying.BundleConfig{})
	if err != nil {
		t.Fatal(err)
	}
	m.keyer.Store(keyer)
	m.line = &legs.Line{
		Domain: s.cfg.SIP.Domain, Keyer: keyer, Ports: media.NewPorts(netip.MustParseAddr("127.0.0.1"), 0, 0),
		Codecs: []string{"pcmu"}, CNAME: name, Log: slog.New(slog.DiscardHandler),
	}
	if m.endpoint, err = dialog.Listen(dialog.Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", Domain: "mobile.example", Contact: name, UserAgent: name,
		ClientTLS: &tls.Config{RootCAs: s.keys.authority.Roots(), MinVersion: tls.VersionTLS12},
	}, m); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), e2ePatience)
		defer cancel()
		if err := m.endpoint.Close(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return m
}

// Admit implements dialog.Host.
func (m *mobile) Admit(*dialog.Request, *dialog.Dialog) (any, *dialog.Response) { return nil, nil }

// Serve takes the server's REFER.
func (m *mobile) Serve(in *dialog.Standalone, _ any) {
	to, err := dialog.ParseReferTo(in.Request.Header("Refer-To")[0])
	if err != nil {
		m.t.Errorf("%s: %v", m.name, err)
	}
	_ = in.Reply(dialog.Response{Status: 202})
	m.refers <- to
}

// Invite answers a call.
func (m *mobile) Invite(in *dialog.Incoming, _ any) {
	if status := int(m.status.Load()); status != 0 {
		if status < 200 {
			_ = in.Ring(180)
			m.rings <- struct{}{}
			select {
			case <-in.Context().Done(): // the server gave up
				return
			case <-m.answers:
				status = int(m.status.Load())
			}
		}
		if status != 0 {
			_ = in.Reject(dialog.Response{Status: status})
			return
		}
	}
	if err := m.answer(in); err != nil {
		m.t.Logf("%s: %v", m.name, err)
		_ = in.Reject(dialog.Response{Status: 488})
	}
}

func (m *mobile) answer(in *dialog.Incoming) error {
	d, err := offer.Parse(in.Request.Body)
	if err != nil {
		return err
	}
	keys, err := d.Attributes()
	if err != nil {
		return err
	}
	room := in.Request.From.URI.Identity()
	v, err := m.keyer.Load().Verify(keys, keying.Call{Local: m.bundle.URI, Peer: room, SDPIDs: d.SDPIDs(), Policy: keying.StandardPolicy()})
	if err != nil {
		return err
	}
	o := &mobileLeg{mobile: m, stopped: make(chan struct{}), ended: make(chan legs.Ending, 1)}
	o.Leg, err = m.line.Prepare(in.Context(), legs.Admission{Local: m.bundle.URI, Peer: room, Policy: keying.StandardPolicy(), Offer: d, Verified: v}, o)
	if err != nil {
		return err
	}
	in.Authenticate(m.bundle.Digest.Username, string(m.bundle.Digest.Password.Bytes()), m.bundle.Digest.Realm)
	if err := o.Accept(in); err != nil {
		o.Release()
		return err
	}
	m.legs <- o
	return nil
}

// destination is where it sends requests outside a dialog.
func (m *mobile) destination() string {
	return cmp.Or(m.via, m.server.SIPAddress(m.over).String())
}

// register makes the device known, over its UDP flow.
func (m *mobile) register() {
	m.t.Helper()
	resp, err := m.endpoint.Request(m.t.Context(), dialog.Outgoing{
		Method: "REGISTER", URI: "sip:" + m.server.cfg.SIP.Domain, From: m.bundle.URI, To: m.bundle.URI, Transport: m.over, Destination: m.destination(),
		Username: m.bundle.Digest.Username, Password: string(m.bundle.Digest.Password.Bytes()), Realm: m.bundle.Digest.Realm,
	})
	if err != nil || resp.Status != 200 {
		m.t.Fatalf("%s: %+v, %v", m.name, resp, err)
	}
}

// uri is where the device wants to be called.
func (m *mobile) uri() string { return "sip:" + m.name + "@" + m.endpoint.Addr(m.over).String() }

// call places a call to a room that must be taken or, where it replaces another, may be refused.
func (m *mobile) call(room string, fields ...dialog.HeaderField) (*mobileLeg, error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), e2ePatience)
	defer cancel()
	o := &mobileLeg{mobile: m, stopped: make(chan struct{}), ended: make(chan legs.Ending, 1)}
	_, err := m.line.Call(ctx, m.endpoint, legs.Outgoing{
		Invitation: dialog.Invitation{
			URI: m.server.uri(room), From: m.bundle.URI, Transport: m.over, Destination: m.destination(),
			Username: m.bundle.Digest.Username, Password: string(m.bundle.Digest.Password.Bytes()), Realm: m.bundle.Digest.Realm, Header: fields,
		},
		Local: m.bundle.URI, Peer: m.server.uri(room), Policy: keying.StandardPolicy(), Methods: []keying.Method{keying.MIKEYPSK},
	}, o)
	return o, err
}

// joins calls a room and gives the leg and its seat.
func (m *mobile) joins(room string) (*mobileLeg, SeatView) {
	m.t.Helper()
	o, err := m.call(room)
	if err != nil {
		m.t.Fatal(err)
	}
	return o, seated(m.t, m.server, room)
}

// mobileLeg is a leg of a device, ticked until it ends.
type mobileLeg struct {
	*legs.Leg
	mobile  *mobile
	stopped chan struct{}
	ended   chan legs.Ending
}

// Accepted implements legs.Owner: the device speaks and listens from now on.
func (o *mobileLeg) Accepted(l *legs.Leg) {
	o.Leg = l
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		payload := make([]byte, 160)
		for i := range payload { // a loud square wave
			payload[i] = byte(i/20%2) << 7
		}
		for t := codec.Tick(1); ; t++ {
			select {
			case <-o.stopped:
				return
			case <-ticker.C:
				l.Stream().Next(t)
				if !o.mobile.mute.Load() {
					l.Stream().Send(t, codec.Packet{Payload: payload})
				}
			}
		}
	}()
	o.mobile.t.Cleanup(func() {
		_ = l.Hangup(context.Background(), "hangup") // ErrEnded: gone
		<-l.Done()
		<-done
		l.Release()
	})
}

// Confirmed implements legs.Owner.
func (o *mobileLeg) Confirmed(*legs.Leg) {}

// Referred implements legs.Owner.
func (o *mobileLeg) Referred(_ *legs.Leg, r *legs.Referral) { r.Refuse(dialog.Response{Status: 603}) }

// Pressed implements legs.Owner.
func (o *mobileLeg) Pressed(*legs.Leg, byte) {}

// Ended implements legs.Owner.
func (o *mobileLeg) Ended(_ *legs.Leg, e legs.Ending) {
	close(o.stopped)
	o.ended <- e
}

// replaces is the field of a call that takes the place of this leg.
func (o *mobileLeg) replaces() dialog.HeaderField {
	callID, local, remote := o.Dialog().Tags()
	return dialog.HeaderField{Name: "Replaces", Value: dialog.Replaces{CallID: callID, ToTag: remote, FromTag: local}.String()}
}
