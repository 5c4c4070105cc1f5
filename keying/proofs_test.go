package keying

import (
	"bytes"
	"testing"

	"github.com/conclave/conclave/keying/dtls"
	"github.com/conclave/conclave/keying/mikey"
)

// TestFirstMessageOfRunning: a first message for the bundle that runs would have its keys drawn anew under its number: refused.
func TestFirstMessageOfRunning(t *testing.T) {
	for _, m := range ofMIKEY() {
		w := newWorld(t)
		_, server := w.dialog(m)
		numbered := func(p *mikey.Params) { p.CSBID = server.last.Running.CSBID() }
		_, err := server.k.Verify(Attributes{MIKEY: w.strangerPSK(numbered)}, server.call)
		wantRefusal(t, err, ReasonMalformed)
		i, err := mikey.InitiateRSAR(w.stranger(numbered), w.signerOf(alice+CertRSA))
		if err != nil {
			t.Fatal(err)
		}
		_, err = server.k.Verify(Attributes{MIKEY: i.Message()}, server.call)
		wantRefusal(t, err, ReasonMalformed)
	}
}

// TestUpdateKeepsSuite: an update names the suite of its bundle or none.
func TestUpdateKeepsSuite(t *testing.T) {
	w := newWorld(t)
	caller, server := w.dialog(MIKEYPSK)
	for suite, want := range map[Suite]Reason{AEADAES256GCM: "", AESCM128SHA1x80: ReasonNoCommonSuite} {
		a := Attributes{MIKEY: caller.update(MIKEYPSK, func(p *mikey.Params) { p.Policies = []mikey.Policy{suite.spPolicy(0)} })}
		if _, err := server.verifies(a, caller); want != "" {
			wantRefusal(t, err, want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// association is one as package dtls hands it out.
func association(suite Suite) *dtls.Association {
	fill := func(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }
	return &dtls.Association{
		Suite: string(suite), LocalKey: fill(suite.KeyLen(), 1), LocalSalt: fill(suite.SaltLen(), 2),
		RemoteKey: fill(suite.KeyLen(), 3), RemoteSalt: fill(suite.SaltLen(), 4), PeerCertificate: []byte("none"),
	}
}

// TestHandshakeSuite: what a handshake settled on is held against the policy, and its keys against their lengths.
func TestHandshakeSuite(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	_, theirs := caller.exchanges(DTLSSRTP, server)
	h, r := theirs.Handshake, refusal{mute: true}
	h.call.Policy.Suites = []Suite{AEADAES256GCM, AESCM256SHA1x80}
	short := association(AEADAES256GCM)
	short.RemoteKey = short.RemoteKey[:16]
	for _, a := range []*dtls.Association{association(AESCM128SHA1x80), association(AEADAES128GCM), {Suite: "NULL"}, short} {
		_, err := h.conclude(a, r)
		wantRefusal(t, err, ReasonNoCommonSuite)
	}
	if _, err := h.conclude(association(AEADAES256GCM), r); err != nil {
		t.Error(err)
	}
	_, err := h.conclude(association(AEADAES256GCM), r)
	wantRefusal(t, err, ReasonKeyReuse)
}

// TestHandshakeWiped: the handshake's copies of the keys are gone once the agreement has its own.
func TestHandshakeWiped(t *testing.T) {
	w := newWorld(t)
	caller, server := w.ends(CertECDSA)
	_, theirs := caller.exchanges(DTLSSRTP, server)
	a := association(AEADAES256GCM)
	agreement, err := theirs.Handshake.conclude(a, refusal{mute: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{a.LocalKey, a.LocalSalt, a.RemoteKey, a.RemoteSalt} {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Error("a key outlived the handshake")
		}
	}
	if !bytes.Equal(agreement.Keys.Receive.Key.Bytes(), bytes.Repeat([]byte{3}, 32)) {
		t.Error("the agreement's key is gone with it")
	}
}

// TestNewMKI: what we draw is none of those in use, and never all zeros, which RFC 4568 cannot say.
func TestNewMKI(t *testing.T) {
	w := newWorld(t)
	w.server.rand = new(countReader)
	mki, err := w.server.newMKI(4, [][]byte{{1, 2, 3, 4}, nil})
	if err != nil || !bytes.Equal(mki, []byte{5, 6, 7, 8}) {
		t.Errorf("%x, %v", mki, err)
	}
	w.server.rand = bytes.NewReader(append(make([]byte, 2), 9, 9))
	if mki, err = w.server.newMKI(2, nil); err != nil || !bytes.Equal(mki, []byte{9, 9}) {
		t.Errorf("%x, %v", mki, err)
	}
	if mki, err = w.server.newMKI(0, nil); mki != nil || err != nil {
		t.Errorf("%x, %v", mki, err)
	}
	w.server.rand = bytes.NewReader(make([]byte, 1000))
	if mki, err = w.server.newMKI(4, nil); err == nil {
		t.Errorf("%x out of nothing", mki)
	}
}
