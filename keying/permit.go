package keying

import (
	"fmt"

	"github.com/conclave/conclave/keying/mikey"
)

// shortfall is what a policy has against an offer.
type shortfall struct {
	number mikey.ErrorNumber
	reason Reason
	err    error
}

// Permits says whether the policy allows an offer that was verified under another: an account's, once the offer has proven whose
// it is. A refusal is an *Error.
func (p *Policy) Permits(v *Verified) error {
	if s := p.refusesAny(v); s != nil {
		return v.refusal(p).refuse(s.number, s.reason, s.err)
	}
	return nil
}

// refusesAny is every question that a policy has about an offer; nil when it allows it.
func (p *Policy) refusesAny(v *Verified) *shortfall {
	if s := p.refusesMethod(v.method); s != nil {
		return s
	}
	if s := p.refusesHash(v.sha1); s != nil {
		return s
	}
	if v.refresh { // it keeps what runs
		return nil
	}
	if s := p.refusesSuite(v.suite); s != nil {
		return s
	}
	return p.refusesGroup(v.method, v.group)
}

func (p *Policy) refusesMethod(m Method) *shortfall {
	if m.Implemented() && p.AllowsMethod(m) {
		return nil
	}
	reason := ReasonMethodRefused
	if p.lacksForwardSecrecy(m) {
		reason = ReasonForwardSecrecy
	}
	return &shortfall{mikey.UnsupportedType, reason, fmt.Errorf("%w: policy %q does not allow %s", ErrPolicy, p.Name, m)}
}

// lacksForwardSecrecy says that the method is listed, and forward secrecy is all that it lacks.
func (p *Policy) lacksForwardSecrecy(m Method) bool {
	lenient := Policy{Methods: p.Methods}
	return p.ForwardSecrecy == ForwardSecrecyRequired && lenient.AllowsMethod(m) && !m.ForwardSecret()
}

func (p *Policy) refusesHash(sha1 bool) *shortfall {
	if !sha1 || p.SHA1Signatures {
		return nil
	}
	return &shortfall{mikey.InvalidHA, ReasonWeakProtection, fmt.Errorf("%w: policy %q does not allow signatures over SHA-1", ErrPolicy, p.Name)}
}

// refusesSuite: "" is a suite that is agreed on later, over the media path and within the policy.
func (p *Policy) refusesSuite(s Suite) *shortfall {
	if s == "" || p.AllowsSuite(s) {
		return nil
	}
	return &shortfall{mikey.InvalidSPpar, ReasonNoCommonSuite, fmt.Errorf("%w: policy %q does not allow %s", ErrPolicy, p.Name, s)}
}

func (p *Policy) refusesGroup(m Method, g Group) *shortfall {
	if !m.agreesGroup() || p.AllowsGroup(g) {
		return nil
	}
	return &shortfall{mikey.InvalidDH, ReasonNoCommonGroup, fmt.Errorf("%w: policy %q does not allow %s", ErrPolicy, p.Name, g)}
}
