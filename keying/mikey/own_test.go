package mikey

import (
	"bytes"
	"crypto/hmac"
	"flag"
	"os"
	"slices"
	"testing"
)

var writeOwn = flag.Bool("write", false, "write testdata/own.json anew")

const ownFile = "testdata/own.json"

// TestOwnVectorsAreReproduced: the generator makes the committed file, octet for octet.
func TestOwnVectorsAreReproduced(t *testing.T) {
	var made bytes.Buffer
	if err := WriteVectors(&made); err != nil {
		t.Fatal(err)
	}
	if *writeOwn {
		if err := os.WriteFile(ownFile, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(ownFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), want) {
		t.Error("other vectors than those committed: go test -run Own -write, if that is meant")
	}
}

// ownVectorFile is own.json.
type ownVectorFile struct {
	Identities map[string]identity
	Vectors    []own
}

func readOwn(t testing.TB) (file ownVectorFile) {
	t.Helper()
	readJSON(t, "own.json", &file)
	if len(file.Vectors) != 95 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	return file
}

func ownVectors(t testing.TB) []own { return readOwn(t).Vectors }

// TestOwnVectors recomputes every exchange of the committed file.
func TestOwnVectors(t *testing.T) {
	file := readOwn(t)
	first := map[string]own{}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			i, r := pieces(t, v.I), pieces(t, v.R)
			at := pick(i, 5)[0].bytes[2:]
			if !bytes.Equal(pick(r, 5)[0].bytes[2:], at) {
				t.Error("R has another T")
			}
			v.checkBundle(t, first, i, at)
			for _, ps := range [][]piece{i, r} {
				exts := slices.DeleteFunc(pick(ps, 21), func(p piece) bool { return p.bytes[1] != 241 })
				if len(exts) != min(1, len(v.Ext)) || len(exts) == 1 && !bytes.Equal(exts[0].bytes[4:], v.Ext) {
					t.Errorf("%d vendor extensions", len(exts))
				}
			}
			v.checkKeys(t)
			beside := slices.Concat([]byte(v.IDi), []byte(v.IDr), at)
			if len(pick(i, 6)) == 0 {
				beside = at
			}
			switch v.Mode {
			case "psk-i":
				v.checkPSK(t, i, at)
				v.checkV(t, r, beside)
			case "pke-i":
				v.checkEnvelope(t, i, at, v.IDi, file.Identities[v.SignerR])
				file.Identities[v.SignerI].signed(t, v.I, nil)
				v.checkV(t, r, beside)
			case "rsar-i":
				file.Identities[v.SignerI].signed(t, v.I, nil)
				v.checkEnvelope(t, r, at, v.IDr, file.Identities[v.SignerI])
				file.Identities[v.SignerR].signed(t, v.R, beside)
			case "dh-i":
				v.checkValues(t, i, r)
				file.Identities[v.SignerI].signed(t, v.I, nil)
				file.Identities[v.SignerR].signed(t, v.R, nil)
			case "dhhmac-i":
				v.checkValues(t, i, r)
				for _, b := range [][]byte{v.I, v.R} {
					n := len(v.mac(t))
					if !hmac.Equal(b[len(b)-n:], v.mac(t, b[:len(b)-n])) {
						t.Error("a MAC does not hold")
					}
				}
			default:
				t.Errorf("mode %q", v.Mode)
			}
		})
	}
}
