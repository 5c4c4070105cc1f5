package mikey

import "testing"

func BenchmarkParsePSK(b *testing.B) {
	v := vectors(b)["psk-2-ids-sdpids"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(v.I); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthenticatePSK(b *testing.B) {
	v := vectors(b)["psk-2-ids-sdpids"]
	m := mustParse(b, v.I)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AuthenticatePSK(m, v.PSK, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPSKExchange(b *testing.B) {
	p := testParams(b)
	for b.Loop() {
		i, err := InitiatePSK(p, testPSK)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := AuthenticatePSK(mustParse(b, i.Message()), testPSK, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := resp.Answer(Answer{SSRC: testSSRC}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuthenticateDH is what a stranger can make us spend; BenchmarkAnswerDH what an authenticated peer can.
func BenchmarkAuthenticateDH(b *testing.B) {
	for _, tc := range dhBenchmarks(b) {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := AuthenticateDH(tc.m, tc.peer, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAnswerDH(b *testing.B) {
	for _, tc := range dhBenchmarks(b) {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				resp, err := AuthenticateDH(tc.m, tc.peer, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := resp.Answer(Answer{SSRC: testSSRC, Signer: &tc.signer}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type dhBenchmark struct {
	name   string
	m      *Message
	signer Signer
	peer   PeerKey
}

func dhBenchmarks(b *testing.B) []dhBenchmark {
	rsaSigner, rsaPeer := rsaIdentity(b, "alice")
	ecSigner, ecPeer := ecdsaIdentity(b)
	var out []dhBenchmark
	for _, g := range []Group{GroupMODP1536, GroupMODP2048, GroupMODP3072} {
		for _, tc := range []dhBenchmark{{"rsa", nil, rsaSigner, rsaPeer}, {"ecdsa", nil, ecSigner, ecPeer}} {
			i, err := InitiateDH(testParams(b), g, tc.signer)
			if err != nil {
				b.Fatal(err)
			}
			tc.m, tc.name = mustParse(b, i.Message()), g.String()+"-"+tc.name
			out = append(out, tc)
		}
	}
	return out
}
