package mikey

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestRefreshKeepsPolicy: keys in use keep their policy; the same one again may be stated.
func TestRefreshKeepsPolicy(t *testing.T) {
	other := gcmPolicy()
	other.Params[1].Value = []byte{32}
	for _, b := range bundles(t, PRFSHA1) {
		p := b.alice.params(t, b.bob)
		p.NoKey, p.Policies = true, []Policy{other}
		if _, err := b.alice.initiate(p, b.group); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: another suite in a refresh: %v", b.name, err)
		}
		liar := *b.alice
		liar.csb = b.first.CSB()
		liar.csb.policies = []Policy{other}
		p.Prior = liar.csb
		_, err := b.bob.authenticate(mustParse(t, liar.begin(t, p, b.group).Message()))
		if !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: another suite from the peer: %v", b.name, err)
		}
		p = b.alice.params(t, b.bob)
		p.NoKey, p.Policies = true, []Policy{gcmPolicy()}
		if _, err := b.bob.authenticate(mustParse(t, b.alice.begin(t, p, b.group).Message())); err != nil {
			t.Errorf("%s: the same suite: %v", b.name, err)
		}
	}
}

// TestUpdateParameters: updates that are not made.
func TestUpdateParameters(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		for name, tc := range map[string]struct {
			change func(*Params)
			want   error
		}{
			"RAND":            {func(p *Params) { p.RAND = bytes.Repeat([]byte{1}, 16) }, ErrParams},
			"MKI without key": {func(p *Params) { p.NoKey, p.MKI = true, []byte{1} }, ErrParams},
			"fewer streams":   {func(p *Params) { p.Sessions = p.Sessions[:1] }, ErrMap},
			"another stream":  {func(p *Params) { p.Sessions[0].SSRC++ }, ErrMap},
			"unknown policy":  {func(p *Params) { p.Sessions[0].Policy = 9 }, ErrPolicy},
			"long extension":  {func(p *Params) { p.VendorExt = make([]byte, MaxVendorExt+1) }, ErrParams},
			"old":             {func(p *Params) { p.Time = p.Time.Add(-time.Second) }, ErrOldTime},
		} {
			p := b.alice.params(t, b.bob)
			tc.change(&p)
			if _, err := b.alice.initiate(p, b.group); !errors.Is(err, tc.want) {
				t.Errorf("%s, %s: got %v, want %v", b.name, name, err, tc.want)
			}
		}
		p := b.alice.params(t, b.bob)
		s, _ := rsaIdentity(t, "alice")
		for name, try := range map[string]func() error{
			"psk":    func() error { _, err := InitiatePSK(p, testPSK); return err },
			"dhhmac": func() error { _, err := InitiateDHHMAC(p, GroupP256, testPSK); return err },
			"dh":     func() error { _, err := InitiateDH(p, GroupP256, s); return err },
			"pke":    func() error { _, err := InitiatePKE(p, s, s.Chain[0]); return err },
			"rsar":   func() error { _, err := InitiateRSAR(p, s); return err },
		} {
			same := b.name == "psk" && name == "psk" || b.alice.csb.update == TypeDHInit && name == "dh" ||
				b.alice.csb.update == TypeDHHMACInit && name == "dhhmac"
			if err := try(); !same && !errors.Is(err, ErrParams) {
				t.Errorf("%s updated by %s: %v", b.name, name, err)
			}
		}
		i := b.alice.begin(t, b.alice.params(t, b.bob), b.group)
		resp, err := b.bob.authenticate(mustParse(t, i.Message()))
		if err != nil {
			t.Fatal(err)
		}
		a := b.bob.answer()
		a.VendorExt = make([]byte, MaxVendorExt+1)
		if _, _, err := resp.Answer(a); !errors.Is(err, ErrParams) {
			t.Errorf("%s: long extension in R: %v", b.name, err)
		}
	}
	p := testParams(t)
	p.NoKey = true
	if _, err := InitiatePSK(p, testPSK); !errors.Is(err, ErrParams) {
		t.Errorf("a refresh of nothing: %v", err)
	}
}

// TestValuesInRefresh: a refresh is answered without DH values, an update with a value with two.
func TestValuesInRefresh(t *testing.T) {
	for _, b := range bundles(t, PRFSHA1) {
		if b.alice.csb.update == TypePSKInit || b.name == "dh ecdsa modp1536" {
			continue
		}
		answered := map[bool]*Message{}
		open := map[bool]*dhInitiation{}
		at := b.alice.params(t, b.bob).Time.Add(time.Minute)
		for _, refresh := range []bool{false, true} {
			p := b.alice.params(t, b.bob)
			p.NoKey = refresh
			p.Time = at.Add(time.Duration(len(open)))
			i := b.alice.begin(t, p, b.group)
			r := replied(t, mustParse(t, i.Message()), b.bob.authenticate, b.bob.answer())
			open[refresh], answered[refresh] = i.(*dhInitiation), mustParse(t, r)
		}
		values := func(m *Message, with []dhPayload) []payload {
			var out []payload
			for _, p := range m.payloads {
				switch p.(type) {
				case dhPayload, signPayload, kemacPayload:
				default:
					out = append(out, p)
				}
			}
			for _, v := range with {
				out = append(out, v)
			}
			if k, ok := find[kemacPayload](m); ok {
				out = append(out, k)
			}
			return out
		}
		dh := all[dhPayload](answered[false])
		r := b.bob.resealed(t, answered[true].header, values(answered[true], dh))
		if err := open[true].Authenticate(mustParse(t, r), b.alice.peer); !errors.Is(err, ErrDHValue) {
			t.Errorf("%s: values in the answer to a refresh: %v", b.name, err)
		}
		for _, with := range [][]dhPayload{nil, dh[:1], dh[1:]} {
			r = b.bob.resealed(t, answered[false].header, values(answered[false], with))
			if err := open[false].Authenticate(mustParse(t, r), b.alice.peer); !errors.Is(err, ErrDHValue) {
				t.Errorf("%s: %d values in the answer to a rekey: %v", b.name, len(with), err)
			}
		}
	}
}

// TestNullCipherInRefresh: a KEMAC that carries nothing may say NULL; one that carries a key may not.
func TestNullCipherInRefresh(t *testing.T) {
	b := bundles(t, PRFSHA1)[0]
	p := b.alice.params(t, b.bob)
	for _, tc := range []struct {
		data []byte
		want error
	}{{nil, nil}, {keyData{key: make([]byte, 16)}.append(nil, 0), ErrEncrAlg}} {
		raw := b.alice.resealed(t, p.header(TypePSKInit), append(p.opening(nil, nil), kemacPayload{data: tc.data, alg: macHMACSHA1}))
		raw[4], raw[5], raw[6], raw[7] = 0xC0, 0xFF, 0xEE, 0x01
		h := mustParse(t, raw).header
		raw = b.alice.resealed(t, h, mustParse(t, raw).payloads)
		if _, err := b.bob.authenticate(mustParse(t, raw)); !errors.Is(err, tc.want) {
			t.Errorf("%d octets: got %v, want %v", len(tc.data), err, tc.want)
		}
	}
}
