package mikey

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	vs := vectors(t)
	_, alice := rsaIdentity(t, "alice")
	_, bob := rsaIdentity(t, "bob")
	alice.SHA1 = true
	near := ntpTime(t, "2026-01-01T00:00:00Z")
	for _, tc := range []struct {
		name, vector  string
		keys          InspectKeys
		authenticated string // "true", "false" or "null"
		contains      []string
		lacks         []string
	}{
		{"psk", "psk-2-ids-sdpids", InspectKeys{PSK: vs["psk-2-ids-sdpids"].PSK, ShowKeys: true}, "true", []string{
			`"type":"psk-i"`, `"csb_id":305419896`, `"timestamp":"2025-01-01T00:00:00.5Z"`, `"sdp_ids":"mikey"`,
			`"ids":["sip:alice@example.com","sip:bob@example.com"]`, `"type":"KEMAC","octets":45`,
			`"suite":"AES_CM_128_HMAC_SHA1_80","tek":"5473ebf403dd9ca610634be4b9b511c1","salt":"8f0901b65360614ea4ea69b40531"`,
		}, []string{`"error"`}},
		{"keys are not shown unasked", "psk-2-ids-sdpids", InspectKeys{PSK: vs["psk-2-ids-sdpids"].PSK}, "true", nil, []string{"tek", "salt", "5473eb"}},
		{"wrong psk", "psk-2-ids-sdpids", InspectKeys{PSK: make([]byte, 16), ShowKeys: true}, "false", []string{`"error":"mikey: authentication failed"`}, []string{"tek"}},
		{"no key", "psk-2-ids-sdpids", InspectKeys{}, "null", nil, []string{`"error"`}},
		{"gcm", "psk-7-gcm256", InspectKeys{PSK: vs["psk-7-gcm256"].PSK, ShowKeys: true}, "true", []string{`"suite":"AEAD_AES_256_GCM","tek":"1ad400440c663c7d9a09d515c951f914d3ff`}, nil},
		{"sha-256", "psk-13-sha256-suite", InspectKeys{PSK: vs["psk-13-sha256-suite"].PSK}, "true", []string{`"prf":"hmac-sha-256"`}, nil},
		{"counter", "psk-12-counter", InspectKeys{PSK: vs["psk-12-counter"].PSK}, "true", []string{`"timestamp":"counter 5"`}, nil},
		{"answer alone", "", InspectKeys{PSK: vs["psk-2-ids-sdpids"].PSK}, "null", []string{`"type":"psk-r"`, `"suite":""`}, []string{`"suite":"A`}},
		{"update", "psk-9-rekey", InspectKeys{PSK: vs["psk-9-rekey"].PSK}, "null", []string{`"update":true`}, []string{"refresh"}},
		{"refresh", "psk-10-update-no-tgk", InspectKeys{}, "null", []string{`"update":true,"refresh":true`}, nil},
		{"mki", "psk-4-tgk+salt+mki", InspectKeys{PSK: vs["psk-4-tgk+salt+mki"].PSK, ShowKeys: true}, "true", []string{`"mki":"`}, nil},
		{"mki of a key unknown", "psk-4-tgk+salt+mki", InspectKeys{}, "null", nil, []string{"mki\":\""}},
		{"dh", "dh-1-rfc-shape", InspectKeys{Peer: alice, ShowKeys: true}, "true", []string{`"type":"dh-i"`, `"type":"DH","octets":195`}, []string{"tek"}},
		{"dh by somebody else", "dh-1-rfc-shape", InspectKeys{Peer: bob}, "false", nil, nil},
		{"dhhmac", "dhhmac-2-rfc-shape", InspectKeys{PSK: vs["dhhmac-2-rfc-shape"].PSK}, "true", nil, nil},
		{"pke", "pke-1-libmikey", InspectKeys{Peer: alice}, "true", nil, nil},
		{"rsa-r", "rsar-2-rfc-shape", InspectKeys{Peer: alice}, "true", nil, nil},
		{"null mac", "neg-2-null-mac", InspectKeys{PSK: vs["psk-2-ids-sdpids"].PSK}, "false", []string{"not supported"}, nil},
		{"error", "err-1-invalid-sppar", InspectKeys{}, "null", []string{`"errors":["Invalid SPpar"]`, `"suite":"AEAD_AES_128_GCM"`}, nil},
		{"truncated", "neg-5-truncated", InspectKeys{}, "null", []string{`"type":"psk-i"`, `"error":"mikey: malformed message`, "alice"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := vs["psk-2-ids-sdpids"].R
			if tc.vector != "" {
				b = vs[tc.vector].I
			}
			tc.keys.Now = near
			out, err := json.Marshal(Inspect(b, tc.keys))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range append(tc.contains, `"authenticated":`+tc.authenticated) {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %s in\n%s", want, out)
				}
			}
			for _, bad := range tc.lacks {
				if strings.Contains(string(out), bad) {
					t.Errorf("%s in\n%s", bad, out)
				}
			}
		})
	}
}

// TestInspectPKE: with our own key the TEKs show; who made them only the signer's key tells.
func TestInspectPKE(t *testing.T) {
	alice, aliceK := rsaIdentity(t, "alice")
	bob, bobK := rsaIdentity(t, "bob")
	i, err := InitiatePKE(testParams(t), alice, bob.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		keys      InspectKeys
		authentic string
		shows     bool
	}{
		{"nothing", InspectKeys{ShowKeys: true}, "cannot tell", false},
		{"own key", InspectKeys{ShowKeys: true, Own: decrypter(bob)}, "cannot tell", true},
		{"both", InspectKeys{ShowKeys: true, Own: decrypter(bob), Peer: aliceK}, "yes", true},
		{"both, not asked", InspectKeys{Own: decrypter(bob), Peer: aliceK}, "yes", false},
		{"another signer", InspectKeys{ShowKeys: true, Own: decrypter(bob), Peer: bobK}, "no", false},
		{"another own key", InspectKeys{ShowKeys: true, Own: decrypter(alice), Peer: aliceK}, "no", false},
	} {
		rep := Inspect(i.Message(), tc.keys)
		got := "cannot tell"
		if rep.Authenticated != nil {
			got = map[bool]string{true: "yes", false: "no"}[*rep.Authenticated]
		}
		if got != tc.authentic || (rep.CS[0].TEK != "") != tc.shows {
			t.Errorf("%s: authenticated %s, TEK %q, %s", tc.name, got, rep.CS[0].TEK, rep.Error)
		}
	}
}
