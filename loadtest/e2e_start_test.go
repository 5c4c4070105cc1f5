package loadtest_test

import (
	"net"
	"testing"
)

// TestRequestsDuringStart: phones do not wait for a server that restarts; what comes while it opens its sockets must harm nothing.
func TestRequestsDuringStart(t *testing.T) {
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.LocalAddr().String()
	_ = probe.Close()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		conn, err := net.Dial("udp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			q := &request{uri: identity("standup"), from: identity("early"), cseq: n}
			_, _ = conn.Write([]byte(q.text("udp", conn.LocalAddr()))) // refused by the kernel until the socket is there
		}
	}()
	h := serve(t, `
sip: {udp: "`+address+`", tcp: "", tls: ""}
limits: {requests_per_source: 1000000}
`)
	eventually(t, "requests are refused", func() bool { return h.metrics()[`conclave_refusals_total{reason="no_proof"}`] > 100 })
	close(stop)
	got(t, done, "end of the requests")
	h.healthy()
}
