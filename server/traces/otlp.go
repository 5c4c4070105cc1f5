package traces

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// The part of OTLP's messages that we make, in its JSON encoding: ids in hex, 64-bit numbers as strings, enumerations as numbers.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		ParentID   string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
		Status     *status     `json:"status,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String string `json:"stringValue,omitempty"`
		Int    string `json:"intValue,omitempty"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
)

// Numbers of OTLP.
const (
	kindInternal = 1
	kindServer   = 2
	codeError    = 2
)

// encode writes a batch.
func (e *Exporter) encode(batch []*Setup) ([]byte, error) {
	var spans []span
	for _, s := range batch {
		spans = append(spans, s.spans()...)
	}
	return json.Marshal(request{[]resourceSpans{{
		Resource:   resource{[]attribute{text("service.name", "conclave"), text("service.instance.id", e.cfg.Instance)}},
		ScopeSpans: []scopeSpans{{scope{"conclave/server"}, spans}},
	}}})
}

// spans are that of the set-up and those of its steps below it.
func (s *Setup) spans() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	trace, root := hex.EncodeToString(s.trace[:]), newID()
	whole := span{
		TraceID: trace, SpanID: root, Name: "INVITE", Kind: kindServer, Start: nanos(s.begun), End: nanos(s.ended),
		Attributes: []attribute{{"sip.status", value{Int: strconv.Itoa(s.status)}}},
	}
	for key, v := range s.attrs {
		whole.Attributes = append(whole.Attributes, text(key, v))
	}
	slices.SortFunc(whole.Attributes[1:], func(a, b attribute) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	if s.failed != "" {
		whole.Status = &status{codeError, s.failed}
	}
	list := []span{whole}
	for i, st := range s.steps {
		end := s.ended
		if i+1 < len(s.steps) {
			end = s.steps[i+1].begun
		}
		list = append(list, span{TraceID: trace, SpanID: newID(), ParentID: root, Name: st.name, Kind: kindInternal, Start: nanos(st.begun), End: nanos(end)})
	}
	list[len(list)-1].Status = whole.Status // the step that it failed in
	return list
}

func newID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	return hex.EncodeToString(id[:])
}

func text(key, v string) attribute { return attribute{key, value{String: v}} }

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
