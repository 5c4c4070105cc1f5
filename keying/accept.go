package keying

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/conclave/conclave/keying/mikey"
)

// verifyMIKEY checks an offer of MIKEY.
func (k *Keyer) verifyMIKEY(v *Verified, a Attributes, c Call, r refusal) error {
	v.stamp.csb = v.message.CSBID()
	steps := []func(*Verified, refusal, Call) error{
		k.acceptProtection, k.acceptBundle, k.acceptIdentities, k.acceptSDPIDs, k.acceptSuite, k.acceptGroup, k.acceptTime,
	}
	for _, step := range steps {
		if err := step(v, r, c); err != nil {
			return err
		}
	}
	if err := k.authenticate(v, r, c); err != nil {
		return err
	}
	r.auth = true
	if err := acceptAddresses(v, r, a.Addresses); err != nil {
		v.Abandon()
		return err
	}
	return nil
}

func (k *Keyer) acceptProtection(v *Verified, r refusal, _ Call) error {
	if prf := v.message.PRF(); prf != mikey.PRFSHA1 && prf != mikey.PRFSHA256 {
		return r.refuse(mikey.InvalidPRF, ReasonWeakProtection, fmt.Errorf("PRF %d", prf))
	}
	if v.message.Update() && v.method.Certified() && !v.method.agreesGroup() {
		return nil // under the envelope key, which takes no certificate
	}
	if _, decrypts := k.decrypter(); v.method.Certified() && k.signer("") == nil || v.method == MIKEYPKE && !decrypts {
		return r.refuse(mikey.UnsupportedType, ReasonNoCredential, errors.New("no certificate of our own that the method needs"))
	}
	return nil
}

// acceptBundle finds the bundle that an update continues: that of this dialog and no other.
func (k *Keyer) acceptBundle(v *Verified, r refusal, c Call) error {
	running := c.Running.bundle()
	if !v.message.Update() {
		if running != nil && running.csb.ID() == v.message.CSBID() {
			return r.refuse(mikey.Unspecified, ReasonMalformed, errors.New("a first message for a bundle that runs"))
		}
		return nil
	}
	switch {
	case running == nil || running.csb.ID() != v.message.CSBID() || running.csb.UpdateType() != v.message.Type() || !running.csb.CanUpdate():
		return r.refuse(mikey.Unspecified, ReasonUnknownBundle, errors.New("no such bundle in this dialog"))
	case running.parties.local != c.Local || c.Peer != "" && c.Peer != running.parties.peer:
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("the bundle is somebody else's"))
	}
	v.prior, v.refresh = running, v.message.Refresh()
	return nil
}

// acceptIdentities demands both IDs: without IDr a message for one room would open another. Updates may leave out what the first
// message said, and some peers say nothing where digest has said it.
func (k *Keyer) acceptIdentities(v *Verified, r refusal, c Call) error {
	peer := c.Peer
	if v.prior != nil {
		peer = v.prior.parties.peer
	}
	optional := peer != "" && (v.prior != nil || c.Policy.profile().IdentitiesOptional)
	from, stated := v.message.IDi()
	switch {
	case !stated && optional:
		from.Data = peer
	case !stated || from.Type != mikey.IDTypeURI || from.Data == "":
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("no IDi of type URI"))
	}
	to, stated := v.message.IDr()
	if (stated || !optional) && (to.Type != mikey.IDTypeURI || to.Data != c.Local) {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("IDr is not who is called"))
	}
	if from.Data == c.Local || peer != "" && from.Data != peer {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("IDi is not who calls"))
	}
	v.identity = from.Data
	return nil
}

// acceptSDPIDs compares the protected list of key management protocols with the one in the SDP, so that nobody on the way can
// take a better one out (RFC 4567 section 4.1.4). How repeats count is not defined: both readings are taken.
func (k *Keyer) acceptSDPIDs(v *Verified, r refusal, c Call) error {
	protected, stated := v.message.SDPIDs()
	if !stated && c.Peer != "" && c.Policy.profile().SDPIDsOptional {
		return nil
	}
	if !stated || protected != c.SDPIDs && protected != distinct(c.SDPIDs) {
		return r.refuse(mikey.Unspecified, ReasonBidDown, errors.New("the list of key management protocols was changed"))
	}
	return nil
}

// distinct drops repeated identifiers.
func distinct(list string) string {
	var once []string
	for id := range strings.SplitSeq(list, ";") {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return strings.Join(once, ";")
}

// acceptSuite: an update keeps the suite of its bundle; another one needs a bundle of its own.
func (k *Keyer) acceptSuite(v *Verified, r refusal, c Call) error {
	if v.prior != nil && len(v.message.Policies()) == 0 {
		v.suite = v.prior.posture.Suite
	} else {
		suite, err := suiteOf(v.message)
		if err == nil && !c.Policy.AllowsSuite(suite) {
			err = c.Policy.refusesSuite(suite).err
		}
		if err != nil && v.method == MIKEYRSAR {
			suite, v.choice, err = chooseSuite(v.message, c.Policy, err)
		}
		if err == nil && v.prior != nil && suite != v.prior.posture.Suite {
			err = fmt.Errorf("%w: %s in an update of %s", ErrUnknownSuite, suite, v.prior.posture.Suite)
		}
		if err != nil {
			return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, err)
		}
		v.suite = suite
	}
	if s := c.Policy.refusesSuite(v.suite); s != nil && !v.refresh {
		return r.refuse(s.number, s.reason, s.err)
	}
	return nil
}

// chooseSuite takes the first policy offered that ours has: RFC 4738 section 3.5 lets a responder choose, in RSA-R alone.
// refused is what became of the one that the initiator put first.
func chooseSuite(m *mikey.Message, p *Policy, refused error) (Suite, *uint8, error) {
	for _, offered := range m.Policies() {
		if suite, err := suiteOfPolicy(offered); err == nil && p.AllowsSuite(suite) {
			return suite, &offered.Number, nil
		}
	}
	return "", nil, refused
}

func (k *Keyer) acceptGroup(v *Verified, r refusal, c Call) error {
	if !v.method.agreesGroup() {
		return nil
	}
	if v.refresh {
		v.group = v.prior.posture.Group
		return nil
	}
	group, err := groupOf(v.message)
	if err != nil {
		return r.refuse(mikey.InvalidDH, ReasonNoCommonGroup, err)
	}
	if s := c.Policy.refusesGroup(v.method, group); s != nil {
		return r.refuse(s.number, s.reason, s.err)
	}
	v.group = group
	return nil
}

func (k *Keyer) acceptTime(v *Verified, r refusal, _ Call) error {
	at, ok := v.message.Timestamp().NTP()
	if !ok {
		return r.refuse(mikey.InvalidTS, ReasonStale, errors.New("timestamp is not NTP-UTC"))
	}
	v.stamp = stamp{sender: v.identity, csb: v.message.CSBID(), time: ntp(at)}
	if err := k.replay.check(v.stamp); err != nil {
		return r.own(err)
	}
	return nil
}

// acceptAddresses holds an authenticated update against the description that it came in.
func acceptAddresses(v *Verified, r refusal, addresses []byte) error {
	if v.prior == nil {
		return nil
	}
	bound, err := checkUpdate(v.message, addresses, v.prior.bound)
	if err != nil {
		return r.refuse(mikey.Unspecified, ReasonAddressChanged, err)
	}
	v.bound = bound
	return nil
}
