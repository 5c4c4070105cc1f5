package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/conclave/conclave/admin/client"
	"github.com/conclave/conclave/server"
	"github.com/conclave/conclave/server/trail"
)

// ErrOptions says that what was asked for makes no sense: a key or a head that is none, or a directory that holds no trail.
var ErrOptions = errors.New("audit: bad options")

// Inspection is which trail to verify, and what it is held to; the tags are kong's.
type Inspection struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Files of a trail in their order, in place of a data directory." placeholder:"FILE"`
	Data  string   `help:"Data directory, whether a server runs from it or not." placeholder:"DIR" default:"${data}"`
	Key   string   `help:"Public key that must have signed it (GET /v1/audit/key); with a data directory the server's own." placeholder:"BASE64"`
	Head  string   `help:"Record that must be in it, as number and hash of the head of GET /v1/audit/key, kept from an earlier day." placeholder:"SEQ:HASH"`
}

// Verify goes through the trail. What is wrong with it stands in the report; an error says that it could not be verified.
func (i Inspection) Verify(ctx context.Context) (trail.Report, error) {
	expect, err := i.given()
	if err != nil {
		return trail.Report{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	files := i.Files
	if len(files) == 0 {
		if err := i.ask(ctx, &expect); err != nil { // before the files are read, which grow
			return trail.Report{}, err
		}
		if files, err = trail.Files(server.AuditDir(i.Data)); err != nil {
			return trail.Report{}, fmt.Errorf("%w: %w", ErrOptions, err)
		}
	}
	return trail.Verify(files, expect)
}

// given is what the options say of the trail.
func (i Inspection) given() (expect trail.Expect, err error) {
	if i.Key != "" {
		if expect.Key, err = trail.ParseKey(i.Key); err != nil {
			return expect, fmt.Errorf("--key is %w", err)
		}
	}
	if i.Head != "" {
		if expect.Head, err = parseHead(i.Head); err != nil {
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

// ask fills in what the server knows of its own trail.
func (i Inspection) ask(ctx context.Context, expect *trail.Expect) error {
	text, head, err := i.known(ctx)
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
	expect.Key, expect.Whole = key, true
	if expect.Head == (trail.Head{}) {
		expect.Head = head
	}
	return nil
}

// known is the key and the head of the server that runs, or, where none does, those of its store.
func (i Inspection) known(ctx context.Context) (key string, head trail.Head, err error) {
	api, _, running := client.Open(i.Data)
	if running == nil {
		defer api.Close()
		var k client.AuditKey
		if k, running = api.AuditKey(ctx); running == nil {
			return k.Key, trail.Head(k.Head), nil
		}
	}
	k, err := server.AuditKeyOf(i.Data)
	if err != nil && !errors.Is(running, client.ErrNotServing) {
		err = errors.Join(running, err)
	}
	return k.Key, trail.Head(k.Head), err
}

// Print tells a report to people.
func (i Inspection) Print(w io.Writer, r trail.Report) {
	fmt.Fprintf(w, "%d records (%d to %d) in %d files, %d signatures", r.Records, r.First, r.Last, r.Files, r.Signatures)
	if r.Key != "" {
		fmt.Fprintf(w, " by %s", r.Key)
	}
	fmt.Fprintf(w, "\nthe last record is %d:%s\n", r.Last, r.Hash)
	for _, note := range []struct {
		holds bool
		text  string
	}{
		{i.Key == "" && len(i.Files) > 0, "the key is the trail's own word; give --key to hold it to the server's"},
		{r.Pruned > 0, fmt.Sprintf("records up to %d were removed to make room (audit.keep_mb)", r.Pruned)},
		{r.Lost > 0, fmt.Sprintf("%d entries were lost: the disk was full or too slow", r.Lost)},
		{r.Unsigned > 0, fmt.Sprintf("no signature stands yet for the last %d records", r.Unsigned)},
		{r.Torn > 0, fmt.Sprintf("torn, %d octets after the last record: another is being written, or a crash broke it off; the next start cuts that off", r.Torn)},
		{r.Mended > 0, fmt.Sprintf("%d octets of records that crashes broke off were cut off by servers that came back (trail.opened)", r.Mended)},
		{!r.Closed, "it does not end with the end of a server: one writes to it, or was killed"},
	} {
		if note.holds {
			fmt.Fprintln(w, "note:", note.text)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, "PROBLEM:", p)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(w, "nothing was changed")
	}
}
