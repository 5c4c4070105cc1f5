package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/conclave/conclave/admin"
	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/server"
)

// exported is every metric of a server: by its name, and of each label the values.
type exported map[string]map[string][]string

var (
	labelOf = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	tokenOf = regexp.MustCompile(`"[^"]*"|[a-zA-Z_:][a-zA-Z0-9_:]*|=~|!~|!=|\S`)
	partOf  = regexp.MustCompile(`_(bucket|count|sum)$`)
	nameOf  = regexp.MustCompile(`^[a-zA-Z_:]`)
)

func (e exported) add(all map[string]float64) {
	for series := range all {
		name, labels, _ := strings.Cut(series, "{")
		if e[name] == nil {
			e[name] = map[string][]string{"job": nil, "instance": nil} // Prometheus adds them
		}
		for _, l := range labelOf.FindAllStringSubmatch(labels, -1) {
			e[name][l[1]] = append(e[name][l[1]], l[2])
		}
	}
}

// scraped gathers the metrics of a server in this process until it has seen a call that stands.
func scraped(t *testing.T) exported {
	t.Helper()
	cfg, err := server.ReadConfig("test", []byte(server.FreePorts), server.DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	n, err := admin.Start(context.Background(), cfg, filepath.Join(t.TempDir(), "data"), true, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}()
	ready, err := n.Server.WriteReady(n.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	api, _, err := client.Open(ready.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	call := loadtest.CallCommand{
		URI: ready.Room("hall"), As: filepath.Join(ready.Data, "alice.json"), Keying: []string{"mikey-dh"}, Codec: "opus", Play: "tone:440",
		Duration: time.Second,
	}
	called := make(chan error, 1)
	go func() { called <- call.Run(t.Context(), io.Discard, slog.New(slog.DiscardHandler)) }()
	all := make(exported)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := api.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all.add(m)
		select {
		case <-tick.C:
		case err := <-called:
			if err != nil || all["conclave_legs"] == nil {
				t.Fatalf("no call was seen: %v", err)
			}
			return all
		}
	}
}

// query is what one expression asks for.
type query struct {
	name     string
	matchers [][3]string // label, operator, value
}

// queriesOf takes an expression of PromQL apart as far as names go: what it selects, and the labels that it groups by.
func queriesOf(expr string) (selects []query, groups []string) {
	token := tokenOf.FindAllString(expr, -1)
	at := func(i int) string {
		if i < len(token) {
			return token[i]
		}
		return ""
	}
	for i := 0; i < len(token); i++ {
		switch word := token[i]; {
		case word == "[": // a range
			for at(i) != "]" && i < len(token) {
				i++
			}
		case slices.Contains([]string{"by", "without", "on", "ignoring", "group_left", "group_right"}, word):
			for i++; at(i) != ")" && i < len(token); i++ {
				if nameOf.MatchString(at(i)) {
					groups = append(groups, at(i))
				}
			}
		case slices.Contains([]string{"and", "or", "unless", "bool"}, word), !nameOf.MatchString(word),
			slices.Contains([]string{"(", "by", "without"}, at(i+1)): // a function, or an aggregation
		default:
			q := query{name: word}
			if at(i+1) == "{" {
				for i += 2; at(i) != "}" && i < len(token); i++ {
					if nameOf.MatchString(at(i)) {
						q.matchers = append(q.matchers, [3]string{at(i), at(i + 1), strings.Trim(at(i+2), `"`)})
						i += 2
					}
				}
			}
			selects = append(selects, q)
		}
	}
	return selects, groups
}

// check says what an expression asks for that no server exports.
func (e exported) check(expr string) (missing []string) {
	selects, groups := queriesOf(expr)
	known := []string{"job", "instance"}
	for _, q := range selects {
		labels := e[q.name]
		if q.name == "up" { // Prometheus makes it
			continue
		}
		if labels == nil {
			missing = append(missing, q.name)
			continue
		}
		for label := range labels {
			known = append(known, label)
		}
		for _, m := range q.matchers {
			values, there := labels[m[0]]
			if !there {
				missing = append(missing, q.name+"{"+m[0]+"}")
				continue
			}
			for value := range strings.SplitSeq(m[2], "|") {
				if m[0] != "job" && m[0] != "instance" && !slices.Contains(values, value) {
					missing = append(missing, q.name+"{"+m[0]+"="+value+"}")
				}
			}
		}
	}
	for _, g := range groups {
		if !slices.Contains(known, g) {
			missing = append(missing, "by "+g)
		}
	}
	if len(selects) == 0 {
		missing = append(missing, "anything at all")
	}
	return missing
}

// TestQueriesOf: the test below would miss what this does not find.
func TestQueriesOf(t *testing.T) {
	e := exported{}
	e.add(map[string]float64{`a_total{x="1",y="a b"}`: 1, `b_bucket{le="0.1",x="1"}`: 1, "c": 1})
	for expr, want := range map[string]string{
		`sum by (x) (rate(a_total{x="1"}[$__rate_interval])) > 0`:                           "",
		`histogram_quantile(0.99, sum by (le, x) (rate(b_bucket{job=~"$job",x=~"1"}[5m])))`: "",
		`c / (c + sum without (y) (a_total{y="a b"})) or up{job="x"} == 0`:                  "",
		`rate(d_total[5m])`:                 "d_total",
		`c + d`:                             "d",
		`a_total{z="1"}`:                    "a_total{z}",
		`a_total{x=~"1|2"}`:                 "a_total{x=2}",
		`sum by (z) (a_total)`:              "by z",
		`1 > 0`:                             "anything at all",
		`c and on (instance) e{job="$job"}`: "e",
	} {
		if got := strings.Join(e.check(expr), " "); got != want {
			t.Errorf("%s lacks %q, want %q", expr, got, want)
		}
	}
}

// TestDashboardAndAlerts holds what people look at to what is there to be seen.
func TestDashboardAndAlerts(t *testing.T) {
	all := scraped(t)
	shown := ""
	for _, p := range dashboard(t) {
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d: no title, no query, or no place: %+v", p.ID, p)
		}
		for _, target := range p.Targets {
			shown += target.Expr + "\n"
			if missing := all.check(target.Expr); len(missing) > 0 {
				t.Errorf("panel %q: no server exports %q: %s", p.Title, missing, target.Expr)
			}
		}
	}
	for name := range all {
		if name = partOf.ReplaceAllString(name, ""); strings.HasPrefix(name, "conclave_") && !strings.Contains(shown, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
	names := map[string]bool{}
	for _, a := range alerts(t) {
		if missing := all.check(a.Expr); len(missing) > 0 {
			t.Errorf("alert %s: no server exports %q: %s", a.Alert, missing, a.Expr)
		}
		if names[a.Alert] || !strings.HasPrefix(a.Alert, "Conclave") {
			t.Errorf("alert %q: the name is taken, or not ours", a.Alert)
		}
		names[a.Alert] = true
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("alert %s: severity %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("alert %s says nothing", a.Alert)
		}
	}
}

// panel is what the test needs of one.
type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr string }
}

// dashboard reads the panels, and holds that each has an ID of its own and none lies over another.
func dashboard(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "grafana", "conclave.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []panel }
	if err := json.Unmarshal(text, &d); err != nil || len(d.Panels) < 20 {
		t.Fatalf("%d panels, %v", len(d.Panels), err)
	}
	for i, p := range d.Panels {
		for _, q := range d.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if p.ID == q.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q have one ID, or one place", p.Title, q.Title)
			}
		}
	}
	return d.Panels
}

// alert is one rule.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "grafana", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%d alerts", len(all))
	}
	return all
}
