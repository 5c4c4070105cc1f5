package server

import (
	"strings"
	"testing"

	"github.com/conclave/conclave/legs/dialog"
)

// TestHostileReferTo: what a REFER of ann's own may not ask for, though she proves herself. HOST is where her phone listens, which is
// registered. Nothing is called, and her call goes on.
func TestHostileReferTo(t *testing.T) {
	t.Parallel()
	x := newScene(t, "")
	phone := newMobile(t, x.server, x.ann, "phone")
	phone.register()
	bens := newMobile(t, x.server, x.others["ben"], "bens")
	bens.register()
	owner, seq := newWire(t, x.server, "udp", "127.0.0.1"), x.made()
	for _, c := range []struct {
		name   string
		fields []string
		status int
		reason string // of gateCounter; "octets": it does not come so far
	}{
		{"none", nil, 400, "bad_reference"},
		{"two", []string{"<sip:phone@HOST>", "<sip:phone@HOST>"}, 400, "bad_reference"},
		{"two in one", []string{"<sip:phone@HOST>, <sip:phone@HOST>"}, 400, "bad_reference"},
		{"nothing", []string{"<>"}, 400, "bad_reference"},
		{"text behind", []string{"<sip:phone@HOST> and more"}, 400, "bad_reference"},
		{"a control character", []string{"<sip:ph\x01one@HOST>"}, 400, "octets"},
		{"an escaped line end", []string{"<sip:phone@HOST?Subject=a%0D%0ABye%3A%20b>"}, 400, "bad_reference"},
		{"an escaped NUL", []string{"<sip:phone%00@HOST>"}, 403, "not_a_device"},
		{"two embedded Replaces", []string{"<sip:phone@HOST?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc&Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"}, 400, "bad_reference"},
		{"an embedded Replaces that cannot be read", []string{"<sip:phone@HOST?Replaces=a>"}, 400, "bad_reference"},
		{"a telephone", []string{"<tel:+49301234>"}, 416, "refer_scheme"},
		{"the web", []string{"<http://127.0.0.1/>"}, 416, "refer_scheme"},
		{"a script", []string{"<javascript:alert(1)>"}, 416, "refer_scheme"},
		{"BYE", []string{"<sip:phone@HOST;method=BYE>"}, 403, "refer_shape"},
		{"a method of no one's", []string{"<sip:phone@HOST;method=CONQUER>"}, 403, "refer_shape"},
		{"Replaces", []string{"<sip:phone@HOST?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"}, 403, "refer_shape"},
		{"Route", []string{"<sip:phone@HOST?Route=%3Csip%3Aevil.example%3Blr%3E>"}, 403, "refer_shape"},
		{"Authorization", []string{"<sip:phone@HOST?Authorization=Digest%20username%3D%22ben%22>"}, 403, "refer_shape"},
		{"From", []string{"<sip:phone@HOST?From=%3Csip%3Aben%40localhost%3E>"}, 403, "refer_shape"},
		{"a body", []string{"<sip:phone@HOST?body=v%3D0>"}, 403, "refer_shape"},
		{"the room itself", []string{"<ROOM>"}, 403, "not_a_device"},
		{"another room", []string{"<sip:attic@localhost>"}, 403, "not_a_device"},
		{"another account", []string{"<sip:ben@localhost>"}, 403, "not_a_device"},
		{"a device of another account", []string{"<BENS>"}, 403, "not_a_device"},
		{"a stranger", []string{"<sip:phone@203.0.113.9>"}, 403, "not_a_device"},
		{"the phone's port elsewhere", []string{"<sip:phone@127.0.0.9:PORT>"}, 403, "not_a_device"},
		{"an instance that is none", []string{"<sip:ann@localhost;gr=urn:uuid:0>"}, 403, "not_a_device"},
		{"almost 8 KiB", []string{"<sip:" + strings.Repeat("a", 8<<10-200) + "@HOST>"}, 403, "not_a_device"},
	} {
		host := phone.endpoint.Addr("udp").String()
		_, port, _ := strings.Cut(host, ":")
		var fields []string
		for _, f := range c.fields {
			fields = append(fields, "Refer-To: "+strings.NewReplacer("HOST", host, "PORT", port, "ROOM", x.server.uri("hall"), "BENS", bens.uri()).Replace(f))
		}
		for _, outside := range []bool{false, true} {
			t.Run(c.name+map[bool]string{false: " in the dialog", true: " with Target-Dialog"}[outside], func(t *testing.T) {
				r, counter := x.outside("REFER", "ann"), gateCounter(c.reason)
				r.fields = r.fields[1:]
				if !outside {
					seq++
					r = x.within("REFER", seq)
					r.fields = nil
				}
				if c.reason == "octets" {
					counter = sipCounter(c.reason)
				}
				r.fields = append(append(r.fields, fields...), owner.owns(x.ann, r))
				x.refused(t, counter, func() {
					if got := owner.asks(r); got.status != c.status {
						t.Errorf("%d, want %d\n%s", got.status, c.status, got.text)
					}
				})
				if c.reason != "octets" && x.book.count("INFO", "refused", "reason="+c.reason) == 0 {
					t.Error("it is not logged")
				}
			})
		}
	}
	if n := len(phone.legs) + len(phone.refers) + len(bens.legs); n != 0 {
		t.Errorf("%d calls came", n)
	}
	x.over(t)
}

