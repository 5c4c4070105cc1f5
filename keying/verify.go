package keying

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/conclave/conclave/keying/mikey"
)

// Verified is an offer whose sender has proven who it is, and that our policy accepts. It has changed no state; Respond uses
// it, once. Whoever drops it without responding calls Abandon.
type Verified struct {
	message     *mikey.Message
	response    mikey.Response
	offer       []byte
	local       string
	identity    string
	method      Method
	suite       Suite
	choice      *uint8 // number of the offered policy that we choose for all sessions; nil: the initiator's map stands
	group       Group
	certificate string // kind of the peer's certificate, "" without one
	fingerprint string
	stamp       stamp
	update      bool
	refresh     bool // with update: it brings no keys
	sha1        bool // signed over SHA-1
	used        atomic.Bool
}

// Identity is who sent the offer, a URI.
func (v *Verified) Identity() string { return v.identity }

// Method is the method of the offer.
func (v *Verified) Method() Method { return v.method }

// Authenticates says whether the offer itself has proven who sent it; otherwise Identity is "" and who calls must be proven by
// digest, trunk or dialog.
func (v *Verified) Authenticates() bool { return v.method.Authenticates() }

// Update says whether the offer updates the running bundle (RFC 3830 section 4.5).
func (v *Verified) Update() bool { return v.update }

// Refresh says whether the offer is an update that brings no keys.
func (v *Verified) Refresh() bool { return v.refresh }

// Suite is the suite of the offer.
func (v *Verified) Suite() Suite { return v.suite }

// Group is the Diffie-Hellman group of the offer, "" when the method has none.
func (v *Verified) Group() Group { return v.group }

// CSBID is the crypto session bundle of the offer.
func (v *Verified) CSBID() uint32 { return v.message.CSBID() }

// Fingerprint is the SHA-256 of the peer's certificate in hex, "" with a pre-shared key.
func (v *Verified) Fingerprint() string { return v.fingerprint }

// refusal makes Errors about the offer once its sender is known.
func (v *Verified) refusal(p *Policy) refusal {
	return refusal{csbID: v.message.CSBID(), time: v.message.Timestamp(), policy: p, auth: true}
}

// Offer returns the octets of the offer; they must not be changed.
func (v *Verified) Offer() []byte { return v.offer }

// Abandon wipes what the offer's verification left in memory.
func (v *Verified) Abandon() {
	if v != nil && !v.used.Swap(true) {
		v.response.Wipe()
	}
}

// Verify checks an offer as far as can be without Diffie-Hellman and without changing state. c.Peer may be empty; otherwise
// the offer must come from that identity. Refusals are *Error.
func (k *Keyer) Verify(a Attributes, c Call) (*Verified, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m, r, err := parse(a.MIKEY, c.Policy)
	if err != nil {
		return nil, err
	}
	v := &Verified{message: m, offer: slices.Clone(a.MIKEY), local: c.Local}
	if err := k.accept(v, r, c); err != nil {
		return nil, err
	}
	if err := k.authenticate(v, r); err != nil {
		return nil, err
	}
	return v, nil
}

// parse reads an offer.
func parse(message []byte, policy *Policy) (*mikey.Message, refusal, error) {
	m, err := mikey.Parse(message)
	if err != nil {
		csbID, at, ok := mikey.Peek(message)
		r := refusal{csbID: csbID, time: at, policy: policy, mute: !ok}
		return nil, r, r.mikey("", err)
	}
	return m, refusal{csbID: m.CSBID(), time: m.Timestamp(), policy: policy}, nil
}

