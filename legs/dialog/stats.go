package dialog

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats is a snapshot of an endpoint's counters since it began.
type Stats struct {
	// Refused counts refusals by reason (a closed set: the front's flaws, "admit", "no_dialog", "method", "overload" ...).
	Refused map[string]uint64
	// Malformed counts messages that the front dropped or refused; OverBudget those beyond a source's budget; Panics
	// recovered panics of handlers (each is a bug); Strays are ACKs and responses that matched nothing.
	Malformed, OverBudget, Panics, Strays uint64
	// Dropped counts datagrams that the kernel dropped: a socket's buffer was full, or the checksum wrong.
	Dropped uint64
	// Dialogs, Handlers and Connections are alive now.
	Dialogs, Handlers, Connections int
}

type counters struct {
	malformed, overBudget, panics, strays atomic.Uint64
	handlers                              atomic.Int64

	mu      sync.Mutex
	refused map[string]uint64
}

func (c *counters) refuse(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[string]uint64)
	}
	c.refused[reason]++
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	refused := maps.Clone(c.refused)
	c.mu.Unlock()
	if refused == nil {
		refused = map[string]uint64{}
	}
	return Stats{
		Refused: refused, Malformed: c.malformed.Load(), OverBudget: c.overBudget.Load(), Panics: c.panics.Load(),
		Strays: c.strays.Load(), Handlers: int(c.handlers.Load()),
	}
}

// phrase is the usual reason phrase of a status (RFC 3261 section 21).
func phrase(status int) string {
	if p, ok := phrases[status]; ok {
		return p
	}
	switch status / 100 {
	case 1:
		return "Session Progress"
	case 2:
		return "OK"
	case 3:
		return "Moved"
	case 4:
		return "Request Failure"
	case 5:
		return "Server Failure"
	}
	return "Global Failure"
}

var phrases = map[int]string{ //nolint:gochecknoglobals // constant table
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 413: "Request Entity Too Large",
	415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
	422: "Session Interval Too Small", 423: "Interval Too Brief", 439: "First Hop Lacks Outbound Support", 469: "Bad Info Package", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error",
	501: "Not Implemented", 503: "Service Unavailable", 505: "Version Not Supported", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline",
}
