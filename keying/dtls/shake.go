package dtls

import (
	"context"
	"fmt"
	"net"
)

// Shake runs the handshake over path until it has succeeded or ctx ends. One attempt that fails, be it the peer's or a
// stranger's, does not end it. The path stays its owner's: neither Shake nor Close closes it, but until Close nobody else may read
// from it or set its read deadline. The error wraps ctx's and the cause of the last attempt's failure.
func Shake(ctx context.Context, path net.PacketConn, c Config) (*Association, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &host{Config: &c, path: path, won: make(chan *Association, 1), read: make(chan struct{})}
	attempts, cancel := context.WithCancel(ctx)
	go h.receive(attempts)
	if c.Client {
		h.wg.Go(func() { h.call(attempts) })
	}
	var cause error
	select {
	case a := <-h.won:
		cancel() // those that still go on
		h.wg.Wait()
		a.begin()
		return a, nil
	case <-ctx.Done():
		cause = ctx.Err()
	case <-h.read:
		cause = fmt.Errorf("%w: %w", ErrPath, h.broken)
	}
	cancel()
	h.stop() // first: the reader opens attempts
	h.wg.Wait()
	select {
	case a := <-h.won: // in the same moment
		a.Wipe()
		_ = a.conn.Close()
	default:
	}
	return nil, h.failure(cause)
}

// failure tells what is known when everything has ended.
func (h *host) failure(cause error) error {
	err := cause
	if h.last != nil {
		err = fmt.Errorf("%w; the last attempt: %w", cause, h.last)
	}
	if h.alert != 0 {
		err = fmt.Errorf("%w; an alert in plain text said %d", err, h.alert)
	}
	return err
}
