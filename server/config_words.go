package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// join puts a key below a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// integerOf gives the value of an integer node.
func integerOf(node ast.Node) (int64, bool) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := n.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(min(v, 1<<62)), true //nolint:gosec // bounded by min
	default:
		return 0, false
	}
}

// kindOf names what stands in the file for whoever wrote it.
func kindOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return fmt.Sprintf("%q", clip(n.GetToken().Value))
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, alias or tag"
	default:
		return "this"
	}
}

// clip keeps an error to one readable line.
func clip(s string) string {
	const most = 60 // characters: enough to recognise a value by
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// brief writes a duration without the units that are zero: 1h, not 1h0m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// nearest finds the known word within two edits of a mistyped one, empty when there is none.
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(word, k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance. Words longer than any key of ours are not measured.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// FreePorts is a configuration that listens on any free port of loopback: for demonstrations and tests.
const FreePorts = `
sip:   {udp: "127.0.0.1:0", tcp: "127.0.0.1:0", tls: "127.0.0.1:0"}
media: {address: 127.0.0.1, ports: "0"}
admin: {listen: "127.0.0.1:0"}
`
