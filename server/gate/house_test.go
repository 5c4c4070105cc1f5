package gate

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/offer"
)

// The house of the tests about trunks: alice, bob, old and gone are accounts, gone is disabled; gateway is the source of the trunk
// "sbc".
var gateway = netip.MustParseAddrPort("203.0.113.20:5060")

func knownAccount(name string) bool {
	return name == "alice" || name == "bob" || name == "old" || name == "gone"
}

// houseRules: the room "standup" takes every kind of keying from accounts, of bob only what is forward secret, and SDES and DTLS
// from trunks; "keyed" wants a MIKEY proof.
func houseRules(room string, who Who) *keying.Policy {
	p := keying.StandardPolicy()
	p.Methods = []keying.Method{keying.MIKEYDH, keying.MIKEYPSK, keying.SDES, keying.DTLSSRTP}
	switch room {
	case "standup":
	case "keyed":
		p.Authentication = []string{keying.AuthenticationMIKEY}
	default:
		return nil
	}
	switch {
	case who.Trunk != "":
		p.Methods = []keying.Method{keying.SDES, keying.DTLSSRTP}
	case who.Account == "bob":
		p.ForwardSecrecy = keying.ForwardSecrecyRequired
	}
	return p
}

// newHouse is a world of these rules with trunks.
func newHouse(t testing.TB, trunks ...Trunk) *world {
	t.Helper()
	return newWorldOf(t, Config{Policy: houseRules, Known: knownAccount, Trunks: trunks})
}

// sbc is a trunk by address.
func sbc(transports ...string) Trunk {
	return Trunk{Name: "sbc", From: []netip.Prefix{netip.MustParsePrefix("203.0.113.16/28")}, Transports: transports}
}

// shown is a trunk by bob's certificate, which stands for any other.
func shown(w *papers, transports ...string) Trunk {
	sum := sha256.Sum256(w.certificates["bob"].Chain[0])
	return Trunk{Name: "shown", Fingerprints: []string{hex.EncodeToString(sum[:])}, Transports: transports}
}

// kinds of key management in an offer.
const (
	kindPSK   = "MIKEY-PSK"
	kindDH    = "MIKEY-DH"
	kindSDES  = "SDES"
	kindDTLS  = "DTLS"
	kindBoth  = "MIKEY+crypto"
	kindNone  = "none"
	kindLate  = "late offer"
	sdesSuite = "AES_CM_128_HMAC_SHA1_80"
)

// crypto is an a=crypto value with a key of its own.
func crypto(salt byte) keying.Crypto {
	key := make([]byte, 30)
	for i := range key {
		key[i] = byte(i) + salt
	}
	return keying.NewCrypto("1 " + sdesSuite + " inline:" + base64.StdEncoding.EncodeToString(key))
}

// handshake is a DTLS offer.
func handshake() *keying.DTLS {
	sum := sha256.Sum256([]byte("a certificate"))
	return &keying.DTLS{Fingerprints: []keying.Fingerprint{{Hash: "sha-256", Value: sum[:]}}, Setup: "actpass"}
}

// offering is the body of an INVITE from user with a kind of key management; nil for a late offer. Who has no account uses the
// keys of alice.
func (w *world) offering(kind, user string) []byte {
	w.t.Helper()
	c := caller{account: user, idi: user}
	if !knownAccount(user) {
		c.account = "alice"
	}
	var keys keying.Attributes
	switch kind {
	case kindLate:
		return nil
	case kindPSK:
		keys.MIKEY = w.message(c)
	case kindDH:
		c.method = keying.MIKEYDH
		keys.MIKEY = w.message(c)
	case kindSDES:
		keys.Crypto = []keying.Crypto{crypto(1)}
	case kindDTLS:
		keys.DTLS = handshake()
	case kindBoth:
		keys.MIKEY, keys.Crypto = w.message(c), []keying.Crypto{crypto(2)}
	}
	s, err := offer.NewSession(strings.NewReader("12345678"))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.describe(s, keys)
}

// calling is an INVITE to standup.
func calling(user string, source netip.AddrPort, transport string, body []byte) Request {
	r := Request{
		Method: "INVITE", RequestURI: URI{"sip", "standup", domain}, From: URI{"sip", user, domain}, To: URI{"sip", "standup", domain},
		Source: source, Transport: transport, Body: body,
	}
	if len(body) > 0 {
		r.ContentType = offer.ContentType
	}
	return r
}
