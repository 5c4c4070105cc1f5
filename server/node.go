package server

import (
	"context"
	"net/netip"
	"time"
)

// NodeView is what the outside sees of the server as a whole at one moment.
type NodeView struct {
	Version       string       `json:"version" doc:"Version of the program"`
	StartedAt     time.Time    `json:"started_at" doc:"When it began to serve"`
	UptimeS       float64      `json:"uptime_s" doc:"Seconds since then"`
	Domain        string       `json:"domain" doc:"Of every account's and room's URI"`
	State         string       `json:"state" enum:"ready,full,draining,stopping" doc:"ready: it takes calls; full: none until some end; draining: none until an operator says so; stopping: none any more"`
	Calls         int          `json:"calls" doc:"Calls being set up or standing; what a drain waits for"`
	Away          int          `json:"away" doc:"Seats whose owners lost their calls and may come back; a drain waits for them too"`
	Rooms         int          `json:"rooms" doc:"Open rooms"`
	Accounts      int          `json:"accounts" doc:"Accounts, disabled ones among them"`
	Registrations int          `json:"registrations" doc:"Devices that are registered, by their flows"`
	Remaining     int          `json:"remaining" doc:"Calls that there is room for: by limits.calls, and by what the mixer has time for at what a call costs at present"`
	Shed          int          `json:"shed" doc:"Step of deliberate reduction: 0 none, 1 cheaper encoding, 2 to 4 three to one seat mixed"`
	Listeners     NodeListens  `json:"listeners" doc:"Where it takes signalling"`
	Pressure      NodePressure `json:"pressure" doc:"How hard it works"`
}

// NodeListens names the listeners by transport.
type NodeListens struct {
	UDP string `json:"udp" doc:"Address of SIP over UDP; empty where it is off" example:"192.0.2.1:5060"`
	TCP string `json:"tcp" doc:"Address of SIP over TCP; empty where it is off"`
	TLS string `json:"tls" doc:"Address of SIP over TLS; empty where it is off"`
}

// NodePressure tells what wants for time.
type NodePressure struct {
	TickLoad  float64 `json:"tick_load" doc:"Share of the mixer's time that ticks took in the last second, 0 to 1; calls are refused above 0.85"`
	LateTicks uint64  `json:"late_ticks" doc:"Ticks that started 5 ms or more late, since the start"`
	DHWaiting int     `json:"dh_waiting" doc:"Key agreements that run or wait for a processor"`
}

// Node gives a view of the server as a whole.
func (s *Server) Node(context.Context) NodeView {
	p := s.pool.Stats()
	calls, away := s.ledger.left()
	v := NodeView{
		StartedAt: s.started.UTC().Truncate(time.Second), UptimeS: time.Since(s.started).Seconds(), Domain: s.cfg.SIP.Domain, State: "ready",
		Calls: calls, Away: away, Rooms: len(s.rooms.list()), Accounts: s.accounts.total(), Registrations: s.registrar.total(),
		Remaining: max(0, min(p.Capacity-p.Legs, s.cfg.Limits.Calls-calls)), Shed: p.Shed,
		Listeners: NodeListens{UDP: told(s.SIPAddress("udp")), TCP: told(s.SIPAddress("tcp")), TLS: told(s.SIPAddress("tls"))},
		Pressure:  NodePressure{TickLoad: p.Load, LateTicks: p.Late, DHWaiting: int(s.dh.Waiting())},
	}
	switch {
	case s.stopping.Load():
		v.State, v.Remaining = "stopping", 0
	case s.drain.on.Load():
		v.State, v.Remaining = "draining", 0
	case s.mixerFull(), calls >= s.cfg.Limits.Calls:
		v.State = "full"
	}
	return v
}

// told is an address as others are told it, "" for none.
func told(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
