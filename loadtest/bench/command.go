package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/conclave/conclave/loadtest"
	"github.com/conclave/conclave/loadtest/bench/floor"
)

// ErrFailed says that scenarios could not be measured as they should; the report that says why has been printed.
var ErrFailed = errors.New("bench: scenarios failed")

// Command is `conclave bench`; the tags are kong's.
type Command struct {
	Short    bool     `help:"Short windows, and fewer steps of the scaling part."`
	Only     []string `help:"Scenarios to run, by name; all when empty." placeholder:"NAME"`
	List     bool     `help:"List the scenarios and run none."`
	AllCores bool     `help:"The server may use all cores in every scenario, instead of one of its own."`
	Out      string   `type:"path" help:"Write the report here as Markdown, and a plot beside it, with the ending svg." placeholder:"FILE"`
	JSON     bool     `name:"json" help:"One JSON object on stdout."`
}

// Report is what a run measured: the JSON of `conclave bench --json`.
type Report struct {
	Command string        `json:"command"`
	Machine Machine       `json:"machine"`
	Began   time.Time     `json:"began"`
	Short   bool          `json:"short"`
	Speech  []floor.Codec `json:"speech"`
	Rows    []Row         `json:"rows"`
	Targets []Target      `json:"targets"`
}

// Run measures, reports, and fails when a scenario did.
func (c *Command) Run(ctx context.Context, out io.Writer) error {
	list, err := c.scenarios()
	if err != nil {
		return err
	}
	if c.List {
		for _, s := range list {
			fmt.Fprintf(out, "%-18s %d legs in %d rooms, %s, %s\n", s.Name, s.Legs, s.Rooms, s.Title, s.codecs())
		}
		return nil
	}
	all, err := floor.Cores()
	if err != nil {
		return err
	}
	r := &Report{Command: strings.Join(append([]string{"conclave"}, os.Args[1:]...), " "), Machine: thisMachine(all), Began: time.Now(), Short: c.Short}
	table := out
	if c.JSON {
		table = io.Discard
	}
	fmt.Fprintf(table, "%s\n", r.Machine)
	if shared := r.Machine.Shared(); shared != "" {
		fmt.Fprintln(table, shared)
	}
	printHeading(table)
	if r.Speech, err = floor.Speech(all[0]); err != nil {
		return err
	}
	m := divide(all, c.AllCores)
	failed, err := r.run(ctx, list, table, terminal(c.JSON), func(s Scenario) (Row, error) { return m.settled(ctx, s, c.Short) })
	if err != nil {
		return err
	}
	r.Targets = Targets(r.Rows)
	printTargets(table, r.Targets)
	if c.JSON {
		err = json.NewEncoder(out).Encode(r)
	}
	if c.Out != "" {
		err = errors.Join(err, r.write(c.Out))
	}
	if err == nil && failed {
		err = ErrFailed
	}
	return err
}

// run has the scenarios measured, in their turns; failed says that one of them was not what it should have been.
func (r *Report) run(ctx context.Context, list []Scenario, table, progress io.Writer, measure func(Scenario) (Row, error)) (failed bool, err error) {
	steps, measured := inTurns(list, r.Short), make(map[string][]Row)
	for i, s := range steps {
		fmt.Fprintf(progress, "\r\033[K%d of %d: %s", i+1, len(steps), s.Name)
		row, err := measure(s)
		fmt.Fprint(progress, "\r\033[K")
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		if err != nil {
			return failed, fmt.Errorf("%s: %w", s.Name, err)
		}
		rounds := append(measured[s.Name], row)
		if measured[s.Name] = rounds; len(rounds) < s.rounds(r.Short) {
			continue
		}
		row = middle(rounds)
		row.print(table)
		failed = failed || len(row.Failed) > 0
		r.Rows = append(r.Rows, row)
	}
	return failed, nil
}

// scenarios are those that the options name.
func (c *Command) scenarios() ([]Scenario, error) {
	all := Scenarios()
	for _, name := range c.Only {
		if !slices.ContainsFunc(all, func(s Scenario) bool { return s.Name == name }) {
			return nil, fmt.Errorf("%w: --only %s names no scenario; --list shows them", loadtest.ErrOptions, name)
		}
	}
	return slices.DeleteFunc(all, func(s Scenario) bool {
		if len(c.Only) > 0 {
			return !slices.Contains(c.Only, s.Name)
		}
		return c.Short && !s.Brief
	}), nil
}

// write writes the Markdown and the plot.
func (r *Report) write(file string) error {
	plot := strings.TrimSuffix(file, filepath.Ext(file)) + ".svg"
	text, err := r.markdown(filepath.Base(plot))
	if err != nil {
		return err
	}
	drawing, err := r.plot()
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file, text, 0o644), os.WriteFile(plot, drawing, 0o644)) //nolint:gosec // documents for everybody
}

// terminal is where progress goes: standard error when somebody watches it, or nowhere.
func terminal(quiet bool) io.Writer {
	if !quiet && term.IsTerminal(int(os.Stderr.Fd())) {
		return os.Stderr
	}
	return io.Discard
}
