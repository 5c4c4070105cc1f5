package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/conclave/conclave/admin/client"
)

// config is that of the server: any free ports of loopback; and one source may call as often as a swarm does.
const config = `
sip:    {udp: "127.0.0.1:0", tcp: "127.0.0.1:0", tls: "127.0.0.1:0"}
media:  {address: 127.0.0.1, ports: "0"}
admin:  {listen: "127.0.0.1:0"}
limits: {requests_per_source: 100000}
`

// server is a server process and its API.
type server struct {
	*child
	dir string
	api *client.Client
}

// serve starts a server that keeps its data in a fresh directory, and waits until it takes calls.
func serve(ctx context.Context, cores []int, env []string) (s *server, err error) {
	s = &server{}
	if s.dir, err = os.MkdirTemp("", "conclave-bench-"); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	file, data := filepath.Join(s.dir, "bench.yaml"), filepath.Join(s.dir, "data")
	if err = os.WriteFile(file, []byte(config), 0o600); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	read, write := io.Pipe()
	serving := awaitLine(read, " serves")
	if s.child, err = launch(ctx, cores, env, write, "serve", "--dev", "--config", file, "--data", data); err != nil {
		return s, errors.Join(err, write.Close())
	}
	go func() {
		<-s.ended
		_ = write.Close() // never fails
	}()
	select {
	case ok := <-serving:
		if !ok {
			return s, fmt.Errorf("bench: the server ended: %s", s.said())
		}
	case <-time.After(startPatience):
		return s, fmt.Errorf("bench: the server does not serve after %v: %s", startPatience, s.said())
	}
	if s.api, _, err = client.Open(data); err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	return s, nil
}

// end stops the server and removes its data.
func (s *server) end() error {
	var failed error
	if s.api != nil {
		s.api.Close()
	}
	if s.child != nil {
		failed = s.stop()
	}
	return errors.Join(failed, os.RemoveAll(s.dir))
}

// data is where the server keeps what it keeps.
func (s *server) data() string { return filepath.Join(s.dir, "data") }

// standing waits until so many calls stand, or until no more come, and says how many do.
func (s *server) standing(ctx context.Context, calls int, callers *child) (stand int, err error) {
	ctx, cancel := context.WithTimeout(ctx, standingPatience)
	defer cancel()
	ticker := time.NewTicker(standingEvery)
	defer ticker.Stop()
	for since := time.Now(); ; {
		m, err := s.metrics(ctx)
		if err != nil {
			return stand, err
		}
		if now := int(m["conclave_calls"]); now != stand {
			stand, since = now, time.Now()
		}
		if stand >= calls || stand > 0 && time.Since(since) >= standingStill {
			return stand, nil
		}
		select {
		case <-ticker.C:
		case <-callers.ended:
			return stand, fmt.Errorf("bench: the callers ended before they stood: %s", callers.said())
		case <-s.ended:
			return stand, fmt.Errorf("bench: the server ended: %s", s.said())
		case <-ctx.Done():
			return stand, fmt.Errorf("bench: %d of %d calls stand: %w", stand, calls, ctx.Err())
		}
	}
}
