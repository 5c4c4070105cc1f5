package gate

import (
	"strings"

	"github.com/conclave/conclave/keying"
)

// missing says in words why key management was refused and, where it is the policy that wants another, what it takes.
func missing(policy *keying.Policy, reason keying.Reason) string {
	var takes []string
	switch reason {
	case keying.ReasonMethodRefused, keying.ReasonForwardSecrecy:
		takes = allowed(policy.Methods, policy.AllowsMethod)
	case keying.ReasonNoCommonSuite:
		takes = allowed(policy.Suites, policy.AllowsSuite)
	case keying.ReasonNoCommonGroup:
		takes = allowed(keying.Groups(), policy.AllowsGroup)
	}
	words := keying.Words(reason)
	if len(takes) > 0 {
		words += "; allowed: " + strings.Join(takes, ", ")
	}
	return words
}

// allowed are the names that a policy takes.
func allowed[T ~string](list []T, takes func(T) bool) []string {
	var names []string
	for _, name := range list {
		if takes(name) {
			names = append(names, string(name))
		}
	}
	return names
}
