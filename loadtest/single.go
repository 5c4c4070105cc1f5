package loadtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/dialog"
)

// Single is one call as `conclave call` places it.
type Single struct {
	URI       string         // sip:ROOM@host[:port][;transport=udp|tcp|tls]
	Bundle    *keying.Bundle // of the account that calls; nil: From calls
	From      string         // who calls by a trunk, "sip:USER@DOMAIN"
	TLS       *tls.Config    // for From; nil: the system's authorities
	Methods   []keying.Method
	ClearKeys bool // keys of sdes may go in clear over udp and tcp
	Suite     keying.Suite
	Group     keying.Group
	Codec     string
	Play      string        // "", a WAV file, or tone:HZ
	Record    string        // "" or a WAV file to write
	Duration  time.Duration // 0: until ctx ends or, when a file is played, until it has been
	LateOffer bool
	Log       *slog.Logger
	Fallback  func(from, to keying.Method, why *legs.Refused) // told before the next of Methods is tried; nil: nobody is
}

// Outcome is what a call came to: the JSON of `conclave call --json`.
type Outcome struct {
	Room        string  `json:"room"`
	Transport   string  `json:"transport"`
	SetupMS     float64 `json:"setup_ms"`
	Method      string  `json:"method"`
	Suite       string  `json:"suite"`
	Group       string  `json:"group"` // "" without Diffie-Hellman
	CSBID       uint32  `json:"csb_id"`
	Peer        string  `json:"peer"`             // identity that the server proved
	Fingerprint string  `json:"peer_fingerprint"` // SHA-256 of its certificate, "" with a pre-shared key
	Codec       string  `json:"codec"`
	Media       string  `json:"media_addr"`
	Sent        uint64  `json:"sent"`
	Received    uint64  `json:"received"`
	Lost        uint64  `json:"lost"`
	JitterMS    float64 `json:"jitter_ms"`
	RTTMS       float64 `json:"rtt_ms"`
	MOS         float64 `json:"mos"`
	LevelDB     float64 `json:"level_dbfs"` // of what was heard
	Ended       string  `json:"ended"`      // who ended it and why
	Recorded    string  `json:"recorded,omitempty"`
}

// Broken says whether the call ended otherwise than by somebody who hung up.
func (o *Outcome) Broken() bool { return strings.HasPrefix(o.Ended, lostBy) && o.Ended != lostBy+"bye" }

// keys tells how the call is keyed.
func (o *Outcome) keys() string {
	words := []string{o.Method, o.Group, o.Suite}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// peer tells whom the key agreement proved; nothing where it proves nobody.
func (o *Outcome) peer() string {
	if o.Peer == "" && o.Fingerprint == "" {
		return ""
	}
	return fmt.Sprintf("  peer %s\n", strings.TrimSpace(o.Peer+" "+o.Fingerprint))
}

// lostBy begins what Outcome.Ended says of a call that this side did not end.
const lostBy = "server: "

// Place places the call, plays and records, hangs up and tells. established hears the terms as soon as the call stands.
func (s Single) Place(ctx context.Context, established func(Outcome)) (Outcome, error) {
	m, err := newPlayer(s.Play)
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: --play: %w", ErrOptions, err)
	}
	room, transport, server, err := s.destination()
	if err != nil {
		return Outcome{}, err
	}
	bundle, domain, client := s.caller(server)
	x, err := NewExchange(localAddress(server), client, s.Log)
	if err != nil {
		return Outcome{}, err
	}
	defer x.Close() //nolint:errcheck // the call is over
	r, err := newRecorder(s.Record)
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: --record: %w", ErrOptions, err)
	}
	voice := &live{speaker: m, listener: r}
	call, err := x.Call(ctx, Plan{
		Bundle: bundle, URI: "sip:" + room + "@" + domain, Room: "sip:" + room + "@" + domain, Transport: transport, Server: server,
		Methods: s.Methods, Clear: s.ClearKeys, Fallback: s.Fallback, Suite: s.Suite, Group: s.Group, Codecs: []string{s.Codec}, LateOffer: s.LateOffer,
		Voice: voice.begin,
	})
	if errors.Is(err, dialog.ErrTimeout) {
		err = fmt.Errorf("nobody answers at %s over %s; is a server serving there? %w", server, transport, err)
	}
	if err != nil {
		return Outcome{}, err
	}
	out := call.outcome(room, transport)
	if established != nil {
		established(out)
	}
	out.Ended = s.hold(ctx, call, m)
	call.Stop()
	call.measure(&out)
	out.LevelDB = r.level()
	err = errors.Join(r.close(), call.HangUp(), voice.broken)
	if s.Record != "" {
		out.Recorded = s.Record
	}
	return out, err
}

