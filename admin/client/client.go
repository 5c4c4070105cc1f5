package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// patience bounds one request: the API's own bound on its work is half of it.
	patience = 30 * time.Second
	// maxAnswer bounds an answer in octets: a page of a thousand seats is about 700 KiB.
	maxAnswer = 4 << 20
	// page is how many items a list is asked for at a time: the most that the API gives.
	page = "1000"
	// idle is how many connections are kept: as many as a swarm works with at a time.
	idle = 32
)

// ErrOptions says that a client cannot be made of what it was given.
var ErrOptions = errors.New("client: bad options")

// Options is what a client is made of.
type Options struct {
	URL   string       // of the API, such as http://127.0.0.1:8060; a bare IP:port means http
	Token string       // the admin token
	TLS   *tls.Config  // for https with a CA of the server's own; nil: the system's CAs
	HTTP  *http.Client // nil: one of the client's own, without proxy and redirects, so that the token goes nowhere else
}

// Client speaks to one API. Any goroutine.
type Client struct {
	base  string // without a slash at the end
	token string
	http  *http.Client
}

// New makes a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	if !strings.Contains(o.URL, "://") {
		o.URL = "http://" + o.URL
	}
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%w: the URL of the API is http://IP:port or https://NAME", ErrOptions)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Timeout:       patience,
			Transport:     &http.Transport{MaxIdleConnsPerHost: idle, IdleConnTimeout: patience, TLSClientConfig: o.TLS},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Client{base: strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), token: o.Token, http: o.HTTP}, nil
}

// As is the client with another token, over the same connections.
func (c *Client) As(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// Over is the client over connections of its own, which dial makes. Whoever asks for it closes it.
func (c *Client) Over(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	own := &http.Transport{}
	if t, ok := c.http.Transport.(*http.Transport); ok {
		own = t.Clone()
	}
	own.DialContext = dial
	other, patient := *c, *c.http
	patient.Transport = own
	other.http = &patient
	return &other
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ask sends one request; in, when not nil, as JSON. It reads the answer as JSON into out, when not nil.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	text, err := c.send(ctx, method, path, in)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// send sends one request; in, when not nil, as JSON. It gives the body of an answer that says well.
func (c *Client) send(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("client: %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("client: %s %s: %w", method, path, err)
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err) // names method and URL
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: %s %s: read the answer: %w", method, path, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%w: longer than %d octets", ErrAnswer, maxAnswer)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, problemOf(resp.StatusCode, resp.Header, text)
	}
	return text, nil
}

// all asks for page after page of a list.
func all[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var items []T
	query := url.Values{"limit": {page}}
	for {
		var part struct {
			Items []T     `json:"items"`
			Next  *string `json:"next"`
		}
		if err := c.ask(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &part); err != nil {
			return nil, err
		}
		items = append(items, part.Items...)
		if part.Next == nil {
			return items, nil
		}
		if *part.Next == query.Get("cursor") {
			return nil, fmt.Errorf("%w: a list that does not end", ErrAnswer)
		}
		query.Set("cursor", *part.Next)
	}
}

// path joins escaped parts.
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}
