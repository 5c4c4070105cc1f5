package loadtest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
)

// maker makes requests out of the description: valid ones, and ones with something wrong in them.
type maker struct {
	*rand.Rand

	desc  *apiDescription
	known map[string][]string // values that mean something, by the name of the parameter or the property
}

// hostile strings are what a name, a text or an identifier should not be.
var hostile = []string{
	"", " ", "\x00", "a\x00b", "a\r\nX-Evil: 1", "\x1b[31mred\x1b[0m", "\u009b31m", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	"../../etc/passwd", "..", ".", "/", "%2e%2e%2f", `..\..\x`, "\u202egnp.exe", "\u2066a\u2069", "\ufeffbom", "\ufffe", "a\u0301", "\u2028", "${jndi:ldap://x}",
	"{{7*7}}", "' OR 1=1 --", "%s%n%d", "true", "null", "-1", "1e999", "NaN", "9223372036854775808", strings.Repeat("a", 300), strings.Repeat("\U0001f600", 70), "sip:", "sip:<b>@127.0.0.1",
	"sip:a@127.0.0.1;transport=udp;x=y", "sips:%00@127.0.0.1", "tel:+491", "data: x\n\nevent: forged", "W/\"x\"", "*", "demo;x", "a?b=c#d", "alice", "hall", "é",
}

func pick[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }

// valid makes a value of a schema; name is that of the property.
func (m *maker) valid(name string, s *apiSchema) any {
	s = m.desc.of(s)
	if some := m.known[name]; len(some) > 0 && m.IntN(4) > 0 {
		return pick(m, some)
	}
	if len(s.Enum) > 0 {
		return pick(m, s.Enum)
	}
	kind := ""
	if len(s.Type) > 0 {
		kind = s.Type[0]
	}
	switch kind {
	case "boolean":
		return m.IntN(2) == 0
	case "integer", "number":
		low, high := 0.0, 1000.0
		if s.Minimum != nil {
			low = *s.Minimum
		}
		if s.Maximum != nil {
			high = *s.Maximum
		}
		return pick(m, []float64{low, high, low + float64(m.IntN(int(min(high-low, 100))+1))})
	case "array":
		list := make([]any, m.IntN(3))
		for i := range list {
			list[i] = m.valid(name, s.Items)
		}
		return list
	case "object":
		return m.object(s)
	}
	return m.text(s)
}

// object has what it must have, and by chance the rest.
func (m *maker) object(s *apiSchema) map[string]any {
	o := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) || m.IntN(2) == 0 {
			o[name] = m.valid(name, s.Properties[name])
		}
	}
	return o
}

// text makes a string of the pattern and the length.
func (m *maker) text(s *apiSchema) string {
	text := "text"
	if s.Pattern != "" {
		tree, err := syntax.Parse(s.Pattern, syntax.Perl)
		if err != nil {
			return s.Pattern
		}
		text = m.matching(tree.Simplify())
	}
	if s.MinLength != nil {
		text += strings.Repeat("x", max(0, *s.MinLength-len(text)))
	}
	return text
}

// matching makes a text that an expression matches.
func (m *maker) matching(e *syntax.Regexp) string {
	var b strings.Builder
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		i := 2 * m.IntN(len(e.Rune)/2)
		return string(e.Rune[i] + rune(m.IntN(int(e.Rune[i+1]-e.Rune[i])+1)))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range e.Sub {
			b.WriteString(m.matching(sub))
		}
	case syntax.OpAlternate:
		return m.matching(pick(m, e.Sub))
	case syntax.OpQuest, syntax.OpStar, syntax.OpPlus:
		if e.Op == syntax.OpPlus || m.IntN(2) == 0 {
			return m.matching(e.Sub[0])
		}
	}
	return b.String()
}

