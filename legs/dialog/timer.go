package dialog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SessionTimer is what a message says of session timers (RFC 4028). Whether the times are long enough is for its reader to judge.
type SessionTimer struct {
	Interval  time.Duration // Session-Expires; 0: none
	Refresher string        // "uac", "uas", or "" when that is left open
	MinSE     time.Duration // 0: none stated
	Supported bool          // the option tag timer in Supported, or in Require
}

// fielded is a Request or a Response.
type fielded interface {
	fieldValues(name string) []string
}

func (r *Request) fieldValues(name string) []string  { return r.Header(name) }
func (r *Response) fieldValues(name string) []string { return r.Values(name) }

// ParseSessionTimer reads the fields of RFC 4028 of a Request or a Response.
func ParseSessionTimer(m fielded) (SessionTimer, error) {
	s := SessionTimer{Supported: lists(m.fieldValues("supported"), "timer") || lists(m.fieldValues("require"), "timer")}
	var params []HeaderField
	var err error
	if s.Interval, params, err = parseSeconds(m.fieldValues("session-expires")); err != nil {
		return SessionTimer{}, err
	}
	for _, p := range params {
		if p.Name != "refresher" {
			continue
		}
		role := strings.ToLower(p.Value)
		if s.Refresher != "" || role != "uac" && role != "uas" {
			return SessionTimer{}, fmt.Errorf("%w: refresher", ErrMalformed)
		}
		s.Refresher = role
	}
	if s.MinSE, _, err = parseSeconds(m.fieldValues("min-se")); err != nil {
		return SessionTimer{}, err
	}
	return s, nil
}

// parseSeconds reads delta-seconds *(SEMI generic-param) of a field that stands once or not at all.
func parseSeconds(values []string) (time.Duration, []HeaderField, error) {
	if len(values) == 0 {
		return 0, nil, nil
	}
	parts := splitQuoted(values[0], ';')
	n, err := strconv.ParseUint(strings.Trim(parts[0], " \t"), 10, 32)
	if err != nil || len(values) > 1 {
		return 0, nil, fmt.Errorf("%w: seconds", ErrMalformed)
	}
	params, err := parseParams(parts[1:])
	return time.Duration(n) * time.Second, params, err
}

// lists tells whether an option tag stands in a list of them.
func lists(values []string, option string) bool {
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(tag, " \t"), option) {
				return true
			}
		}
	}
	return false
}

// Supports tells whether the sender of the request has an extension (RFC 3261 section 20.37).
func (r *Request) Supports(option string) bool { return lists(r.Header("supported"), option) }

// Requires tells whether the sender of the request insists on an extension (RFC 3261 section 20.32).
func (r *Request) Requires(option string) bool { return lists(r.Header("require"), option) }
