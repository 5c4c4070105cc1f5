package mikey

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// TestPSKVectors runs every vector of the PSK mode as responder: MAC, KEMAC and all keys.
func TestPSKVectors(t *testing.T) {
	for name, v := range vectors(t) {
		if v.Mode != "PSK" || v.Expect != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, v.I)
			resp, err := AuthenticatePSK(m, v.PSK, nil)
			if err != nil {
				t.Fatal(err)
			}
			c, r, err := resp.Answer(Answer{SSRC: map[uint8]uint32{2: 0x01020304}})
			if err != nil {
				t.Fatal(err)
			}
			if m.V() != (r != nil) {
				t.Errorf("V is %v, R has %d octets", m.V(), len(r))
			}
			if len(v.R) > 0 && !bytes.Equal(r, v.R) {
				t.Errorf("R is\n%x, want\n%x", r, v.R)
			}
			checkCS(t, c, v)
			k := messageKey{m.PRF(), v.PSK, m.CSBID(), m.RAND()}
			if want := v.Keys.Encr; len(want) > 0 && !bytes.Equal(k.derive(constMessageEncr, len(want)), want) {
				t.Error("encr_key")
			}
			if want := v.Keys.Salt; len(want) > 0 && !bytes.Equal(k.derive(constMessageSalt, len(want)), want) {
				t.Error("salt_key")
			}
			if want := v.Keys.Auth; len(want) > 0 && !bytes.Equal(k.derive(constMessageAuth, len(want)), want) {
				t.Error("auth_key")
			}
		})
	}
}

// TestPSKUpdateVectors continues the CSB of psk-2: the first RAND stays, and a KEMAC without a key keeps the TGK.
func TestPSKUpdateVectors(t *testing.T) {
	vs := vectors(t)
	for _, name := range []string{"psk-9-rekey", "psk-10-update-no-tgk"} {
		t.Run(name, func(t *testing.T) {
			first := vs["psk-2-ids-sdpids"]
			resp, err := AuthenticatePSK(mustParse(t, first.I), first.PSK, nil)
			if err != nil {
				t.Fatal(err)
			}
			running, _, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			prior := running.CSB()
			v := vs[name]
			m := mustParse(t, v.I)
			if _, err := AuthenticatePSK(m, v.PSK, nil); !errors.Is(err, ErrExchange) {
				t.Errorf("an update without its CSB: %v", err)
			}
			resp, err = AuthenticatePSK(m, v.PSK, prior)
			if err != nil {
				t.Fatal(err)
			}
			c, r, err := resp.Answer(Answer{})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r, v.R) {
				t.Errorf("R is\n%x, want\n%x", r, v.R)
			}
			if c.Refresh() != (name == "psk-10-update-no-tgk") || m.Refresh() != c.Refresh() || !m.Update() {
				t.Errorf("refresh: %v, %v", c.Refresh(), m.Refresh())
			}
			if c.Refresh() {
				if _, err := c.Key(1, 16); !errors.Is(err, ErrParams) {
					t.Errorf("a key out of a refresh: %v", err)
				}
				checkCS(t, running, v)
			} else {
				checkCS(t, c, v)
			}
			if len(c.Policies()) != 1 {
				t.Error("the policy of the first message is gone")
			}
			if _, err := AuthenticatePSK(mustParse(t, first.I), first.PSK, prior); !errors.Is(err, ErrExchange) {
				t.Errorf("an update with a RAND: %v", err)
			}
		})
	}
}

