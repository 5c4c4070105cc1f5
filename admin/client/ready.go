package client

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// readyName is the file that a serving server writes into its data directory.
const readyName = "ready.json"

// maxFile bounds what is read of ready.json and of a token file, in octets.
const maxFile = 64 << 10

// ErrNotServing says that no server is serving from a data directory.
var ErrNotServing = errors.New("client: no server is serving")

// Ready is what a serving server writes about itself. Addresses are IP:port with the ports that were really taken, and
// empty where a transport is off.
type Ready struct {
	PID            int    `json:"pid"`
	SIPUDP         string `json:"sip_udp"`
	SIPTCP         string `json:"sip_tcp"`
	SIPTLS         string `json:"sip_tls"`
	Admin          string `json:"admin"` // URL or IP:port of the API
	AdminTokenFile string `json:"admin_token_file"`
	Data           string `json:"data"`
	CA             string `json:"ca"` // file with the certificate of the server's own authority
}

// ReadReady reads ready.json of a data directory.
func ReadReady(dir string) (Ready, error) {
	var r Ready
	text, err := readFile(filepath.Join(dir, readyName))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w from %s; start one with: conclave serve --data %s", ErrNotServing, dir, dir)
	}
	if err != nil {
		return r, fmt.Errorf("client: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("client: %s is damaged; start the server again: %w", filepath.Join(dir, readyName), err)
	}
	return r, nil
}

// Open makes a client of the server that serves from the data directory.
func Open(dir string) (*Client, Ready, error) {
	r, err := ReadReady(dir)
	if err != nil {
		return nil, r, err
	}
	token, err := ReadToken(r.AdminTokenFile)
	if err != nil {
		return nil, r, err
	}
	o := Options{URL: r.Admin, Token: token}
	if r.CA != "" {
		authority, err := readFile(r.CA)
		if err != nil {
			return nil, r, fmt.Errorf("client: read the server's authority: %w", err)
		}
		o.TLS = trusting(authority)
	}
	c, err := New(o)
	return c, r, err
}

// trusting takes certificates of the server's own authority beside those of the system's.
func trusting(authority []byte) *tls.Config {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// ReadToken reads the admin token from its file.
func ReadToken(file string) (string, error) {
	text, err := readFile(file)
	if err != nil {
		return "", fmt.Errorf("client: read the admin token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%w: %s does not hold one token", ErrOptions, file)
	}
	return token, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no small plain file", name)
	}
	return os.ReadFile(name) //nolint:gosec // the user names the file
}

// Remote gives a client of a server elsewhere, by the URL of its API and a file that holds its token; both are needed.
func Remote(url, tokenFile string) (*Client, error) {
	if url == "" || tokenFile == "" {
		return nil, fmt.Errorf("%w: a server elsewhere needs both --admin URL and --token-file FILE", ErrOptions)
	}
	token, err := ReadToken(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return New(Options{URL: url, Token: token})
}
