package server

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// linkMessage is more than one message of rtnetlink is long; what they say is not looked at.
const linkMessage = 8 << 10

// watchLinks tells whenever an address of this machine comes or goes (rtnetlink(7)). close ends it; the channel is never closed.
func watchLinks() (changed <-chan struct{}, closeLinks func() error, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, fmt.Errorf("server: netlink: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink") //nolint:gosec // a descriptor
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR}); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("server: netlink: %w", err), f.Close())
	}
	events, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, linkMessage)
		for {
			// ENOBUFS: more happened than was kept; that something did is all that matters.
			if _, err := f.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case events <- struct{}{}:
			default:
			}
		}
	}()
	return events, func() error { err := f.Close(); <-done; return err }, nil
}
