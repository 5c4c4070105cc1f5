package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/conclave/conclave/server"
)

// Node is a server with its API, both running: what `conclave serve` is.
type Node struct {
	Server *server.Server
	URL    string          // at which others reach the API
	ctx    context.Context // ends when either of them does
	cancel context.CancelFunc
	group  *errgroup.Group
}

// Start makes a server over the data directory and its API, and runs both until ctx ends or Stop is called. demo makes the demo
// accounts; version stands in the description of the API.
func Start(ctx context.Context, cfg *server.Config, data string, demo bool, version string, log *slog.Logger) (*Node, error) {
	srv, err := server.New(cfg, data, log)
	if err != nil {
		return nil, err
	}
	api, listener, url, err := open(cfg, srv, version, log)
	if err == nil && demo {
		if err = srv.PrepareDemo(ctx); err != nil {
			err = errors.Join(err, listener.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return srv.Run(ctx) })
	group.Go(func() error { return api.Serve(ctx, listener) })
	return &Node{Server: srv, URL: url, ctx: ctx, cancel: cancel, group: group}, nil
}

// open makes the API, its listener and the URL at which others reach it.
func open(cfg *server.Config, srv *server.Server, version string, log *slog.Logger) (_ *Admin, _ net.Listener, url string, err error) {
	token, err := LoadToken(srv.TokenFile())
	if err != nil {
		return nil, nil, "", err
	}
	tlsConfig, err := srv.AdminTLS()
	if err != nil {
		return nil, nil, "", err
	}
	api, err := New(Config{
		Server: srv, Tokens: []TokenHash{HashToken(token)}, Hosts: srv.AdminHosts(), Metrics: srv.Metrics(),
		MetricsToken: !cfg.AdminLoopback(), TLS: tlsConfig, Log: log, Version: version,
	})
	if err != nil {
		return nil, nil, "", err
	}
	listener, err := net.Listen("tcp", cfg.Admin.Listen)
	if err != nil {
		return nil, nil, "", fmt.Errorf("the admin API cannot listen: %w; choose another admin.listen", err)
	}
	scheme := "http://"
	if tlsConfig != nil {
		scheme = "https://"
	}
	return api, listener, scheme + srv.Reachable(listener.Addr()).String(), nil
}

// Done is closed when one of them has ended.
func (n *Node) Done() <-chan struct{} { return n.ctx.Done() }

// Stop ends both and waits.
func (n *Node) Stop() error {
	n.cancel()
	return n.group.Wait()
}
