package keying

import (
	"bytes"
	"crypto/subtle"
	"fmt"

	"github.com/conclave/conclave/keying/sdes"
)

// sdesState is what a running agreement of SDES keeps: the line that we send under, and the peer's.
type sdesState struct{ own, theirs sdes.Line }

func (s *sdesState) same(a Attributes) bool {
	_, found := s.find(a)
	return found
}

// find looks for the peer's running key among the lines of a description, whatever its tag there, and returns the tag.
func (s *sdesState) find(a Attributes) (tag int, found bool) {
	for _, c := range a.Crypto[:min(len(a.Crypto), maxLines)] {
		l, err := sdes.Parse(c.Line())
		if err != nil {
			continue
		}
		if !found && sameKey(l, s.theirs) {
			tag, found = l.Tag, true
		}
		l.Wipe()
	}
	return tag, found
}

func (s *sdesState) repeat() Attributes {
	return Attributes{Crypto: []Crypto{NewCrypto(s.own.Format())}}
}

func (s *sdesState) reply(a Attributes) Attributes {
	tag, found := s.find(a)
	if !found {
		return Attributes{}
	}
	own := s.own
	own.Tag = tag
	return Attributes{Crypto: []Crypto{NewCrypto(own.Format())}}
}

func (s *sdesState) canUpdate() bool { return true }

func (s *sdesState) wipe() {
	if s == nil {
		return
	}
	s.own.Wipe()
	s.theirs.Wipe()
}

// mki is that of our line; nil without one, or without a state.
func (s *sdesState) mki() []byte {
	if s == nil {
		return nil
	}
	return s.own.MKI
}

// sameKey compares suites, keys and salts, the latter in constant time.
func sameKey(a, b sdes.Line) bool {
	return a.Suite == b.Suite && subtle.ConstantTimeCompare(a.Key, b.Key)&subtle.ConstantTimeCompare(a.Salt, b.Salt) == 1
}

func cloneLine(l sdes.Line) sdes.Line {
	l.Key, l.Salt, l.MKI = bytes.Clone(l.Key), bytes.Clone(l.Salt), bytes.Clone(l.MKI)
	return l
}

// lines is a copy of what a running agreement of SDES keeps, which the caller wipes; nil without one.
func (r *Running) lines() *sdesState {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.kept.(*sdesState)
	if !ok {
		return nil
	}
	return &sdesState{own: cloneLine(s.own), theirs: cloneLine(s.theirs)}
}

// parseLine reads a line that packets can be protected by: one whose MKI is not too long for them.
func parseLine(c Crypto) (sdes.Line, error) {
	l, err := sdes.Parse(c.Line())
	if err == nil && len(l.MKI) > maxLineMKI {
		l.Wipe()
		return sdes.Line{}, fmt.Errorf("%w: %d octets", sdes.ErrMKI, len(l.MKI))
	}
	return l, err
}