// accept checks everything about an offer that needs no cryptography.
func (k *Keyer) accept(v *Verified, r refusal, c Call) error {
	steps := []func(*Verified, refusal, Call) error{
		k.acceptMethod, k.acceptIdentities, k.acceptSDPIDs, k.acceptSuite, k.acceptGroup, k.acceptTime,
	}
	for _, step := range steps {
		if err := step(v, r, c); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keyer) acceptMethod(v *Verified, r refusal, c Call) error {
	method, offer := methodOf(v.message.Type())
	if !offer {
		r.mute = true
		return r.refuse(mikey.InvalidDT, ReasonNotAnOffer, fmt.Errorf("message type %d", v.message.Type()))
	}
	if !method.Implemented() || !c.Policy.AllowsMethod(method) {
		return r.refuse(mikey.UnsupportedType, ReasonMethodRefused, fmt.Errorf("%w: %s", ErrUnsupportedMethod, method))
	}
	if prf := v.message.PRF(); prf != mikey.PRFSHA1 && prf != mikey.PRFSHA256 {
		return r.refuse(mikey.InvalidPRF, ReasonWeakProtection, fmt.Errorf("PRF %d", prf))
	}
	if v.message.RAND() == nil && method != MIKEYRSAR {
		// An update of a bundle (RFC 3830 section 4.5): keys of ours are always made afresh.
		return r.refuse(mikey.Unspecified, ReasonMalformed, errors.New("no RAND"))
	}
	if _, decrypts := k.decrypter(); method.Certified() && k.signer("") == nil || method == MIKEYPKE && !decrypts {
		return r.refuse(mikey.UnsupportedType, ReasonNoCredential, errors.New("no certificate of our own that the method needs"))
	}
	v.method = method
	return nil
}

// methodOf says which method a message type belongs to, and whether that type is an offer.
func methodOf(t mikey.Type) (Method, bool) {
	switch t {
	case mikey.TypePSKInit:
		return MIKEYPSK, true
	case mikey.TypeDHInit:
		return MIKEYDH, true
	case mikey.TypeDHHMACInit:
		return MIKEYDHHMAC, true
	case mikey.TypePKEInit:
		return MIKEYPKE, true
	case mikey.TypeRSARInit:
		return MIKEYRSAR, true
	}
	return "", false
}

// acceptIdentities demands both IDs: without IDr a message for one room would open another.
func (k *Keyer) acceptIdentities(v *Verified, r refusal, c Call) error {
	from, ok := v.message.IDi()
	if !ok || from.Type != mikey.IDTypeURI || from.Data == "" {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("no IDi of type URI"))
	}
	to, ok := v.message.IDr()
	if !ok || to.Type != mikey.IDTypeURI || to.Data != c.Local {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("IDr is not who is called"))
	}
	if from.Data == c.Local || c.Peer != "" && from.Data != c.Peer {
		return r.refuse(mikey.InvalidID, ReasonWrongIdentity, errors.New("IDi is not who calls"))
	}
	v.identity = from.Data
	return nil
}

// acceptSDPIDs compares the protected list of key management protocols with the one in the SDP, so that nobody on the way can
// take a better one out (RFC 4567 section 4.1.4). How repeats count is not defined: both readings are taken.
func (k *Keyer) acceptSDPIDs(v *Verified, r refusal, c Call) error {
	protected, ok := v.message.SDPIDs()
	if !ok || protected != c.SDPIDs && protected != distinct(c.SDPIDs) {
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

func (k *Keyer) acceptSuite(v *Verified, r refusal, c Call) error {
	suite, err := suiteOf(v.message)
	if err == nil && !c.Policy.AllowsSuite(suite) {
		err = fmt.Errorf("%s is not in policy %q", suite, c.Policy.Name)
	}
	if err != nil && v.method == MIKEYRSAR {
		suite, v.choice, err = chooseSuite(v.message, c.Policy, err)
	}
	if err != nil {
		return r.refuse(mikey.InvalidSPpar, ReasonNoCommonSuite, err)
	}
	v.suite = suite
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
	group, err := groupOf(v.message)
	if err == nil && !c.Policy.AllowsGroup(group) {
		err = fmt.Errorf("%s is not in policy %q", group, c.Policy.Name)
	}
	if err != nil {
		return r.refuse(mikey.InvalidDH, ReasonNoCommonGroup, err)
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

// authenticate checks the MAC or the signature.
func (k *Keyer) authenticate(v *Verified, r refusal) error {
	if v.method.preShared() {
		return k.authenticatePSK(v, r)
	}
	key, leaf, err := k.signatory(v.message, v.identity, r)
	if err != nil {
		return err
	}
	switch v.method {
	case MIKEYPKE:
		own, _ := k.decrypter()
		v.response, err = mikey.AuthenticatePKE(v.message, key, own)
	case MIKEYRSAR:
		if err := encryptable(leaf); err != nil {
			return r.refuse(mikey.InvalidCert, ReasonBadCertificate, err)
		}
		v.response, err = mikey.AuthenticateRSAR(v.message, key)
	default:
		v.response, err = mikey.AuthenticateDH(v.message, key)
	}
	if err != nil {
		return r.mikey(v.method, err)
	}
	v.certificate, v.fingerprint = kindOf(leaf), fingerprint(leaf.Raw)
	return nil
}

func (k *Keyer) authenticatePSK(v *Verified, r refusal) error {
	psk, known := k.directory.PSK(v.identity)
	if !known {
		psk = k.decoy
	} else {
		defer psk.Wipe()
	}
	var response mikey.Response
	var err error
	if v.method == MIKEYDHHMAC {
		response, err = mikey.AuthenticateDHHMAC(v.message, psk.Bytes())
	} else {
		response, err = mikey.AuthenticatePSK(v.message, psk.Bytes(), nil)
	}
	if !known {
		return r.refuse(mikey.AuthFailure, ReasonUnknownIdentity, errors.New("no pre-shared key with this identity"))
	}
	if err != nil {
		return r.mikey(v.method, err)
	}
	v.response = response
	return nil
}
