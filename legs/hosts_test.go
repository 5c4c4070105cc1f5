package legs

import (
	"errors"
	"sync/atomic"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/offer"
)

// hook looks at the requests inside dialogs before anybody else; it may refuse them.
type hook struct {
	atomic.Pointer[func(*dialog.Request) *dialog.Response]
}

func (h *hook) set(f func(*dialog.Request) *dialog.Response) { h.Store(&f) }

func (h *hook) look(r *dialog.Request) *dialog.Response {
	if f := h.Load(); f != nil {
		return (*f)(r)
	}
	return nil
}

// answeringHost answers for the room.
type answeringHost struct{ *world }

// readmission is what the server's gate makes of a re-INVITE.
type readmission struct {
	d *offer.Description
	v *keying.Verified
}

func (r readmission) Readmitted() (*offer.Description, *keying.Verified) { return r.d, r.v }

func (h answeringHost) Admit(r *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	if d == nil {
		return nil, nil
	}
	if refuse := h.answeringHook.look(r); refuse != nil {
		return nil, refuse
	}
	leg := h.running.Load()
	if !h.gated || r.Method != "INVITE" || len(r.Body) == 0 || leg == nil {
		return nil, nil
	}
	description, err := offer.Parse(r.Body)
	if err != nil {
		return nil, &dialog.Response{Status: 488}
	}
	keys, err := description.Attributes()
	running := leg.Terms().Running
	if (err == nil || errors.Is(err, offer.ErrNoKeyMgmt)) && running.Same(keys) {
		return readmission{d: description}, nil
	}
	if err != nil {
		return nil, &dialog.Response{Status: 488}
	}
	v, err := h.answering.line.Keyer.Verify(keys, keying.Call{
		Local: room, Peer: alice, SDPIDs: description.SDPIDs(), Policy: h.policy, Running: running,
		Secured: h.secured,
	})
	if err != nil {
		return nil, &dialog.Response{Status: 488}
	}
	return readmission{description, v}, nil
}

func (h answeringHost) Invite(in *dialog.Incoming, _ any) {
	leg, err := h.take(in)
	if err != nil {
		var r *Reject
		if !errors.As(err, &r) {
			r = &Reject{Status: 488, Reason: "test", Err: err}
		}
		h.refusals <- r
		_ = in.Reject(r.Response())
		return
	}
	h.callee <- leg
}

func (answeringHost) Serve(in *dialog.Standalone, _ any) { _ = in.Reply(dialog.Response{Status: 405}) }

func (h answeringHost) take(in *dialog.Incoming) (*Leg, error) {
	a := Admission{Local: room, Peer: alice, Policy: h.policy, Method: h.late, Secured: h.secured}
	if len(in.Request.Body) > 0 {
		body := in.Request.Body
		if h.tamper != nil {
			body = h.tamper(body)
		}
		d, err := offer.Parse(body)
		if err != nil {
			return nil, err
		}
		keys, err := d.Attributes()
		if err != nil {
			return nil, err
		}
		a.Offer = d
		if a.Verified, err = h.answering.line.Keyer.Verify(keys, keying.Call{
			Local: room, Peer: alice, SDPIDs: d.SDPIDs(), Policy: h.policy, Secured: h.secured,
		}); err != nil {
			l := &Leg{line: h.answering.line}
			return nil, l.reject(err, d)
		}
	}
	leg, err := h.answering.line.Prepare(in.Context(), a, h.answeringOwner)
	if err != nil {
		return nil, err
	}
	h.running.Store(leg)
	h.answeringOwner.tick(leg)
	if err := leg.Accept(in); err != nil {
		h.answeringOwner.stop()
		leg.Release()
		return nil, err
	}
	return leg, nil
}

// callingHost is the caller's: nobody calls it.
type callingHost struct{ *world }

func (h callingHost) Admit(r *dialog.Request, d *dialog.Dialog) (any, *dialog.Response) {
	if d == nil {
		return nil, &dialog.Response{Status: 480}
	}
	return nil, h.callingHook.look(r)
}

func (callingHost) Invite(in *dialog.Incoming, _ any) { _ = in.Reject(dialog.Response{Status: 480}) }

func (callingHost) Serve(in *dialog.Standalone, _ any) { _ = in.Reply(dialog.Response{Status: 480}) }
