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
	l = newConnections(l, a.meters)
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
		ConnContext:       withConnection,
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
