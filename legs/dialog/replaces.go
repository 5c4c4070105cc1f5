package dialog

import (
	"fmt"
	"strings"
)

// Replaces names a dialog that a new call takes the place of (RFC 3891): ToTag is the tag of whoever receives it, FromTag that of its
// peer. EarlyOnly: only if that call was not answered yet.
type Replaces struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// TargetDialog names a dialog that whoever sends a request outside of it knows of (RFC 4538), as its receiver sees it.
type TargetDialog struct{ CallID, LocalTag, RemoteTag string }

// ParseReplaces reads the value of a Replaces field (RFC 3891 section 6.1). That a request has one such field is the caller's to check.
func ParseReplaces(value string) (Replaces, error) {
	callID, params, err := parseDialogName(value)
	if err != nil {
		return Replaces{}, err
	}
	r := Replaces{CallID: callID}
	for _, p := range params {
		switch p.Name {
		case "to-tag":
			err = onceToken(&r.ToTag, p.Value)
		case "from-tag":
			err = onceToken(&r.FromTag, p.Value)
		case "early-only":
			if r.EarlyOnly || p.Value != "" {
				err = fmt.Errorf("%w: early-only", ErrMalformed)
			}
			r.EarlyOnly = true
		}
		if err != nil {
			return Replaces{}, err
		}
	}
	if r.ToTag == "" || r.FromTag == "" {
		return Replaces{}, fmt.Errorf("%w: Replaces without tags", ErrMalformed)
	}
	return r, nil
}

// ParseTargetDialog reads the value of a Target-Dialog field (RFC 4538 section 7). One without both tags is malformed, and to be ignored.
func ParseTargetDialog(value string) (TargetDialog, error) {
	callID, params, err := parseDialogName(value)
	if err != nil {
		return TargetDialog{}, err
	}
	t := TargetDialog{CallID: callID}
	for _, p := range params {
		switch p.Name {
		case "local-tag":
			err = onceToken(&t.LocalTag, p.Value)
		case "remote-tag":
			err = onceToken(&t.RemoteTag, p.Value)
		}
		if err != nil {
			return TargetDialog{}, err
		}
	}
	if t.LocalTag == "" || t.RemoteTag == "" {
		return TargetDialog{}, fmt.Errorf("%w: Target-Dialog without tags", ErrMalformed)
	}
	return t, nil
}

// DialogID is the ID of the dialog on this endpoint that r names, for Endpoint.Dialog.
func (r Replaces) DialogID() string { return dialogID(r.CallID, r.ToTag, r.FromTag) }

// DialogID is the ID of the dialog on this endpoint that t names, for Endpoint.Dialog.
func (t TargetDialog) DialogID() string { return dialogID(t.CallID, t.LocalTag, t.RemoteTag) }

// String is the value of the field.
func (r Replaces) String() string {
	s := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// String is the value of the field.
func (t TargetDialog) String() string {
	return t.CallID + ";local-tag=" + t.LocalTag + ";remote-tag=" + t.RemoteTag
}

// parseDialogName reads callid *(SEMI generic-param), names in lower case.
func parseDialogName(value string) (callID string, params []HeaderField, err error) {
	parts := splitQuoted(value, ';')
	callID = strings.Trim(parts[0], " \t")
	if !isCallID(callID) {
		return "", nil, fmt.Errorf("%w: Call-ID of a dialog", ErrMalformed)
	}
	params, err = parseParams(parts[1:])
	return callID, params, err
}

// parseParams reads generic-params (RFC 3261 section 25.1), names in lower case; a quoted value comes without its quotes.
func parseParams(parts []string) (params []HeaderField, err error) {
	for _, p := range parts {
		name, value, valued := strings.Cut(p, "=")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		if !isToken(name) || valued && value == "" {
			return nil, fmt.Errorf("%w: parameter", ErrMalformed)
		}
		if strings.HasPrefix(value, `"`) {
			text, rest, ok := cutQuoted(value)
			if !ok || rest != "" {
				return nil, fmt.Errorf("%w: quoted parameter", ErrMalformed)
			}
			value = text
		}
		params = append(params, HeaderField{Name: strings.ToLower(name), Value: value})
	}
	return params, nil
}

// onceToken sets a parameter that may stand once and is a token.
func onceToken(field *string, value string) error {
	if *field != "" || !isToken(value) {
		return fmt.Errorf("%w: tag", ErrMalformed)
	}
	*field = value
	return nil
}

// isCallID is RFC 3261's callid, word [ "@" word ], without the quotes and angle brackets that a word may hold too: nobody makes such
// Call-IDs, and what stands between them would have to be told from what delimits.
func isCallID(s string) bool {
	local, host, at := strings.Cut(s, "@")
	return isWord(local) && (!at || isWord(host))
}

func isWord(s string) bool {
	for i := range len(s) {
		if !alnum(s[i]) && strings.IndexByte("-.!%*_+`'~():\\/[]?{}", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
