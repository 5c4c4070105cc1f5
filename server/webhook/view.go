package webhook

import "time"

// View is what the outside sees of a hook: neither its secret nor the path and the query of its URL, which with many receivers are one.
type View struct {
	URL         string       `json:"url" doc:"Where events are sent, up to the host: many receivers have a secret in the path" example:"https://hooks.example.com/…"`
	Types       []string     `json:"types" nullable:"false" doc:"Types of events that are sent; empty for all"`
	Rooms       []string     `json:"rooms" nullable:"false" doc:"Rooms whose events are sent; empty for all, and for events of no room"`
	Queued      int          `json:"queued" doc:"Events that wait"`
	Delivered   uint64       `json:"delivered" doc:"Events that were taken"`
	Failed      uint64       `json:"failed" doc:"Attempts that failed"`
	Dead        uint64       `json:"dead" doc:"Events that were given up, or found no room in the queue"`
	LastStatus  int          `json:"last_status" doc:"Status of the last answer; 0 where none came"`
	LastError   string       `json:"last_error" doc:"Why the last attempt failed; empty when it did not"`
	DeadLetters []DeadLetter `json:"dead_letters" nullable:"false" doc:"The last events that were given up, oldest first"`
}

// DeadLetter is an event that a hook did not get.
type DeadLetter struct {
	Event    uint64    `json:"event" doc:"Id of the event"`
	Type     string    `json:"type" doc:"Its type"`
	At       time.Time `json:"at" doc:"When it was given up"`
	Attempts int       `json:"attempts" doc:"How often it was tried; 0: it found no room in the queue"`
	Reason   string    `json:"reason" doc:"Why the last attempt failed"`
}

// Totals sums up all hooks, for metrics.
type Totals struct {
	Queued                  int
	Delivered, Failed, Dead uint64
}

// Totals of all hooks.
func (s *Sender) Totals() (t Totals) {
	for _, h := range s.hooks {
		v := h.view()
		t.Queued += v.Queued
		t.Delivered += v.Delivered
		t.Failed += v.Failed
		t.Dead += v.Dead
	}
	return t
}

func (h *hook) view() View {
	h.mu.Lock()
	defer h.mu.Unlock()
	return View{
		URL: h.shown, Types: append([]string{}, h.Types...), Rooms: append([]string{}, h.Rooms...),
		Queued: len(h.queue), Delivered: h.delivered, Failed: h.failed, Dead: h.dead, LastStatus: h.lastStatus, LastError: h.lastError,
		DeadLetters: append([]DeadLetter{}, h.letters...),
	}
}