// TestPSK2Made makes the worked example octet for octet, and checks its R as initiator.
func TestPSK2Made(t *testing.T) {
	v := vectors(t)["psk-2-ids-sdpids"]
	m := mustParse(t, v.I)
	at, ok := m.Timestamp().Time(ntpTime(t, "2025-01-01T00:00:00Z"))
	if !ok || at.Nanosecond() != 500_000_000 || at.Unix() != 1735689600 {
		t.Fatalf("T is %v", at)
	}
	i, err := initiatePSK(Params{
		CSBID: v.CSB, Time: at, RAND: v.RAND, IDi: v.IDi, IDr: v.IDr, SDPIDs: "mikey", V: true,
		Sessions: []Session{{SSRC: 0xaabbccdd}, {}}, Policies: m.Policies(),
	}, v.PSK, keyData{typ: KeyTGK, key: bytes.Clone(v.TGK)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(i.Message(), v.I) {
		t.Fatalf("made\n%x, want\n%x", i.Message(), v.I)
	}
	if _, err := i.Complete(); !errors.Is(err, ErrExchange) {
		t.Errorf("completed without R: %v", err)
	}
	if err := i.Authenticate(mustParse(t, v.R), PeerKey{}); err != nil {
		t.Fatal(err)
	}
	c, err := i.Complete()
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, c, v)
	if ss := c.Sessions(); len(ss) != 2 || ss[0].SSRC != 0xaabbccdd || ss[1].SSRC != 0x01020304 {
		t.Errorf("map is %v", ss)
	}
	k := messageKey{PRFSHA1, v.PSK, v.CSB, v.RAND}
	if iv := hex.EncodeToString(k.iv(m.Timestamp())); iv != "de7b0a9d0e9188bc10f8dba77eae0000" {
		t.Errorf("IV is %s", iv)
	}
}

// TestPSK11Made sends a given TGK to another device octet for octet: that of the worked example, in a bundle of its own.
func TestPSK11Made(t *testing.T) {
	v := vectors(t)["psk-11-same-tgk-new-csb"]
	m := mustParse(t, v.I)
	at, _ := m.Timestamp().Time(ntpTime(t, "2025-01-01T00:00:00Z"))
	idi, _ := m.IDi()
	idr, _ := m.IDr()
	p := Params{
		CSBID: v.CSB, Time: at, RAND: v.RAND, TGK: v.TGK, IDi: idi.Data, IDr: idr.Data, SDPIDs: "mikey", V: m.V(),
		Sessions: m.Sessions(), Policies: m.Policies(),
	}
	i, err := InitiatePSK(p, v.PSK)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(i.Message(), v.I) {
		t.Fatalf("made\n%x, want\n%x", i.Message(), v.I)
	}
	i.Wipe()
	if i, err = InitiatePSK(p, v.PSK); err != nil { // the key given is the caller's still
		t.Fatal(err)
	}
	resp, err := AuthenticatePSK(m, v.PSK, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, r, err := resp.Answer(Answer{IDr: idr.Data})
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, theirs, v)
	if err := i.Authenticate(mustParse(t, r), PeerKey{}); err != nil {
		t.Fatal(err)
	}
	c, err := i.Complete()
	if err != nil {
		t.Fatal(err)
	}
	checkCS(t, c, v)
	if tgk := c.TGK(); !bytes.Equal(tgk, v.TGK) {
		t.Errorf("TGK %x", tgk)
	}
	// Under the bundle of the example that had it first its keys are others, of every crypto session.
	for id, first := range vectors(t)["psk-2-ids-sdpids"].CS {
		for other, now := range v.CS {
			if bytes.Equal(first.TEK, now.TEK) {
				t.Errorf("CS %s and CS %s share a TEK", id, other)
			}
		}
	}
	for name, change := range map[string]func(*Params){
		"too short": func(p *Params) { p.TGK = make([]byte, minTGK-1) },
		"empty":     func(p *Params) { p.TGK = []byte{} },
		"an update": func(p *Params) { p.Prior = c.CSB() },
	} {
		bad := p
		change(&bad)
		if _, err := InitiatePSK(bad, v.PSK); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Wipe()
	if len(c.TGK()) != 0 {
		t.Error("a TGK after Wipe")
	}
}

// TestInitiatorChecksEveryR lets the initiator of every PSK pair check V.
func TestInitiatorChecksEveryR(t *testing.T) {
	for name, v := range vectors(t) {
		if v.Mode != "PSK" && v.Mode != "PSK update" || len(v.R) == 0 {
			continue
		}
		i, r := mustParse(t, v.I), mustParse(t, v.R)
		if err := checkResponse(i, r, TypePSKResp, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		k := messageKey{i.PRF(), v.PSK, i.CSBID(), v.RAND}
		if err := k.checkV(i, r, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNegativeVectors(t *testing.T) {
	vs := vectors(t)
	for _, name := range []string{"neg-4-trailing", "neg-5-truncated", "neg-6-version2"} {
		if _, err := Parse(vs[name].I); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := vs["neg-1-bitflip"]
	if _, err := AuthenticatePSK(mustParse(t, v.I), v.PSK, nil); !errors.Is(err, ErrAuth) || NumberOf(err) != AuthFailure {
		t.Errorf("bit flip: %v", err)
	}
	v = vs["neg-2-null-mac"]
	if _, err := AuthenticatePSK(mustParse(t, v.I), v.PSK, nil); !errors.Is(err, ErrEncrAlg) && !errors.Is(err, ErrMACAlg) {
		t.Errorf("NULL MAC: %v", err)
	}
	v = vs["neg-3-sdpids-mismatch"]
	m := mustParse(t, v.I)
	if _, err := AuthenticatePSK(m, v.PSK, nil); err != nil {
		t.Errorf("SDP IDs: %v", err)
	}
	if ids, ok := m.SDPIDs(); !ok || ids != "mikey;keyp1" {
		t.Errorf("SDP IDs are %q", ids)
	}
}
