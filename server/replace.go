package server

import (
	"context"
	"errors"

	"github.com/conclave/conclave/legs/dialog"
)

// replace takes a call with Replaces (RFC 3891): another device of the same account takes over the seat. The leg that fills it goes on
// until the new one is heard.
func (s *Server) replace(in *dialog.Incoming, a *admission, value []string) error {
	if len(value) != 1 {
		return errBadReference
	}
	r, err := dialog.ParseReplaces(value[0])
	if err != nil {
		return errors.Join(errBadReference, err)
	}
	from, err := s.ownDialog(r.DialogID(), a)
	if err != nil {
		return err
	}
	if r.EarlyOnly { // what we know as dialogs was answered (section 3)
		return errAnswered
	}
	o, err := s.claim(from)
	if err != nil {
		return err
	}
	o.method = a.method()
	if o.move.how == byReplaces {
		if err = s.begin(o, nil, nil); err != nil {
			o.vacate(false)
			return err
		}
	}
	return s.answer(in, a, o)
}

// errAnswered says that a call was to replace an early dialog only.
var errAnswered = errors.New("server: the dialog is not an early one")

// claim gives a calling device the promise of the seat: one of its own, or that of a move that waits for this call.
func (s *Server) claim(from *tenancy) (o *tenancy, err error) {
	posted := from.room.do(context.Background(), func() {
		st := from.seat
		switch {
		case st.tenant != from:
			err = errNoDialog
		case st.coming != nil && st.coming.move != nil && st.coming.move.how == bySending && !st.coming.taken:
			o = st.coming
			o.taken = true
		default:
			if o, err = from.room.promise(s, st, byReplaces, ""); err == nil {
				o.taken = true
			}
		}
	})
	return o, errors.Join(posted, err)
}
