package legs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/legs/dialog"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/legs/offer"
)

// Reject is a refusal of a call or of an offer: what the peer is told, and what our log is told.
type Reject struct {
	Status  int                  // SIP status code
	Warning string               // value of the Warning header, "" for none (RFC 3261 section 20.43)
	Body    []byte               // SDP that carries a MIKEY error message, nil for none
	Header  []dialog.HeaderField // further fields
	Retry   int                  // Retry-After in seconds, 0 for none
	Reason  string               // one of a closed set, for metrics
	Err     error                // the cause, for logs; never sent
}

// Error says the status and the cause.
func (r *Reject) Error() string {
	return fmt.Sprintf("refused with %d (%s): %v", r.Status, r.Reason, r.Err)
}

// Unwrap gives the cause.
func (r *Reject) Unwrap() error { return r.Err }

// Response is the refusal as the dialog sends it.
func (r *Reject) Response() dialog.Response {
	resp := dialog.Response{Status: r.Status, Header: slices.Clone(r.Header)}
	if r.Warning != "" {
		resp.Header = append(resp.Header, dialog.HeaderField{Name: "Warning", Value: r.Warning})
	}
	if r.Retry > 0 {
		resp.Header = append(resp.Header, dialog.HeaderField{Name: "Retry-After", Value: fmt.Sprint(r.Retry)})
	}
	if len(r.Body) > 0 {
		resp.ContentType, resp.Body = offer.ContentType, r.Body
	}
	return resp
}

// reject makes a Reject of any error of a negotiation; d is the offer refused, nil when there was none that parsed.
func (l *Leg) reject(err error, d *offer.Description) *Reject {
	var r *Reject
	if errors.As(err, &r) {
		return r
	}
	if errors.Is(err, keying.ErrBusy) || errors.Is(err, context.DeadlineExceeded) {
		return &Reject{Status: 503, Retry: busyRetry, Reason: "busy", Err: err}
	}
	if errors.Is(err, keying.ErrFull) { // no fault of the peer's: entries expire
		return &Reject{Status: 503, Retry: fullRetry, Reason: keying.ReasonReplayCacheFull, Err: err}
	}
	r = &Reject{Status: 488, Reason: "bad_offer", Err: err}
	code, words := offer.Warning(err)
	if errors.Is(err, dialog.ErrTooLarge) { // ours
		r.Reason, code, words = "too_large", 399, "the answer is too large for a datagram: use TCP or TLS"
	}
	if errors.Is(err, media.ErrFamily) {
		code, words = 301, "no media address of this family"
	}
	var k *keying.Error
	if errors.As(err, &k) {
		r.Reason, code, words = k.Reason, 306, "key management: "+keying.Words(k.Reason)
		if d != nil && k.Message != nil {
			if body, err := offer.Refusal(d, l.local.Addr.Addr(), k.Message); err == nil {
				r.Body = body
			}
		}
	}
	r.Warning = fmt.Sprintf("%d %s %q", code, l.line.Domain, words)
	return r
}

// Refused is a final response other than 2xx to a call of ours.
type Refused struct {
	Status  int
	Reason  string // reason phrase
	Warning string // Warning header, "" for none
	// Hint is what a MIKEY error message in its body says, nil without one. Nobody authenticates it: it is for people, and for
	// the choice of what to offer next.
	Hint *keying.Hint
}

// Error says what the peer answered.
func (r *Refused) Error() string {
	if r.Warning != "" {
		return fmt.Sprintf("refused: %d %s (%s)", r.Status, r.Reason, r.Warning)
	}
	return fmt.Sprintf("refused: %d %s", r.Status, r.Reason)
}

func refused(resp *dialog.Response) *Refused {
	r := &Refused{Status: resp.Status, Reason: resp.Reason}
	if warnings := resp.Values("Warning"); len(warnings) > 0 {
		r.Warning = warnings[0]
	}
	return r
}

// hint reads the MIKEY error message of a 488 about an offer of ours (RFC 4567 section 4.1.2), wherever in the body it stands.
func (r *Refused) hint(body []byte, csbID uint32) {
	if r.Status != 488 || len(body) == 0 {
		return
	}
	d, err := offer.Parse(body)
	if err != nil {
		return
	}
	attributes := d.KeyMgmt
	for i := range d.Media {
		attributes = append(attributes, d.Media[i].KeyMgmt...)
	}
	for _, k := range attributes {
		if h, ok := keying.ReadHint(k.Data, csbID); ok {
			r.Hint = &h
			return
		}
	}
}

// retryAfter is the time that a refusal asks to wait, 0 where it does not say. Comments and parameters (RFC 3261 section 20.33) are
// passed over.
func retryAfter(resp *dialog.Response) time.Duration {
	for _, v := range resp.Values("Retry-After") {
		digits := strings.TrimSpace(v)
		if i := strings.IndexAny(digits, " ;("); i >= 0 {
			digits = digits[:i]
		}
		if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
			return time.Duration(n) * time.Second //nolint:gosec // 16 bits
		}
	}
	return 0
}
