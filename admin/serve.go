package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// Serve answers on the listener until the context ends, then lets requests in flight finish within a bound and returns nil;
// or returns the error that ended the listening. It closes the listener in any case.
func (a *Admin) Serve(ctx context.Context, l net.Listener) error {
	l = &boundedListener{Listener: l, slots: make(chan struct{}, maxConnections), closed: make(chan struct{})}
	if a.tls != nil {
		l = tls.NewListener(l, a.tls)
	}
	srv := &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: headerPatience,
		ReadTimeout:       readPatience,
		WriteTimeout:      writePatience,
		IdleTimeout:       idlePatience,
		MaxHeaderBytes:    maxHeader,
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 only: less to attack
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan struct{})
	var stopper sync.WaitGroup
	stopper.Go(func() {
		select {
		case <-ctx.Done():
			a.stop(ctx, srv)
		case <-ended:
		}
	})
	err := srv.Serve(l)
	close(ended)
	stopper.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("admin: serve: %w", errors.Join(err, srv.Close()))
}

// stop waits for requests in flight, and cuts off those that take too long.
func (a *Admin) stop(ctx context.Context, srv *http.Server) {
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if err := srv.Shutdown(wait); err != nil {
		a.log.Warn("admin requests were cut off at the end", "err", errors.Join(err, srv.Close()))
	}
}

// boundedListener accepts no more than maxConnections at a time; the rest wait in the kernel's queue, which is bounded too.
type boundedListener struct {
	net.Listener
	slots  chan struct{} // one element for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a slot, then for a connection.
func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &boundedConn{Conn: c, slots: l.slots}, nil
}

// Close ends the listening and whatever waits for a slot.
func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundedConn gives its slot back at its first Close.
type boundedConn struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

// Close ends the connection.
func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}