// TestHostileReplaces: calls with Replaces that come to nothing, by who may speak of the dialog and by who may not.
func TestHostileReplaces(t *testing.T) {
	t.Parallel()
	const trunk = `
rooms: {permanent: [{name: attic}]}
trunks: [{name: sbc, from: [127.0.0.7/32], transports: [udp], methods: [sdes], calls: 9}]
`
	x := newScene(t, trunk)
	callID, local, remote := x.leg.Dialog().Tags()
	mine := dialog.Replaces{CallID: callID, ToTag: remote, FromTag: local}.String()
	early := mine + ";early-only"
	turned := dialog.Replaces{CallID: callID, ToTag: local, FromTag: remote}.String()
	for _, c := range []struct {
		name, room, from string
		fields           []string
		status           int
		counter          string
	}{
		{"early-only of a dialog that was answered", "hall", "ann", []string{early}, 486, gateCounter("no_target_dialog")},
		{"tags the wrong way round", "hall", "ann", []string{turned}, 481, gateCounter("no_target_dialog")},
		{"another Call-ID", "hall", "ann", []string{"x" + mine}, 481, gateCounter("no_target_dialog")},
		{"two fields", "hall", "ann", []string{mine, mine}, 400, gateCounter("bad_reference")},
		{"two tags", "hall", "ann", []string{mine + ";to-tag=" + remote}, 400, gateCounter("bad_reference")},
		{"no tags", "hall", "ann", []string{callID}, 400, gateCounter("bad_reference")},
		{"into another room", "attic", "ann", []string{mine}, 403, gateCounter("not_its_seat")},
		{"into no room", "ann", "ann", []string{mine}, 403, gateCounter("not_its_seat")},
		{"another account", "hall", "ben", []string{mine}, 403, gateCounter("not_its_seat")},
		{"another account as ann", "hall", "ben as ann", []string{mine}, 403, gateCounter("wrong_from")},
		{"who sits in the same room", "hall", "cid", []string{mine}, 403, gateCounter("not_its_seat")},
		{"a trunk's caller", "hall", "trunk", []string{mine}, 403, gateCounter("not_its_seat")},
	} {
		t.Run(c.name, func(t *testing.T) {
			account, as, _ := strings.Cut(c.from, " as ")
			r := request{
				method: "INVITE", uri: x.server.uri(c.room), to: "<" + x.server.uri(c.room) + ">", callID: word(), seq: 1,
				from: "<" + x.server.uri(max(as, map[bool]string{true: account}[as == ""])) + ">;tag=" + word(),
			}
			w := newWire(t, x.server, "udp", map[bool]string{true: "127.0.0.7", false: "127.0.0.1"}[account == "trunk"])
			for _, f := range c.fields {
				r.fields = append(r.fields, "Replaces: "+f)
			}
			switch account {
			case "trunk":
				r.from = "<sip:desk@old.example>;tag=" + word()
				r.body = sdesOffer
			case "ann":
				r.fields = append(r.fields, w.owns(x.ann, r))
			default:
				r.fields = append(r.fields, w.owns(x.others[account], r))
			}
			x.refused(t, c.counter, func() {
				if got := w.asks(r); got.status != c.status {
					t.Errorf("%d, want %d\n%s", got.status, c.status, got.text)
				}
			})
		})
	}
}

