package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configReader walks the YAML tree itself instead of decoding into a struct, because a decoder stops at the first fault
// and an operator wants all of them, each with its key and line. Anchors, aliases and tags are not read: nothing in the
// configuration needs them and nothing can be expanded beyond the size of the file.
type configReader struct {
	problems []Problem
	lines    map[string]int // line of every key that stands in the file, by path
}

// section is one mapping of the file while its keys are taken.
type section struct {
	r     *configReader
	path  string
	keys  []string // in the order of the file
	nodes map[string]ast.Node
	known []string // keys that the configuration has here
}

// problem notes a fault at path.
func (r *configReader) problem(path, format string, args ...any) {
	r.problems = append(r.problems, Problem{Path: path, Line: r.lineOf(path), Text: fmt.Sprintf(format, args...)})
}

// faulty tells whether a problem is noted at path or below it.
func (r *configReader) faulty(path string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return strings.HasPrefix(p.Path, path) })
}

// lineOf finds the line of path, or of the nearest key above it that stands in the file.
func (r *configReader) lineOf(path string) int {
	for path != "" {
		if n, ok := r.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// inOrder gives the problems by line; those that are not in the file come last.
func (r *configReader) inOrder() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		switch {
		case a.Line == b.Line:
			return 0
		case a.Line == 0 || (b.Line != 0 && a.Line > b.Line):
			return 1
		default:
			return -1
		}
	})
	return r.problems
}

// root parses the text and gives its top mapping, nil when there is none.
func (r *configReader) root(text []byte) *section {
	r.lines = make(map[string]int)
	if len(text) > maxConfigOctets {
		r.problem("", "the file is larger than %d octets; make it smaller", maxConfigOctets)
		return nil
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.problems = append(r.problems, syntaxProblem(err))
		return nil
	}
	if len(file.Docs) > 1 {
		r.problem("", "the file holds %d documents; keep one", len(file.Docs))
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil
	}
	return r.mapping("", file.Docs[0].Body)
}

// syntaxProblem keeps the parser's own words and line, without the excerpt of the source that it prints.
func syntaxProblem(err error) Problem {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return Problem{Text: "not YAML: mend the syntax"}
	}
	line := 0
	if tk := ye.GetToken(); tk != nil && tk.Position != nil {
		line = tk.Position.Line
	}
	return Problem{Line: line, Text: "not YAML: " + ye.GetMessage() + "; mend the syntax"}
}

// mapping opens the mapping at path; nil when the node is empty (all defaults) or no mapping (a problem).
func (r *configReader) mapping(path string, node ast.Node) *section {
	s := &section{r: r, path: path, nodes: make(map[string]ast.Node)}
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.problem(path, "needs keys below it, not %s; write name: value pairs", kindOf(node))
		return nil
	}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.problem(path, "%s is no plain key; write the key as a plain word", kindOf(v.Key))
			continue
		}
		at := join(path, key.Value)
		if _, twice := s.nodes[key.Value]; twice {
			r.problems = append(r.problems, Problem{at, key.GetToken().Position.Line, "stands twice; remove one"})
			continue
		}
		r.lines[at] = key.GetToken().Position.Line
		s.keys = append(s.keys, key.Value)
		s.nodes[key.Value] = v.Value
	}
	return s
}

// take gives the node of key, nil when it is absent, and notes that the configuration knows the key.
func (s *section) take(key string) ast.Node {
	s.known = append(s.known, key)
	return s.nodes[key]
}

// done reports the keys that nobody took.
func (s *section) done() {
	for _, key := range s.keys {
		if slices.Contains(s.known, key) {
			continue
		}
		if near := nearest(key, s.known); near != "" {
			s.r.problem(join(s.path, key), "unknown key; did you mean %s?", near)
			continue
		}
		s.r.problem(join(s.path, key), "unknown key; known here: %s", strings.Join(s.known, ", "))
	}
}