// spoilt makes a value that is not of the schema, or hostile though it is.
func (m *maker) spoilt(name string, s *apiSchema) any {
	s = m.desc.of(s)
	var all []any
	for _, kind := range []any{nil, true, 7.5, "seven", []any{1.0}, map[string]any{"a": 1.0}, -1.0, 1e300} {
		if !slices.Contains(s.Type, typeOf(kind)) {
			all = append(all, kind)
		}
	}
	if s.Minimum != nil {
		all = append(all, *s.Minimum-1)
	}
	if s.Maximum != nil {
		all = append(all, *s.Maximum+1)
	}
	if s.MaxLength != nil {
		all = append(all, strings.Repeat("a", *s.MaxLength+1))
	}
	if s.MaxItems != nil && s.Items != nil {
		all = append(all, slices.Repeat([]any{m.valid(name, s.Items)}, *s.MaxItems+1))
	}
	if slices.Contains(s.Type, "array") && s.Items != nil {
		all = append(all, []any{m.spoilt(name, s.Items)})
	}
	if len(s.Properties) > 0 {
		o := m.object(s)
		inner := pick(m, slices.Sorted(maps.Keys(s.Properties)))
		o[inner] = m.spoilt(inner, s.Properties[inner])
		all = append(all, o)
	}
	if slices.Contains(s.Type, "string") && m.IntN(2) == 0 {
		return pick(m, hostile)
	}
	return pick(m, all)
}

// bodies are the ways to make a body, by what is wrong with it.
var bodies = map[string]func(m *maker, s *apiSchema) string{
	"valid":   func(m *maker, s *apiSchema) string { return written(m.object(s)) },
	"one bad": func(m *maker, s *apiSchema) string { return written(m.with(s, m.spoilt)) },
	"none":    func(*maker, *apiSchema) string { return "" },
	"empty":   func(*maker, *apiSchema) string { return "{}" },
	"null":    func(*maker, *apiSchema) string { return "null" },
	"list":    func(m *maker, s *apiSchema) string { return written([]any{m.object(s)}) },
	"text":    func(*maker, *apiSchema) string { return `"text"` },
	"cut":     func(m *maker, s *apiSchema) string { text := written(m.object(s)); return text[:len(text)-1] },
	"two":     func(m *maker, s *apiSchema) string { return written(m.object(s)) + written(m.object(s)) },
	"rubbish": func(*maker, *apiSchema) string { return "\xff\xfe\x00<xml/>" },
	"deep":    func(*maker, *apiSchema) string { return strings.Repeat(`{"name":`, 2000) },
	"large":   func(m *maker, s *apiSchema) string { return strings.Repeat(" ", 20<<10) + written(m.object(s)) },
	"surplus": func(m *maker, s *apiSchema) string { o := m.object(s); o["role\u202e<b>"] = "admin"; return written(o) },
	"missing": func(m *maker, s *apiSchema) string {
		o := m.object(s)
		maps.DeleteFunc(o, func(k string, _ any) bool { return slices.Contains(s.Required, k) })
		return written(o)
	},
	"twice": func(m *maker, s *apiSchema) string {
		return strings.Replace(written(m.object(s)), "{", `{"name":"a","name":"b",`, 1)
	},
	"not utf8": func(m *maker, s *apiSchema) string {
		return written(m.with(s, func(string, *apiSchema) any { return "\xa7\xff" }))
	},
	"half": func(m *maker, s *apiSchema) string {
		return strings.Replace(written(m.with(s, func(string, *apiSchema) any { return "HALF" })), "HALF", `\ud800`, 1)
	},
	"huge": func(m *maker, s *apiSchema) string {
		return strings.Replace(written(m.with(s, func(string, *apiSchema) any { return "HUGE" })), `"HUGE"`, "1e999", 1)
	},
}

// with is an object in which one property is what the function makes.
func (m *maker) with(s *apiSchema, made func(string, *apiSchema) any) map[string]any {
	o := m.object(s)
	name := pick(m, slices.Sorted(maps.Keys(s.Properties)))
	o[name] = made(name, s.Properties[name])
	return o
}

// written is JSON; what is no UTF-8 stays as it is.
func written(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.ReplaceAll(string(text), `\ufffd`, "\xff")
}