// caller is who calls, the domain of the room, and how TLS is spoken. Without an account there is nothing in the bundle but a name,
// and the room's domain is the host that was dialled.
func (s Single) caller(server string) (bundle *keying.Bundle, domain string, client *tls.Config) {
	host, _, _ := net.SplitHostPort(server)
	if s.Bundle != nil {
		return s.Bundle, domainOf(s.Bundle.URI), &tls.Config{RootCAs: s.Bundle.Roots(), ServerName: host, MinVersion: tls.VersionTLS12}
	}
	client = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		client = s.TLS.Clone()
	}
	client.ServerName = host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return &keying.Bundle{URI: s.From}, host, client
}

// hold waits until the call is over and says why.
func (s Single) hold(ctx context.Context, call *Caller, m *player) string {
	over := make(<-chan time.Time)
	if s.Duration > 0 {
		timer := time.NewTimer(s.Duration)
		defer timer.Stop()
		over = timer.C
	}
	played := m.done
	if s.Duration > 0 {
		played = nil
	}
	select {
	case <-ctx.Done():
		return "interrupted"
	case <-over:
		return "duration"
	case <-played:
		return "played"
	case <-call.Gone():
		return lostBy + call.ending.Reason
	}
}

// outcome tells what was agreed.
func (c *Caller) outcome(room, transport string) Outcome {
	t := c.leg.Terms()
	return Outcome{
		Room: room, Transport: transport, SetupMS: float64(c.setup.Microseconds()) / 1000,
		Method: string(t.Posture.Method), Suite: string(t.Posture.Suite), Group: string(t.Posture.Group), CSBID: t.Posture.CSBID,
		Peer: t.Posture.PeerIdentity, Fingerprint: t.Posture.PeerFingerprint, Codec: t.Codec,
		Media: c.leg.MediaAddr().String(),
	}
}

// measure adds what the stream counted.
func (c *Caller) measure(o *Outcome) {
	s := c.leg.Stream().Snapshot()
	o.Media = c.leg.MediaAddr().String()
	o.Sent, o.Received, o.Lost = s.PacketsSent, s.PacketsReceived, s.Lost
	o.JitterMS, o.RTTMS, o.MOS = s.JitterMS, s.RTTMS, s.MOS
}

// ErrDestination says that a URI to call cannot be used.
var ErrDestination = errors.New("loadtest: cannot call")

// destination finds room, transport and host:port of the URI; without a port the bundle's servers are asked, TLS first.
func (s Single) destination() (room, transport, server string, err error) {
	rest, ok := strings.CutPrefix(s.URI, "sip:")
	if !ok {
		return "", "", "", fmt.Errorf("%w %q: write sip:ROOM@HOST[:PORT]", ErrDestination, s.URI)
	}
	rest, params, _ := strings.Cut(rest, ";")
	room, host, ok := strings.Cut(rest, "@")
	if !ok || room == "" || host == "" {
		return "", "", "", fmt.Errorf("%w %q: write sip:ROOM@HOST[:PORT]", ErrDestination, s.URI)
	}
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(p, "transport="); ok {
			transport = v
		}
	}
	if transport != "" && transport != "udp" && transport != "tcp" && transport != "tls" {
		return "", "", "", fmt.Errorf("%w over %q: transport is udp, tcp or tls", ErrDestination, transport)
	}
	if _, _, e := net.SplitHostPort(host); e == nil {
		if transport == "" {
			transport = "udp"
		}
		return strings.ToLower(room), transport, host, nil
	}
	if s.Bundle == nil { // RFC 3261 section 19.1.2
		if transport == "tls" {
			return strings.ToLower(room), transport, net.JoinHostPort(strings.Trim(host, "[]"), "5061"), nil
		}
		return strings.ToLower(room), cmp.Or(transport, "udp"), net.JoinHostPort(strings.Trim(host, "[]"), "5060"), nil
	}
	for _, a := range s.Bundle.Servers {
		if transport == "" || a.Transport == transport {
			return strings.ToLower(room), a.Transport, a.Address, nil
		}
	}
	return "", "", "", fmt.Errorf("%w %q: the bundle names no server for it; add the port to the URI", ErrDestination, s.URI)
}

// localAddress is from where a server is called: from loopback where it listens there, else from the address that leads to it.
func localAddress(server string) netip.Addr {
	c, err := net.Dial("udp", server) // sends nothing; the kernel picks the address
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

func domainOf(uri string) string {
	_, domain, _ := strings.Cut(uri, "@")
	return domain
}
