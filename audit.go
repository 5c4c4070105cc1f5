package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/trail"
)

type auditCommand struct {
	Verify verifyCommand `cmd:"" help:"Say whether somebody changed, removed or reordered records of the audit trail, and where."`
}

type verifyCommand struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Files of a trail in their order, in place of a data directory." placeholder:"FILE"`
	Data  string   `help:"Data directory, whether a server runs from it or not." placeholder:"DIR" default:"${data}"`
	Key   string   `help:"Public key that must have signed it (GET /v1/audit/key); with a data directory the server's own." placeholder:"BASE64"`
	Head  string   `help:"Record that must be in it, as number and hash of the head of GET /v1/audit/key, kept from an earlier day." placeholder:"SEQ:HASH"`
	JSON  bool     `name:"json" help:"One JSON object on stdout."`
}

// Run verifies; a trail with a problem is a failure.
func (c *verifyCommand) Run(e *env) error {
	expect, err := c.given()
	if err != nil {
		return usage{err}
	}
	files := c.Files
	if len(files) == 0 {
		if err := c.ask(e, &expect); err != nil { // before the files are read, which grow
			return err
		}
		if files, err = trail.Files(server.AuditDir(c.Data)); err != nil {
			return usage{err}
		}
	}
	report, err := trail.Verify(files, expect)
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = e.json(report)
	default:
		c.print(e, report)
	}
	if err == nil && len(report.Problems) > 0 {
		err = errSilent
	}
	return err
}

// given is what the command line says of the trail.
func (c *verifyCommand) given() (expect trail.Expect, err error) {
	if c.Key != "" {
		if expect.Key, err = trail.ParseKey(c.Key); err != nil {
			return expect, fmt.Errorf("--key is %w", err)
		}
	}
	if c.Head != "" {
		if expect.Head, err = parseHead(c.Head); err != nil {
			return expect, err
		}
	}
	return expect, nil
}

func parseHead(text string) (h trail.Head, err error) {
	number, hash, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(hash)
	h.Hash = strings.ToLower(hash)
	if h.Seq, _ = strconv.ParseUint(number, 10, 64); h.Seq == 0 || err != nil || len(raw) != 32 {
		return h, errors.New("--head is not the number of a record, a colon, and its SHA-256 in hex")
	}
	return h, nil
}

// ask fills in what the server knows of its own trail: the one that runs, or, where none does, its store.
func (c *verifyCommand) ask(e *env, expect *trail.Expect) error {
	text, head, err := c.known(e)
	if err != nil {
		return err
	}
	key, err := trail.ParseKey(text)
	if err != nil {
		return err
	}
	if expect.Key != nil && !expect.Key.Equal(key) {
		return fmt.Errorf("the server signs by another key than --key: %s", text)
	}
	expect.Key, expect.Whole = ed25519.PublicKey(key), true
	if expect.Head == (trail.Head{}) {
		expect.Head = head
	}
	return nil
}

func (c *verifyCommand) known(e *env) (key string, head trail.Head, err error) {
	api, _, running := client.Open(c.Data)
	if running == nil {
		defer api.Close()
		var k client.AuditKey
		if k, running = api.AuditKey(e.ctx); running == nil {
			return k.Key, trail.Head(k.Head), nil
		}
	}
	k, err := server.AuditKeyOf(c.Data)
	if err != nil && !errors.Is(running, client.ErrNotServing) {
		err = errors.Join(running, err)
	}
	return k.Key, trail.Head(k.Head), err
}

// print tells the report to people.
func (c *verifyCommand) print(e *env, r trail.Report) {
	fmt.Fprintf(e.out, "%d records (%d to %d) in %d files, %d signatures", r.Records, r.First, r.Last, r.Files, r.Signatures)
	if r.Key != "" {
		fmt.Fprintf(e.out, " by %s", r.Key)
	}
	fmt.Fprintf(e.out, "\nthe last record is %d:%s\n", r.Last, r.Hash)
	for _, note := range []struct {
		holds bool
		text  string
	}{
		{c.Key == "" && len(c.Files) > 0, "the key is the trail's own word; give --key to hold it to the server's"},
		{r.Pruned > 0, fmt.Sprintf("records up to %d were removed to make room (audit.keep_mb)", r.Pruned)},
		{r.Lost > 0, fmt.Sprintf("%d entries were lost: the disk was full or too slow", r.Lost)},
		{r.Unsigned > 0, fmt.Sprintf("no signature stands yet for the last %d records", r.Unsigned)},
		{!r.Closed, "it does not end with the end of a server: one writes to it, or was killed"},
	} {
		if note.holds {
			fmt.Fprintln(e.out, "note:", note.text)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintln(e.out, "PROBLEM:", p)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(e.out, "nothing was changed")
	}
}
