package flood

import (
	"bytes"
	"time"
)

// answered acts on a response to a call of the lane.
func (l *lane) answered(c *call, a answer, now time.Duration) {
	switch {
	case a.bye:
		if a.status >= 200 && c.state == leaving {
			l.end(c)
		}
	case a.status < 200:
		if c.state == calling {
			c.state = ringing
		}
	case a.status < 300:
		l.accepted(c, a, now)
	default:
		l.refused(c, a)
	}
}

// accepted acknowledges a 200, each time that it comes, and sees to the BYE.
func (l *lane) accepted(c *call, a answer, now time.Duration) {
	if c.state == calling || c.state == ringing {
		n := &l.count[c.segment]
		if took := now - c.sent; took <= inTime {
			n.Good++
			n.delays = append(n.delays, took)
			if seg := l.plan[c.segment]; now >= seg.steady() && now < seg.begin+seg.long {
				n.steady++
			}
		} else {
			n.Late++
		}
		c.to, c.target = bytes.Clone(a.to), bytes.Clone(a.contact)
		if c.begun != nil {
			c.answer = bytes.Clone(a.body)
		}
		c.state = up
		l.hold.push(timer{due: now + l.f.Hold, call: c, state: up})
	}
	if c.state == up || c.state == leaving || c.state == over && c.to != nil {
		l.out = l.f.script(c, l.via).ack(l.out[:0], string(c.target), string(c.to))
		l.write(l.out)
	}
}

// refused counts a refusal, and acknowledges it each time that it comes.
func (l *lane) refused(c *call, a answer) {
	if c.state == calling || c.state == ringing {
		n := &l.count[c.segment]
		switch {
		case a.status == 503 && a.retry:
			n.Busy++
		case a.status == 503:
			n.BusyMute++
		default:
			if n.Refused == nil {
				n.Refused = make(map[int]int)
			}
			n.Refused[a.status]++
		}
		l.end(c)
	}
	if c.to == nil { // it had no 200
		uri, _, _ := bytes.Cut(c.invite[len("INVITE "):], []byte(" "))
		l.out = l.f.script(c, l.via).refusedAck(l.out[:0], string(uri), string(a.to))
		l.write(l.out)
	}
}

func (l *lane) end(c *call) {
	c.state = over
	l.open--
}
