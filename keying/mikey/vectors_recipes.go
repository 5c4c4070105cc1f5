package mikey

// recipe is one bundle of the vectors: its first exchange, which updates follow.
type recipe struct {
	name             string
	method           Type
	prf              PRF
	suite            Policy
	group            Group
	signerI, signerR string
	change           func(*Params)
	sha1             bool // old signatures
}

// recipes are every mode with every PRF, kind of key and group.
func recipes() []recipe {
	cm, gcm := vectorCM(), vectorGCM()
	rs := []recipe{
		{name: "psk", method: TypePSKInit, suite: cm},
		{name: "psk-sha256", method: TypePSKInit, prf: PRFSHA256, suite: gcm},
		{name: "psk-anonymous", method: TypePSKInit, suite: cm, change: func(p *Params) { p.Anonymous = true }},
		{name: "pke-rsa", method: TypePKEInit, suite: cm, signerI: "alice", signerR: "bob"},
		{name: "pke-ecdsa-sha256", method: TypePKEInit, prf: PRFSHA256, suite: gcm, signerI: "carol", signerR: "bob"},
		{name: "rsar-rsa", method: TypeRSARInit, suite: cm, signerI: "alice", signerR: "bob"},
		{name: "rsar-ecdsa-sha256", method: TypeRSARInit, prf: PRFSHA256, suite: gcm, signerI: "alice", signerR: "carol"},
		{name: "dh-modp1536-rsa-sha1", method: TypeDHInit, suite: cm, group: GroupMODP1536, signerI: "alice", signerR: "bob", sha1: true},
		{name: "dh-p256-ecdsa-sha256", method: TypeDHInit, prf: PRFSHA256, suite: gcm, group: GroupP256, signerI: "carol", signerR: "carol"},
		{name: "dhhmac-modp1536-rfc4650", method: TypeDHHMACInit, suite: cm, group: GroupMODP1536, change: func(p *Params) { p.RFC4650Numbers = true }},
		{name: "dhhmac-p256-sha256", method: TypeDHHMACInit, prf: PRFSHA256, suite: gcm, group: GroupP256},
	}
	for _, g := range []Group{GroupMODP1536, GroupMODP2048, GroupMODP3072, GroupP256} {
		rs = append(rs,
			recipe{name: "dh-" + g.String() + "-rsa", method: TypeDHInit, suite: cm, group: g, signerI: "alice", signerR: "bob"},
			recipe{name: "dhhmac-" + g.String(), method: TypeDHHMACInit, suite: gcm, group: g})
	}
	return rs
}

// vectorCM is AES_CM_128_HMAC_SHA1_80, every parameter stated.
func vectorCM() Policy {
	return vectorPolicy([][2]uint8{
		{ParamEncrAlg, EncrAESCM}, {ParamEncrKeyLen, 16}, {ParamAuthAlg, AuthHMACSHA1}, {ParamAuthKeyLen, 20}, {ParamSaltLen, 14},
		{ParamPRF, 0}, {ParamSRTPEncr, 1}, {ParamSRTCPEncr, 1}, {ParamSRTPAuth, 1}, {ParamAuthTagLen, 10},
	})
}

// vectorGCM is AEAD_AES_256_GCM.
func vectorGCM() Policy {
	return vectorPolicy([][2]uint8{
		{ParamEncrAlg, EncrAESGCM}, {ParamEncrKeyLen, 32}, {ParamAuthAlg, AuthNULL}, {ParamSaltLen, 12}, {ParamPRF, 0},
		{ParamSRTPEncr, 1}, {ParamSRTCPEncr, 1}, {ParamSRTPAuth, 1}, {ParamAEADTagLen, 16},
	})
}

func vectorPolicy(params [][2]uint8) Policy {
	var p Policy
	for _, q := range params {
		p.Params = append(p.Params, Param{q[0], []byte{q[1]}})
	}
	return p
}

// vectorStep is one exchange of a bundle.
type vectorStep struct {
	name     string // after the name of the recipe
	fromBob  bool   // the first responder asks
	refresh  bool
	ext, mki string
}

// vectorSteps begin with the first exchange.
func vectorSteps() []vectorStep {
	return []vectorStep{
		{mki: "\x01\x02\x03\x04"},
		{name: "-rekey", mki: "\x01\x02\x03\x05", ext: "example-1 rekey"},
		{name: "-rekey-by-responder", fromBob: true, mki: "\x01\x02\x03\x06", ext: "example-1 rekey"},
		{name: "-refresh", refresh: true, ext: "example-1 refresh"},
		{name: "-refresh-by-responder", refresh: true, fromBob: true, ext: "example-1 refresh"},
	}
}
