package loadtest

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
)

// TestDevicesTrustTheirServerAlone: a device takes calls and REFERs from the address that it registered at, calls that prove the keys of a
// room of its domain, and REFERs to its own room in the place of a dialog. Who has no device is not there.
func TestDevicesTrustTheirServerAlone(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	x, err := NewExchange(local, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server, err := dialog.Listen(dialog.Config{UDP: "127.0.0.1:0"}, newSwitchboard())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := dialog.Listen(dialog.Config{UDP: "127.0.0.1:0"}, newSwitchboard())
	if err != nil {
		t.Fatal(err)
	}
	const account, room = "sip:alice@conf.example.com", "sip:standup@conf.example.com"
	key := keying.NewSecret([]byte("0123456789abcdef"))
	brought := make(chan error, 8)
	d, err := x.NewDevice(Plan{
		Bundle: &keying.Bundle{Account: "alice", URI: account, PSK: key}, URI: room, Room: room, Transport: "udp", Server: server.Addr("udp").String(),
		Methods: []keying.Method{keying.MIKEYPSK}, Codecs: []string{"pcmu"},
	}, func(c *Caller, err error) {
		if c != nil {
			t.Error("a call stands")
		}
		brought <- err
	})
	if err != nil {
		t.Fatal(err)
	}
	there := x.endpoint.Addr("udp").String()
	uri := "sip:" + d.user + "@" + there
	referral := []dialog.HeaderField{{Name: "Refer-Sub", Value: "false"}, {Name: "Refer-To", Value: "<" + room + "?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"}}
	elsewhere := []dialog.HeaderField{{Name: "Refer-To", Value: "<sip:premium@elsewhere.example?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"}}
	plain := []dialog.HeaderField{{Name: "Refer-To", Value: "<" + room + ">"}}
	const keyless = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/SAVP 0\r\n"
	for _, c := range []struct {
		name   string
		from   *dialog.Endpoint
		method string
		uri    string
		who    string
		fields []dialog.HeaderField
		body   string
		want   int
	}{
		{"a stranger calls", stranger, "INVITE", uri, room, nil, keyless, 403},
		{"a stranger refers", stranger, "REFER", uri, room, referral, "", 403},
		{"nobody's device", server, "INVITE", "sip:nobody@" + there, room, nil, keyless, 480},
		{"another domain calls", server, "INVITE", uri, "sip:standup@elsewhere.example", nil, keyless, 403},
		{"no keys", server, "INVITE", uri, room, nil, keyless, 488},
		{"no offer", server, "INVITE", uri, room, nil, "", 403},
		{"elsewhere", server, "REFER", uri, room, elsewhere, "", 403},
		{"in nobody's place", server, "REFER", uri, room, plain, "", 403},
		{"nowhere", server, "REFER", uri, room, nil, "", 400},
		{"to the room", server, "REFER", uri, room, referral, "", 200},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		var resp *dialog.Response
		if c.method == "INVITE" {
			_, resp, err = c.from.Invite(ctx, dialog.Invitation{URI: c.uri, From: c.who, Transport: "udp", Destination: there, ContentType: "application/sdp", Body: []byte(c.body)})
		} else {
			resp, err = c.from.Request(ctx, dialog.Outgoing{Method: c.method, URI: c.uri, From: c.who, Transport: "udp", Destination: there, Header: c.fields})
		}
		cancel()
		if err != nil || resp.Status != c.want {
			t.Errorf("%s: %+v (%v), want %d", c.name, resp, err, c.want)
		}
	}
	if err := d.Close(); err != nil { // it was not registered: nothing is to be taken back; its call comes to an end
		t.Error(err)
	}
	for _, e := range []*dialog.Endpoint{server, stranger} {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	close(brought)
	for err := range brought {
		if err == nil {
			t.Error("something stands")
		}
	}
}
