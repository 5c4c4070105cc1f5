package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/conclave/conclave/server/trail"
)

// audited runs f on a server, closes it, and gives its trail, verified against what the server remembers, and the octets of the files.
func audited(t *testing.T, yaml string, f func(t *testing.T, s *Server)) ([]AuditRecord, []byte) {
	t.Helper()
	cfg := freePorts(t, yaml)
	data := filepath.Join(t.TempDir(), "data")
	s, err := New(cfg, data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Run("serves", func(t *testing.T) { f(t, s) }) // its phones go before the server does
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	key, err := AuditKeyOf(data)
	if err != nil {
		t.Fatal(err)
	}
	files, err := trail.Files(AuditDir(data))
	if err != nil {
		t.Fatal(err)
	}
	public, err := trail.ParseKey(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := trail.Verify(files, trail.Expect{Key: public, Head: trail.Head(key.Head), Whole: true})
	if err != nil || len(report.Problems) > 0 || !report.Closed || report.Hash != key.Head.Hash {
		t.Fatalf("%+v, %v", report, err)
	}
	var records []AuditRecord
	var all []byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
		for line := range bytes.Lines(text) {
			var r AuditRecord
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
		}
	}
	return records, all
}

// openedTrail is a trail for a server that is made by hand.
func openedTrail(t *testing.T) *trail.Trail {
	t.Helper()
	tr, err := trail.Open(trail.Config{Dir: t.TempDir(), Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Keep: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// of gives the records of a type.
func of(records []AuditRecord, kind string) (found []AuditRecord) {
	for _, r := range records {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	return found
}

// TestTheTrailOfACall: who joined, how keyed, who was refused and why, and who left; and nothing that is secret.
func TestTheTrailOfACall(t *testing.T) {
	var secrets []string
	records, text := audited(t, "policies: {standard: {methods: [mikey-dh, sdes]}}", func(t *testing.T, s *Server) {
		desk := enrolled(t, s, NewAccount{Name: "desk"})
		secrets = append(secrets, string(desk.Digest.Password.Bytes()), string(desk.PSK.Bytes()), string(desk.KeyPEM.Bytes()))
		p := newPhone(t, s)
		o, _ := p.joins(attempt{room: "hall", transport: "tls", as: desk})
		secrets = append(secrets, strings.TrimPrefix(o.crypto, "AES_CM_128_HMAC_SHA1_80 inline:"))
		p.call(attempt{room: "hall", transport: "udp", as: desk}) // SDES over UDP is refused
		if err := o.dialog.Bye(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, "the seat is free", func() bool { v, _ := s.Seats(t.Context(), "hall"); return len(v) == 0 })
		if err := s.RecordAdmin(t.Context(), AdminAction{By: "file", Operation: "DELETE /v1/x", Path: "/v1/x", Status: 204, Source: "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	})
	var types []string
	for _, r := range records {
		if !strings.HasPrefix(r.Type, "trail.") && r.Type != AuditRefused {
			types = append(types, r.Type+" "+r.Account)
		}
	}
	want := []string{"account.created desk", "room.opened ", "seat.joined desk", "leg.state desk", "leg.state desk", "seat.left desk", "admin ", "room.closed "}
	if !slices.Equal(types, want) {
		t.Errorf("%q, want %q", types, want)
	}
	var keyed LegState
	if err := json.Unmarshal(of(records, EventLegState)[0].Data, &keyed); err != nil || keyed.Method != "sdes" || keyed.Suite == "" || keyed.State != "confirmed" {
		t.Errorf("%+v, %v", keyed, err)
	}
	refusals := of(records, AuditRefused)
	var why Refusal
	if len(refusals) != 1 || json.Unmarshal(refusals[0].Data, &why) != nil || why.Status != 488 || why.Reason == "" || why.Source != "127.0.0.1" {
		t.Errorf("%+v: %+v", refusals, why)
	}
	if a := of(records, AuditAdmin); len(a) != 1 || a[0].By != "file" || !strings.Contains(string(a[0].Data), `"status":204`) {
		t.Errorf("%+v", a)
	}
	for _, s := range secrets {
		for _, written := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s))} {
			if len(s) < 16 || bytes.Contains(text, []byte(written)) {
				t.Errorf("a secret of %d octets stands in the trail", len(s))
			}
		}
	}
}

// tallied is how often something was only counted.
func tallied(t *testing.T, records []AuditRecord, what string) (n uint64) {
	t.Helper()
	for _, r := range of(records, trail.TypeTally) {
		var d struct {
			Counts map[string]uint64 `json:"counts"`
		}
		if err := json.Unmarshal(r.Data, &d); err != nil {
			t.Fatal(err)
		}
		n += d.Counts[what]
	}
	return n
}

// TestAFloodIsCounted: strangers cost a record a second and one for their number, and do not crowd out what an account is refused.
func TestAFloodIsCounted(t *testing.T) {
	const flood = 5000
	records, _ := audited(t, "", func(_ *testing.T, s *Server) {
		source := netip.MustParseAddrPort("192.0.2.1:5060")
		for range flood {
			s.recordRefusal(Event{}, Refusal{Method: "INVITE", Status: 401, Reason: "bad_digest"}, source)
		}
		s.recordRefusal(Event{Account: "desk"}, Refusal{Method: "INVITE", Status: 486, Reason: "room_full"}, source)
	})
	each := of(records, AuditRefused)
	counted := tallied(t, records, "bad_digest")
	if n := uint64(len(each)); n+counted != flood+1 || n > 20 || each[n-1].Account != "desk" && each[n-2].Account != "desk" {
		t.Errorf("%d records, %d counted", n, counted)
	}
}

// TestForbiddenRequestsAreCounted: whoever has a token for little cannot fill the trail with what he is refused; what is done is recorded, each.
func TestForbiddenRequestsAreCounted(t *testing.T) {
	const flood = 1000
	records, _ := audited(t, "", func(t *testing.T, s *Server) {
		for range flood {
			for _, status := range []int{403, 200} {
				if err := s.RecordAdmin(t.Context(), AdminAction{By: "token:1", Operation: "GET /v1/audit", Status: status}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	counted := tallied(t, records, tallyForbidden)
	if n := uint64(len(of(records, AuditAdmin))); counted == 0 || n+counted != 2*flood {
		t.Errorf("%d records, %d counted", n, counted)
	}
}

// TestATrailThatWasChanged: a server that comes back serves, and says so in its log.
func TestATrailThatWasChanged(t *testing.T) {
	cfg, err := ReadConfig("test", []byte(FreePorts), DevConfig())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	log := &logbook{}
	for start := range 2 {
		s, err := New(cfg, data, slog.New(log))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := log.count("ERROR", "audit verify"); n != start {
			t.Errorf("start %d: %d lines say that the trail was changed", start, n)
		}
		files, err := trail.Files(AuditDir(data))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if err := os.Truncate(files[0], 0); err != nil {
			t.Fatal(err)
		}
	}
}