// sdesOffer is that of an old telephone.
const sdesOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 0\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n"

// TestTrunkHasNoDevices: a trunk's caller cannot have its seat moved.
func TestTrunkHasNoDevices(t *testing.T) {
	t.Parallel()
	s := serveTest(t, trunkYAML)
	o, seat := newPhone(t, s).joins(attempt{room: "hall", transport: "udp"})
	resp, err := o.dialog.Send(t.Context(), "REFER", []dialog.HeaderField{{Name: "Refer-To", Value: "<sip:phone@127.0.0.1>"}}, "", nil)
	if err != nil || resp.Status != 403 {
		t.Errorf("%+v, %v", resp, err)
	}
	if _, err := s.MoveSeat(t.Context(), "hall", seat.ID, MoveRequest{Target: "sip:phone@127.0.0.1"}); err == nil {
		t.Error("the API moves it")
	}
	if m := measured(t, s); m[gateCounter("trunk")] != 1 {
		t.Errorf("counted %v", m)
	}
}

// TestMovesOfOneSeat: a seat moves once at a time, and who comes late finds the dialog gone.
func TestMovesOfOneSeat(t *testing.T) {
	t.Parallel()
	x := newScene(t, "")
	phone := newMobile(t, x.server, x.ann, "phone")
	phone.register()
	phone.status.Store(180)
	owner := newWire(t, x.server, "udp", "127.0.0.1")
	moving := make(chan error, 1)
	go func() { moving <- x.leg.Refer(t.Context(), phone.uri()) }()
	taken(t, phone.rings)
	old := []request{x.outside("REFER", "ann"), x.outside("INVITE", "ann")}
	old[0].fields[0] = "Refer-To: <" + phone.uri() + ">"
	inDialog := x.within("REFER", x.made()+100)
	inDialog.fields = []string{"Refer-To: <" + phone.uri() + ">"}
	for i, r := range append(old, inDialog) {
		r.fields = append(r.fields, owner.owns(x.ann, r))
		x.refused(t, gateCounter("move_pending"), func() {
			if got := owner.asks(r); got.status != 486 {
				t.Errorf("request %d while a move is pending: %d", i, got.status)
			}
		})
	}
	if _, err := x.server.MoveSeat(t.Context(), "hall", x.seat.ID, MoveRequest{Target: phone.uri()}); err == nil {
		t.Error("the API begins a second move")
	}
	phone.status.Store(0)
	phone.answers <- struct{}{}
	if err := taken(t, moving); err != nil {
		t.Errorf("the move: %v", err)
	}
	taken(t, x.leg.ended)
	until(t, "the old call is over", func() bool { return x.server.ledger.total() == 2 })
	if now := x.now(); now.Leg.ID == x.seat.Leg.ID || !now.Muted {
		t.Errorf("the seat is %+v on %+v", now, now.Leg)
	}
	for i, r := range append(old, inDialog) {
		r.callID, r.seq = map[bool]string{true: word(), false: r.callID}[i < 2], r.seq+1
		r.fields = append(r.fields, owner.owns(x.ann, r))
		before := x.now()
		if got := owner.asks(r); got.status != 481 {
			t.Errorf("request %d after the move: %d", i, got.status)
		}
		if now := x.now(); now.Leg.ID != before.Leg.ID {
			t.Errorf("request %d moved the seat", i)
		}
	}
	if m := measured(t, x.server); m[`conclave_moves_total{how="refer",result="done"}`] != 1 || m[`conclave_moves_total{how="replaces",result="done"}`] != 0 {
		t.Errorf("counted %v", m)
	}
}
