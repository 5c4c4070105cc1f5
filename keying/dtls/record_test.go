package dtls

import (
	"bytes"
	"testing"
)

// FuzzRecord: whatever comes, reading it neither fails nor makes anything up.
func FuzzRecord(f *testing.F) {
	f.Add(greeting(7, []byte("cookie")))
	f.Add(append(bytes.Clone(fatalAlert), greeting(7, nil)...))
	f.Add(plain(typeHandshake, 0, append([]byte{messageHelloVerify, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 7, 0xfe, 0xfd, 4}, 1, 2, 3, 4)))
	f.Add([]byte{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 22})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		before := bytes.Clone(datagram)
		var whole []byte
		for record, rest := cut(datagram); record != nil; record, rest = cut(rest) {
			if len(record) < recordHeader {
				t.Fatal("a record without header")
			}
			whole = append(whole, record...)
		}
		if kept := sieve(datagram, func([]byte) bool { return true }); !bytes.Equal(kept, whole) || !bytes.HasPrefix(datagram, kept) {
			t.Fatal("the sieve changed records")
		}
		if kept := sieve(datagram, func(r []byte) bool { return epoch(r) > 0 }); len(kept) > len(whole) {
			t.Fatal("the sieve made records")
		}
		if _, body, _, ok := message(datagram); ok {
			if h, ok := readHello(body); ok && !bytes.Contains(datagram, h.cookie) {
				t.Fatal("a cookie from nowhere")
			}
			if c := readCookie(body); !bytes.Contains(datagram, c) {
				t.Fatal("a cookie from nowhere")
			}
		}
		if !bytes.Equal(before, datagram) {
			t.Fatal("the datagram was changed")
		}
	})
}

func TestMessage(t *testing.T) {
	kind, body, from, ok := message(greeting(9, []byte("cookie")))
	h, read := readHello(body)
	if !ok || !read || kind != messageClientHello || from != 0 || h.random[31] != 9 || string(h.cookie) != "cookie" {
		t.Errorf("read %d %v %q", kind, h.random, h.cookie)
	}
	later := greeting(9, nil)
	later[recordHeader+7] = 1 // fragment offset 65536·0 + 256·1 + 0
	if _, _, from, ok := message(later); !ok || from != 256 {
		t.Errorf("offset %d", from)
	}
	if _, _, _, ok := message(fatalAlert); ok {
		t.Error("an alert is no handshake message")
	}
	sealed := greeting(9, nil)
	sealed[4] = 1
	if _, _, _, ok := message(sealed); ok {
		t.Error("what is encrypted cannot be read")
	}
}
