package keying

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/conclave/conclave/keying/mikey"
	"github.com/conclave/conclave/keying/sdes"
)

// sdesOffer is an exchange of SDES that we began: one line for each suite, each with a key of its own (RFC 4568 section 5.1.1).
type sdesOffer struct {
	lines  []sdes.Line
	crypto []Crypto // the same, as the description says them
	own    sdes.Line
	theirs sdes.Line // set by check
}

func (o *sdesOffer) begin(_ context.Context, i *Initiation, r refusal) error {
	if !i.call.Secured {
		return r.insecure()
	}
	running := i.call.Running.lines()
	defer running.wipe()
	for n, suite := range o.suites(i, running) {
		line, err := i.keyer.newLine(n+1, suite, running.mki(), running.mki())
		if err != nil {
			return r.refuse(mikey.Unspecified, ReasonInternal, err)
		}
		o.lines = append(o.lines, line)
		o.crypto = append(o.crypto, NewCrypto(line.Format()))
	}
	i.attributes = Attributes{Crypto: o.crypto}
	return nil
}

// suites are those to offer: the one asked for, or the one that runs, or all that the policy has.
func (o *sdesOffer) suites(i *Initiation, running *sdesState) []Suite {
	p := i.call.Policy
	if i.call.Suite != "" {
		return []Suite{i.suite}
	}
	if running != nil && p.AllowsSuite(Suite(running.own.Suite)) {
		return []Suite{Suite(running.own.Suite)}
	}
	return slices.DeleteFunc(slices.Clone(p.Suites), func(s Suite) bool { return s.KeyLen() == 0 })
}

// check takes the one line of the answer, whose tag says which of ours was accepted (RFC 4568 section 5.1.3).
func (o *sdesOffer) check(_ *Initiation, answer Attributes, r refusal) error {
	if len(answer.Crypto) != 1 {
		return r.refuse(mikey.Unspecified, ReasonNotAnAnswer, fmt.Errorf("%d a=crypto lines in an answer", len(answer.Crypto)))
	}
	theirs, err := parseLine(answer.Crypto[0])
	if err != nil {
		return r.refuse(mikey.Unspecified, ReasonMalformed, err)
	}
	at := slices.IndexFunc(o.lines, func(l sdes.Line) bool { return l.Tag == theirs.Tag && l.Suite == theirs.Suite })
	if at < 0 {
		theirs.Wipe()
		return r.refuse(mikey.Unspecified, ReasonNotAnAnswer, errors.New("the answer accepts no line of ours"))
	}
	for _, l := range o.lines {
		if sameKey(l, theirs) {
			theirs.Wipe()
			return r.own(ErrKeyReuse) // one of ours reflected
		}
	}
	o.own, o.theirs = o.lines[at], theirs
	return nil
}

func (o *sdesOffer) conclude(_ context.Context, i *Initiation, r refusal) (*Agreement, error) {
	return i.keyer.agreeLines(o.own, o.theirs, i.call, Initiator, r)
}

func (o *sdesOffer) wipe() {
	for n, l := range o.lines {
		l.Wipe()
		o.crypto[n].Wipe()
	}
	o.theirs.Wipe()
}

// newLine makes a line with a fresh key. Its MKI has the length of like and is not used; nil gives none.
func (k *Keyer) newLine(tag int, suite Suite, like, used []byte) (sdes.Line, error) {
	l := sdes.Line{Tag: tag, Suite: string(suite), Key: make([]byte, suite.KeyLen()), Salt: make([]byte, suite.SaltLen())}
	if _, err := io.ReadFull(k.rand, l.Key); err != nil {
		return l, fmt.Errorf("randomness: %w", err)
	}
	if _, err := io.ReadFull(k.rand, l.Salt); err != nil {
		return l, fmt.Errorf("randomness: %w", err)
	}
	var err error
	l.MKI, err = k.newMKI(len(like), [][]byte{used})
	return l, err
}

// agreeLines makes the agreement of two lines.
func (k *Keyer) agreeLines(own, theirs sdes.Line, c Call, role Role, r refusal) (*Agreement, error) {
	running := c.Running.lines()
	defer running.wipe()
	if running != nil && len(theirs.MKI) > 0 && string(theirs.MKI) == string(running.theirs.MKI) && !sameKey(theirs, running.theirs) {
		return nil, r.own(ErrMKIReused)
	}
	if running != nil && sameKey(theirs, running.own) {
		return nil, r.own(ErrKeyReuse) // ours reflected: its key stream has gone out already
	}
	suite := Suite(own.Suite)
	keys := Keys{
		Suite:   suite,
		Send:    Stream{Key: NewSecret(own.Key), Salt: NewSecret(own.Salt), SSRC: c.SSRC, ROC: c.ROC, MKI: slices.Clone(own.MKI)},
		Receive: Stream{Key: NewSecret(theirs.Key), Salt: NewSecret(theirs.Salt), MKI: slices.Clone(theirs.MKI)},
	}
	// A peer may answer new keys of ours with the key that it has: then its stream goes on as it was.
	admit := k.guard.admit
	if running != nil && role == Initiator && sameKey(theirs, running.theirs) {
		admit = k.guard.admitSend
	}
	if err := admit(&keys); err != nil {
		keys.Wipe()
		return nil, r.own(err)
	}
	state := &sdesState{own: cloneLine(own), theirs: cloneLine(theirs)}
	return &Agreement{
		Keys: keys, Role: role, Running: &Running{method: SDES, kept: state}, Posture: k.posture(SDES, suite, ""),
	}, nil
}
