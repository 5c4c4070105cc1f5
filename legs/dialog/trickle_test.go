package dialog

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestTrickle: a message has to come whole in partialWait from its first octet, whether its octets trickle in or not; the next one has as long again.
func TestTrickle(t *testing.T) {
	whole := []byte((&peer{c: &addressed{}}).message("OPTIONS", "x", "", 1, ""))
	for name, c := range map[string]struct {
		pause time.Duration // between the octets
		burst int           // octets at a time
		read  int           // messages that come through
		end   time.Duration // after the first octet
	}{
		"in time, then silent":   {pause: time.Second, burst: (len(whole) + 7) / 8, read: 2},
		"an octet at a time":     {pause: time.Second, burst: 1, end: partialWait},
		"an octet, then nothing": {pause: time.Hour, burst: 1, end: partialWait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				s := &stream{
					Conn: near, front: testFront(0), transport: "tcp", accepted: true, fresh: true, gone: func(*stream) {},
					begun: make(chan struct{}), done: make(chan struct{}),
				}
				begun, sent := time.Now(), make(chan struct{})
				go func() {
					defer close(sent)
					defer far.Close()
					for rest := append(append([]byte(nil), whole...), whole...); len(rest) > 0; {
						n := min(c.burst, len(rest))
						if _, err := far.Write(rest[:n]); err != nil {
							return
						}
						rest = rest[n:]
						time.Sleep(c.pause)
					}
				}()
				buf, read := make([]byte, maxMessage), 0
				for {
					n, err := s.Read(buf)
					if err == io.EOF {
						break
					}
					read += n
				}
				took := time.Since(begun)
				_ = near.Close()
				<-sent
				if read != c.read*len(whole) {
					t.Errorf("%d octets came through", read)
				}
				if c.end != 0 && took != c.end {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}
