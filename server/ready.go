package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files of the data directory that other programs read.
const (
	readyFile = "ready.json"
	tokenFile = "admin.token"
	caFile    = "ca.pem"
)

// Ready is what DIR/ready.json tells other programs once the server takes calls. Addresses are real ones, "" where off.
type Ready struct {
	PID       int    `json:"pid"`
	SIPUDP    string `json:"sip_udp"`
	SIPTCP    string `json:"sip_tcp"`
	SIPTLS    string `json:"sip_tls"`
	Admin     string `json:"admin"` // URL
	TokenFile string `json:"admin_token_file"`
	Data      string `json:"data"`
	CA        string `json:"ca"` // file with the certificate of the server's own authority
}

// Room is the URI at which a room is called: over whatever transport is on.
func (r Ready) Room(name string) string {
	switch {
	case r.SIPUDP != "":
		return "sip:" + name + "@" + r.SIPUDP
	case r.SIPTCP != "":
		return "sip:" + name + "@" + r.SIPTCP + ";transport=tcp"
	default:
		return "sip:" + name + "@" + r.SIPTLS + ";transport=tls"
	}
}

// WriteReady tells other programs that the server takes calls, in the data directory and in one more file if asked to. It
// returns what it wrote.
func (s *Server) WriteReady(adminURL, extra string) (Ready, error) {
	data, err := filepath.Abs(s.data)
	if err != nil {
		return Ready{}, err
	}
	r := Ready{
		PID: os.Getpid(), SIPUDP: told(s.SIPAddress("udp")), SIPTCP: told(s.SIPAddress("tcp")), SIPTLS: told(s.SIPAddress("tls")),
		Admin: adminURL, TokenFile: filepath.Join(data, tokenFile), Data: data, CA: filepath.Join(data, caFile),
	}
	if err := replaceFile(r.CA, s.keys.authority.CertPEM()); err != nil {
		return Ready{}, fmt.Errorf("server: %w", err)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Ready{}, err
	}
	for _, path := range []string{filepath.Join(data, readyFile), extra} {
		if path == "" {
			continue
		}
		if err := replaceFile(path, append(body, '\n')); err != nil {
			return Ready{}, fmt.Errorf("server: %w", err)
		}
	}
	return r, nil
}

// RemoveReady takes the word back when the server stops, in both places.
func (s *Server) RemoveReady(extra string) {
	for _, path := range []string{filepath.Join(s.data, readyFile), extra} {
		if path != "" {
			_ = os.Remove(path) // gone is gone
		}
	}
}

// TokenFile is where the admin token is kept, which is the API's to make.
func (s *Server) TokenFile() string { return filepath.Join(s.data, tokenFile) }

// replaceFile writes a file of mode 0600 that readers see whole or not at all.
func replaceFile(path string, body []byte) error {
	fresh, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.Write(body)
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		_ = os.Remove(fresh.Name())
	}
	return err
}
