package command

import (
	"errors"
	"strings"
	"testing"

	"github.com/conclave/conclave/admin/client"
)

// TestDrain: a server is emptied and taken back; one that has no call is empty at once.
func TestDrain(t *testing.T) {
	data := serving(t)
	for _, step := range []struct{ flag, state string }{{"", "draining"}, {"--wait", "draining"}, {"--end", "ready"}, {"--wait", "draining"}} {
		out, err := conclave(t, append([]string{"drain", "--data", data}, strings.Fields(step.flag)...)...)
		if err != nil || !strings.Contains(out, `"state":"`+step.state+`"`) || !strings.Contains(out, `"calls":0`) {
			t.Errorf("drain %s: %s, %v", step.flag, out, err)
		}
	}
}

// TestDrained: whoever waits is told by the events alone when no call is left, and when that will not be.
func TestDrained(t *testing.T) {
	const left, empty, over, lost = `{"type":"node.draining","data":{"draining":true,"calls":2}}`, `{"type":"node.draining","data":{"draining":true,"calls":0,"away":0}}`,
		`{"type":"node.draining","data":{"draining":false,"calls":2}}`, `{"type":"node.draining","data":{"draining":true,"calls":0,"away":1}}`
	for name, test := range map[string]struct {
		events []string
		want   error
	}{
		"the last call is over":     {[]string{left, `{"type":"seat.left","data":{"draining":false}}`, empty}, nil},
		"one may come back yet":     {[]string{lost}, client.ErrAnswer},
		"he does not":               {[]string{lost, empty}, nil},
		"somebody takes it back":    {[]string{left, over, empty}, errTakenBack},
		"the server goes meanwhile": {[]string{left, `{"type":"node`}, client.ErrAnswer},
	} {
		var stream strings.Builder
		for _, e := range test.events {
			stream.WriteString(": comment\nid: 1\nevent: any\ndata: " + e + "\n\n")
		}
		if err := drained(strings.NewReader(stream.String())); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
