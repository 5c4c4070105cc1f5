package server

import "time"

// lookout sees what happens without anybody's doing, for events: who speaks, what the node leaves out, and that it is full.
type lookout struct {
	server *Server
	shed   int
	full   bool
}

// keepWatch looks every speakingPace until what it returns is called.
func (s *Server) keepWatch() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		pace := time.NewTicker(speakingPace)
		defer pace.Stop()
		l := lookout{server: s}
		for {
			select {
			case <-pace.C:
				l.look(s.pool.Stats().Shed, s.mixerFull() || s.ledger.total() >= s.cfg.Limits.Calls)
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// look tells what is new.
func (l *lookout) look(shed int, full bool) {
	s := l.server
	if shed != l.shed {
		l.shed = shed
		s.publish(Event{Type: EventNodeShed, Data: NodeShed{shed}})
	}
	if full != l.full {
		l.full = full
		s.publish(Event{Type: EventNodeFull, Data: NodeFull{full}})
	}
	s.watchDrain()
	if !s.events.Heard() {
		return
	}
	for _, r := range s.rooms.list() {
		if r.occupied.Load() == 0 {
			continue
		}
		select {
		case r.mailbox <- r.tellSpeakers:
		default: // it has more to do than to say who speaks
		}
	}
}

// tellSpeakers tells who began to speak, and who ended. It runs in the room's goroutine.
func (r *room) tellSpeakers() {
	for _, st := range r.seats {
		if speaks := st.mix.Speaking(); st.told && speaks != st.spoke {
			st.spoke = speaks
			r.publish(Event{Type: EventSeatSpeaking, Room: r.name, Seat: st.id, Account: st.who.Account, Data: Speaking{speaks}})
		}
	}
}
