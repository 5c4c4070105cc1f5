package keying

import (
	"errors"
	"fmt"
)

// ErrUnknownProfile is about names in configurations.
var ErrUnknownProfile = errors.New("keying: unknown peer profile")

// Names of the peer profiles.
const (
	ProfileStandard = "standard"
	ProfileRFC3830  = "rfc3830"
	ProfileRFC4650  = "rfc4650"
	ProfileMinisip  = "minisip"
)

// Profile says what is different about the peers of a policy. All that is lenient or old about MIKEY here hangs on one of its
// fields, and on nothing else.
type Profile struct {
	Name string
	// NoIdentities: our messages under a pre-shared key carry no ID payloads, so that a V of ours covers none. Peers of this
	// kind and the letter of RFC 3830 agree only then.
	NoIdentities bool
	// IdentitiesOptional: a peer's message may lack ID payloads where another proof has told us who it is (Call.Peer).
	IdentitiesOptional bool
	// NoSDPIDs: our messages do not list the key management protocols (RFC 4567 section 4.1.4).
	NoSDPIDs bool
	// SDPIDsOptional: a peer's message may lack the list where another proof has told us who it is. A wrong list is refused.
	SDPIDsOptional bool
	// NoMKI: our keys have no master key identifier.
	NoMKI bool
	// AnyAnswerTime: a peer's verification message may bear a timestamp of its own.
	AnyAnswerTime bool
	// RFC4650Numbers: our DHHMAC messages have the code points of RFC 4650 instead of RFC 3830's. Both are read always.
	RFC4650Numbers bool
	// FreshBundle: keys are renewed by a whole new exchange instead of an update of the running bundle.
	FreshBundle bool
	// SHA1Signatures: we sign with RSA over SHA-1, where the policy allows that.
	SHA1Signatures bool
}

// Profiles lists the peer profiles, the default one first.
func Profiles() []Profile {
	return []Profile{
		{Name: ProfileStandard},
		{Name: ProfileRFC3830, IdentitiesOptional: true, SDPIDsOptional: true},
		{Name: ProfileRFC4650, IdentitiesOptional: true, SDPIDsOptional: true, RFC4650Numbers: true},
		{
			Name: ProfileMinisip, NoIdentities: true, IdentitiesOptional: true, NoSDPIDs: true, SDPIDsOptional: true,
			NoMKI: true, AnyAnswerTime: true, FreshBundle: true, SHA1Signatures: true,
		},
	}
}

// ParseProfile returns the profile of that name, the standard one for "", or ErrUnknownProfile.
func ParseProfile(name string) (Profile, error) {
	if name == "" {
		name = ProfileStandard
	}
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
	}
	var names []string
	for _, p := range Profiles() {
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("%w %q; there are %v", ErrUnknownProfile, name, names)
}

// profile is that of the policy's peers; a name that Validate would refuse means the standard one.
func (p *Policy) profile() Profile {
	profile, err := ParseProfile(p.PeerProfile)
	if err != nil {
		return Profiles()[0]
	}
	return profile
}
