package bench

import (
	"bytes"
	_ "embed" // the templates
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed performance.md.tmpl
var markdownText string

//go:embed performance.svg.tmpl
var plotText string

// markdown is the report as docs/performance.md holds it; plot is the file beside it.
func (r *Report) markdown(plot string) ([]byte, error) {
	return render("performance.md", markdownText, struct {
		*Report
		Terms   terms
		Plot    string
		Compare []Row // with the floor
	}{r, theTerms(), plot, r.some(false)})
}

// some are the rows of the part about legs, or those of the other.
func (r *Report) some(scaling bool) []Row {
	var list []Row
	for _, row := range r.Rows {
		if row.Scaling == scaling {
			list = append(list, row)
		}
	}
	return list
}

func render(name, text string, data any) ([]byte, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"disturbed": func(r Row) string { return r.disturbed() },
		"ms":        func(d time.Duration) int64 { return d.Milliseconds() },
		"us":        func(d time.Duration) int64 { return d.Microseconds() },
		"seconds":   func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', -1, 64) + " s" },
		"mul":       func(a float64, n int) float64 { return a * float64(n) },
		"other":     func(r Row) float64 { return r.other() },
		"stage": func(r Row, name string) string {
			if us, ok := r.Stages[name]; ok {
				return fmt.Sprintf("%.1f", us)
			}
			return "–"
		},
		"ladder":  ladder,
		"oftener": oftener,
		"pauses": func(p Pauses) string {
			if p.Count == 0 {
				return "none"
			}
			return fmt.Sprintf("%.0f, %.2f / %.2f", p.Count, p.P99, p.Most)
		},
		"stages":  func() []string { return stages },
		"verdict": func(t Target) string { return t.verdict() },
		"coding":  coding,
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return b.Bytes(), nil
}

// rungs are the rows that were measured in turns.
type rungs struct {
	Legs  string
	Turns int
}

// ladder describes the rows that were measured in turns; nil where there are none.
func ladder(rows []Row) *rungs {
	var legs []string
	l := &rungs{}
	for _, r := range rows {
		if r.Turns > 1 {
			legs = append(legs, strconv.Itoa(r.Legs))
			l.Turns = r.Turns
		}
	}
	if len(legs) == 0 {
		return nil
	}
	l.Legs = strings.Join(legs, ", ")
	return l
}

// oftener says how much more often garbage is collected in the row whose server is told so; "" where that, or another, was not measured.
func oftener(rows []Row) string {
	var own, often float64
	for _, r := range rows {
		if slices.Contains(r.Env, manyCollections) {
			often = r.GOGC
		} else {
			own = r.GOGC
		}
	}
	if own == 0 || often == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f times as often as by itself (GOGC=%.0f instead of %.0f)", own/often, often, own)
}

// coding are times by codec, in one go and at the pace of a call.
func coding(hot, paced map[string]float64) string {
	var list []string
	for _, name := range []string{"opus", "pcmu", "pcma"} {
		if us, ok := hot[name]; ok {
			list = append(list, fmt.Sprintf("%s %.2f / %.2f", codecName(name), us, paced[name]))
		}
	}
	return strings.Join(list, ", ")
}
