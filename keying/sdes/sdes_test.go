package sdes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// key30 is the key of RFC 4568 section 6.1.
const key30 = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"

func octets(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }

func inline(n int) string { return "inline:" + base64.StdEncoding.EncodeToString(octets(n)) }

func TestParse(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key30, "inline:"))
	if err != nil {
		t.Fatal(err)
	}
	plain := Line{Tag: 1, Suite: "AES_CM_128_HMAC_SHA1_80", Key: raw[:16], Salt: raw[16:]}
	with := func(change func(*Line)) Line { l := plain; change(&l); return l }
	sized := func(name string, key, salt int) Line {
		return Line{Tag: 7, Suite: name, Key: octets(key), Salt: octets(salt)}
	}
	for _, tt := range []struct {
		name, in string
		want     Line
	}{
		{"key alone", "1 AES_CM_128_HMAC_SHA1_80 " + key30, plain},
		{"RFC 4568 4, MKI of 32 octets", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|2^20|1:32",
			with(func(l *Line) { l.Lifetime = 1 << 20; l.MKI = append(make([]byte, 31), 1) })},
		{"RFC 4568 6.1, no lifetime", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|1066:4",
			with(func(l *Line) { l.MKI = []byte{0, 0, 4, 42} })},
		{"RFC 4568 A", "1 AES_CM_128_HMAC_SHA1_32 " + key30 + "|2^20|1:4",
			with(func(l *Line) { l.Suite = "AES_CM_128_HMAC_SHA1_32"; l.Lifetime = 1 << 20; l.MKI = []byte{0, 0, 0, 1} })},
		{"lifetime in digits", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|1048577", with(func(l *Line) { l.Lifetime = 1<<20 + 1 })},
		{"longest lifetime", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|2^48", with(func(l *Line) { l.Lifetime = MaxLifetime })},
		{"RFC 6188 256", "7 AES_256_CM_HMAC_SHA1_80 " + inline(46), sized("AES_256_CM_HMAC_SHA1_80", 32, 14)},
		{"RFC 6188 192", "7 AES_192_CM_HMAC_SHA1_32 " + inline(38), sized("AES_192_CM_HMAC_SHA1_32", 24, 14)},
		{"RFC 7714 128", "7 AEAD_AES_128_GCM " + inline(28), sized("AEAD_AES_128_GCM", 16, 12)},
		{"RFC 7714 256", "7 AEAD_AES_256_GCM " + inline(44), sized("AEAD_AES_256_GCM", 32, 12)},
		{"padding left out", "7 AEAD_AES_256_GCM " + strings.TrimRight(inline(44), "="), sized("AEAD_AES_256_GCM", 32, 12)},
		{"any case", "1 aes_cm_128_hmac_sha1_80 INLINE:" + key30[7:], plain},
		{"white space", "1 \tAES_CM_128_HMAC_SHA1_80  " + key30 + " ", plain},
		{"window size", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + " WSH=128", plain},
		{"KDR none, optional parameter", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + " KDR=0 -new=thing", plain},
		{"tag of nine digits", "999999999 AES_CM_128_HMAC_SHA1_80 " + key30, with(func(l *Line) { l.Tag = 999999999 })},
		{"tag 0", "0 AES_CM_128_HMAC_SHA1_80 " + key30, with(func(l *Line) { l.Tag = 0 })},
		{"longest MKI", "1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|255:128",
			with(func(l *Line) { l.MKI = append(make([]byte, 127), 255) })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, tt.want) {
				t.Errorf("got %s", got.Format())
			}
			again, err := Parse(got.Format())
			if err != nil || !same(again, tt.want) {
				t.Errorf("does not survive Format: %v", err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "1 AES_CM_128_HMAC_SHA1_80 " + key30
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrSyntax},
		{"two fields", "1 AES_CM_128_HMAC_SHA1_80", ErrSyntax},
		{"space before", " " + good, ErrSyntax},
		{"tag of ten digits", "1234567890 AES_CM_128_HMAC_SHA1_80 " + key30, ErrSyntax},
		{"tag with zero before", "01 AES_CM_128_HMAC_SHA1_80 " + key30, ErrSyntax},
		{"tag negative", "-1 AES_CM_128_HMAC_SHA1_80 " + key30, ErrSyntax},
		{"line feed", good + "\n", ErrSyntax},
		{"line feed in the key", good[:60] + "\r\n" + good[60:], ErrSyntax},
		{"NUL", good + "\x00", ErrSyntax},
		{"too long", good + strings.Repeat(" ", maxLine), ErrSyntax},
		{"unknown suite", "1 F9_128_HMAC_SHA1_80 " + key30, ErrSuite},
		{"no method", "1 AES_CM_128_HMAC_SHA1_80 d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", ErrKey},
		{"other method", "1 AES_CM_128_HMAC_SHA1_80 uri:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", ErrKey},
		{"key empty", "1 AES_CM_128_HMAC_SHA1_80 inline:", ErrKey},
		{"key short", "1 AES_CM_128_HMAC_SHA1_80 " + inline(29), ErrKey},
		{"key long", "1 AES_CM_128_HMAC_SHA1_80 " + inline(31), ErrKey},
		{"key of the other suite", "1 AEAD_AES_256_GCM " + inline(46), ErrKey},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 " + strings.Replace(key30, "d", "*", 1), ErrKey},
		{"three paddings", "1 AES_256_CM_HMAC_SHA1_80 " + inline(46) + "=", ErrKey},
		{"spare bits set", "1 AEAD_AES_128_GCM " + strings.Replace(inline(28), "pQ==", "pR==", 1), ErrKey},
		{"several keys", good + "|2^20|1:4;" + key30 + "|2^20|2:4", ErrKey},
		{"lifetime 0", good + "|0", ErrLifetime},
		{"lifetime with zero before", good + "|01", ErrLifetime},
		{"lifetime too large", good + "|2^49", ErrLifetime},
		{"lifetime too large in digits", good + "|281474976710657", ErrLifetime},
		{"lifetime far too large", good + "|99999999999999999999", ErrLifetime},
		{"lifetime empty", good + "|", ErrLifetime},
		{"lifetime negative power", good + "|2^-1", ErrLifetime},
		{"MKI 0", good + "|0:4", ErrMKI},
		{"MKI with zero before", good + "|01:4", ErrMKI},
		{"MKI without length", good + "|1:", ErrMKI},
		{"MKI of no octets", good + "|1:0", ErrMKI},
		{"MKI too long", good + "|1:129", ErrMKI},
		{"MKI larger than its length", good + "|256:1", ErrMKI},
		{"MKI negative", good + "|-1:4", ErrMKI},
		{"MKI before lifetime", good + "|1:4|2^20", ErrSyntax},
		{"four parts", good + "|2^20|1:4|x", ErrSyntax},
		{"KDR", good + " KDR=1", ErrParameter},
		{"unencrypted", good + " UNENCRYPTED_SRTP", ErrParameter},
		{"unencrypted RTCP", good + " unencrypted_srtcp", ErrParameter},
		{"unauthenticated", good + " WSH=64 UNAUTHENTICATED_SRTP", ErrParameter},
		{"FEC order", good + " FEC_ORDER=FEC_SRTP", ErrParameter},
		{"FEC key", good + " FEC_KEY=" + key30, ErrParameter},
		{"window without size", good + " WSH=", ErrParameter},
		{"unknown parameter", good + " NEW", ErrParameter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Parse(tt.in)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if l.Key != nil || l.Salt != nil {
				t.Error("a key beside an error")
			}
			if strings.Contains(strings.ToLower(err.Error()), "rmdmcm") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestMisplacedKeyIsNotInTheError(t *testing.T) {
	for _, in := range []string{
		"1 " + key30 + " AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 x " + key30,
		"1 AES_CM_128_HMAC_SHA1_80 " + key30 + " " + key30,
		key30 + " 1 AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|" + key30[7:],
	} {
		if _, err := Parse(in); err == nil || strings.Contains(strings.ToLower(err.Error()), "rmdmcm") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestLineDoesNotPrint(t *testing.T) {
	l, err := Parse("1 AES_CM_128_HMAC_SHA1_80 " + key30)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "line", l)
	if text := fmt.Sprintf("%v %+v %#v %s ", l, l, l, l) + log.String(); strings.Count(text, hidden) != 5 {
		t.Errorf("printed: %s", text)
	}
	if _, err := json.Marshal(l); err == nil {
		t.Error("went into JSON")
	}
	l.Wipe()
	if !bytes.Equal(l.Key, make([]byte, 16)) || !bytes.Equal(l.Salt, make([]byte, 14)) {
		t.Error("not wiped")
	}
}

func same(a, b Line) bool {
	return a.Tag == b.Tag && a.Suite == b.Suite && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Salt, b.Salt) &&
		bytes.Equal(a.MKI, b.MKI) && a.Lifetime == b.Lifetime
}

// FuzzParse: what passes survives Format unchanged and has the lengths that its suite wants.
func FuzzParse(f *testing.F) {
	for _, in := range []string{
		"1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|2^20|1:32",
		"1 AES_CM_128_HMAC_SHA1_80 " + key30 + "|1066:4 WSH=64 -x",
		"2 AEAD_AES_256_GCM " + inline(44) + "|281474976710656 KDR=0",
		"3 AES_256_CM_HMAC_SHA1_80 " + inline(46) + " UNENCRYPTED_SRTP",
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := Parse(in)
		if err != nil {
			return
		}
		s, ok := suiteNamed(l.Suite)
		if !ok || len(l.Key) != s.key || len(l.Salt) != s.salt || len(l.MKI) > maxMKI || l.Lifetime > MaxLifetime ||
			l.Tag < 0 || l.Tag > 999999999 {
			t.Fatalf("%q passed", in)
		}
		again, err := Parse(l.Format())
		if err != nil || !same(l, again) {
			t.Fatalf("%q: %v", in, err)
		}
	})
}
