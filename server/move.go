package server

type move struct{}
