//go:build !linux

package server

// Harden does nothing where there is no such protection.
func Harden() error { return nil }