// text reads a string.
func (s *section) text(key string, into *string) {
	node := s.take(key)
	if node == nil {
		return
	}
	switch n := node.(type) {
	case *ast.StringNode:
		*into = n.Value
	case *ast.LiteralNode:
		*into = n.Value.Value
	case *ast.IntegerNode:
		*into = n.GetToken().Value
	default:
		s.r.problem(join(s.path, key), "needs text, not %s; put it in quotes", kindOf(node))
	}
}

// number reads an integer between low and high.
func (s *section) number(key string, into *int, low, high int) {
	node := s.take(key)
	if node == nil {
		return
	}
	n, ok := integerOf(node)
	if !ok {
		s.r.problem(join(s.path, key), "needs a whole number, not %s; give one from %d to %d", kindOf(node), low, high)
		return
	}
	if n < int64(low) || n > int64(high) {
		s.r.problem(join(s.path, key), "%d is out of range; give a number from %d to %d", n, low, high)
		return
	}
	*into = int(n)
}

// boolean reads true or false.
func (s *section) boolean(key string, into *bool) {
	node := s.take(key)
	if node == nil {
		return
	}
	n, ok := node.(*ast.BoolNode)
	if !ok {
		s.r.problem(join(s.path, key), "needs true or false, not %s", kindOf(node))
		return
	}
	*into = n.Value
}

// duration reads a duration in Go's notation between low and high.
func (s *section) duration(key string, into *time.Duration, low, high time.Duration) {
	node := s.take(key)
	if node == nil {
		return
	}
	n, ok := node.(*ast.StringNode)
	var d time.Duration
	if ok {
		var err error
		d, err = time.ParseDuration(n.Value)
		ok = err == nil
	}
	switch {
	case !ok:
		s.r.problem(join(s.path, key), "needs a duration such as 30s, 5m or 1h, not %s", kindOf(node))
	case d < low || d > high:
		s.r.problem(join(s.path, key), "%s is out of range; give a duration from %s to %s",
			brief(d), brief(low), brief(high))
	default:
		*into = d
	}
}

// words reads a list of strings; with allowed given, each must be one of them, and none may stand twice.
func (s *section) words(key string, into *[]string, allowed []string) {
	node := s.take(key)
	if node == nil {
		return
	}
	path := join(s.path, key)
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		s.r.problem(path, "needs a list, not %s; write [one, two]", kindOf(node))
		return
	}
	list, good := make([]string, 0, len(seq.Values)), true
	for i, v := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		s.r.lines[at] = v.GetToken().Position.Line
		word, ok := v.(*ast.StringNode)
		before := len(s.r.problems)
		switch {
		case !ok:
			s.r.problem(at, "needs text, not %s; put it in quotes", kindOf(v))
		case allowed != nil && !slices.Contains(allowed, word.Value):
			s.r.problem(at, "%q is unknown; give one of %s", clip(word.Value), strings.Join(allowed, ", "))
		case slices.Contains(list, word.Value):
			s.r.problem(at, "%q stands twice; remove one", clip(word.Value))
		default:
			list = append(list, word.Value)
		}
		good = good && len(s.r.problems) == before
	}
	if good { // else the old value stays, so that one fault is not told twice
		*into = list
	}
}

// each calls fn for every mapping of a list and says whether the list stands in the file.
func (s *section) each(key string, fn func(*section)) bool {
	node := s.take(key)
	if node == nil {
		return false
	}
	path := join(s.path, key)
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		s.r.problem(path, "needs a list, not %s; write one item per line, each after a dash", kindOf(node))
		return false
	}
	for i, v := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		s.r.lines[at] = v.GetToken().Position.Line
		if _, empty := v.(*ast.NullNode); empty {
			s.r.problem(at, "is empty; write name: value pairs after the dash, or remove it")
		} else if item := s.r.mapping(at, v); item != nil {
			fn(item)
			item.done()
		}
	}
	return true
}

// below opens the section under key and calls fn when it holds anything.
func (s *section) below(key string, fn func(*section)) {
	node := s.take(key)
	if node == nil {
		return
	}
	if sub := s.r.mapping(join(s.path, key), node); sub != nil {
		fn(sub)
		sub.done()
	}
}
