package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What an answer of the API means, by its status. Errors match them with errors.Is.
var (
	// ErrToken says that the token is missing, wrong or throttled (401, 403, 429).
	ErrToken = errors.New("client: not authorised")
	// ErrNotFound says that there is no such room, seat or account (404).
	ErrNotFound = errors.New("client: not found")
	// ErrExists says that a room or an account has the name already (409).
	ErrExists = errors.New("client: name is taken")
	// ErrInvalid says that the API does not allow what was sent (400, 413, 415, 422).
	ErrInvalid = errors.New("client: request not allowed")
	// ErrBusy says that the server cannot do it now (503, 504).
	ErrBusy = errors.New("client: server not available")
	// ErrAnswer says that what came back is no answer of this API.
	ErrAnswer = errors.New("client: not an answer of the admin API")
)

// Problem is a refusal of the API, RFC 9457.
type Problem struct {
	Status int      `json:"status"`
	Title  string   `json:"title"`
	Detail string   `json:"detail"`
	Errors []Detail `json:"errors"`
	// RetryAfter is how long the server asks to be left alone (RFC 9110 section 10.2.3); 0 where it does not say.
	RetryAfter time.Duration `json:"-"`
}

// Detail is one fault of a request.
type Detail struct {
	Message  string `json:"message"`
	Location string `json:"location"`
}

// Error gives the detail with the faults that the API found.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "admin API: %d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "; %s: %s", e.Location, e.Message)
	}
	return b.String()
}

// Unwrap gives the sentinel of the status.
func (p *Problem) Unwrap() error {
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return ErrToken
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrExists
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return ErrInvalid
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrBusy
	default:
		return nil
	}
}

// problemOf reads the refusal; an answer that is none still tells its status.
func problemOf(status int, header http.Header, body []byte) error {
	p := &Problem{RetryAfter: retryAfter(header.Get("Retry-After"), time.Now())}
	if !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, p) != nil {
		return fmt.Errorf("%w: status %d; check the address", ErrAnswer, status)
	}
	p.Status = status
	return p
}

// retryAfter reads the field of that name, which is a number of seconds or the date at which they are over; 0 when it is neither, or over.
func retryAfter(field string, now time.Time) time.Duration {
	const bits = 31 // of the seconds: a Duration holds as many, and a greater number counts as this one
	if n, err := strconv.ParseUint(field, 10, bits); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
