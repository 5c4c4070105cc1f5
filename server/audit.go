package server

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/conclave/conclave/server/store"
	"github.com/conclave/conclave/server/trail"
)

// auditDir is where the audit trail is, below the data directory.
const auditDir = "audit"

// Names of the blobs of the audit trail.
const (
	blobAuditKey  = "audit-key"  // seed of the key that signs it
	blobAuditHead = "audit-head" // where it was signed last
)

// What the audit trail records beside the events.
const (
	AuditRefused = "refused" // whatever request it was; first challenges are none
	AuditAdmin   = "admin"   // a request to the admin API that changes something, or asks for the trail
)

// ErrAuditUnreadable says that a record of the audit trail is none any more (503).
var ErrAuditUnreadable = trail.ErrUnreadable

// AuditRecord is one record of the audit trail, AuditHead where it was signed last.
type (
	AuditRecord trail.Record
	AuditHead   trail.Head
)

// AuditKey is what the audit trail is verified with.
type AuditKey struct {
	Algorithm string    `json:"algorithm" doc:"Of the signatures: Ed25519"`
	Key       string    `json:"key" doc:"Public key, base64"`
	Head      AuditHead `json:"head" doc:"Where the trail was signed last; kept elsewhere, it shows that the end was cut off"`
}

// AdminAction is a request to the admin API, as the audit trail has it.
type AdminAction struct {
	By        string `json:"-"`         // id of the token or name of the certificate
	Operation string `json:"operation"` // method and pattern of the route
	Path      string `json:"path"`
	Status    int    `json:"status"`
	Source    string `json:"source,omitempty"` // address without port
}

// unaudited are the events that the trail leaves out: what says nothing of who did what, and what is recorded in another way.
var unaudited = map[string]bool{
	EventSeatSpeaking: true, EventNodeShed: true, EventNodeFull: true,
	EventCallRefused: true, // of which only so many a second are told (recordRefusal)
}

// openTrail goes on with the audit trail.
func (s *Server) openTrail() error {
	key, err := auditKey(s.store)
	if err != nil {
		return err
	}
	head, err := auditHead(s.store)
	if err != nil {
		return err
	}
	s.trail, err = trail.Open(trail.Config{
		Dir: filepath.Join(s.data, auditDir), Key: key, Head: head, Keep: int64(s.cfg.Audit.KeepMB) << 20, Log: s.log,
		Signed: func(h trail.Head) error {
			text, err := json.Marshal(h)
			if err != nil {
				return err
			}
			return s.store.PutBlob(blobAuditHead, text)
		},
	})
	return err
}

// auditKey reads the key that signs the trail, or makes it on the first start.
func auditKey(st store.Store) (ed25519.PrivateKey, error) {
	seed, err := st.Blob(blobAuditKey)
	if errors.Is(err, store.ErrNotFound) {
		seed = randomBytes(ed25519.SeedSize)
		err = st.PutBlob(blobAuditKey, seed)
	}
	defer clear(seed)
	switch {
	case err != nil:
		return nil, err
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("%w: an audit key of %d octets", store.ErrCorrupt, len(seed))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func auditHead(st store.Store) (h trail.Head, err error) {
	text, err := st.Blob(blobAuditHead)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return h, nil
	case err != nil:
		return h, err
	}
	if json.Unmarshal(text, &h) != nil {
		return h, fmt.Errorf("%w: the head of the audit trail does not decode", store.ErrCorrupt)
	}
	return h, nil
}

// record takes an event into the audit trail. It never waits.
func (s *Server) record(e Event) {
	if !unaudited[e.Type] {
		s.trail.Note(trail.Entry{Type: e.Type, Room: e.Room, Seat: e.Seat, Account: e.Account, Data: e.Data})
	}
}

// recordRefusal takes a refusal into the audit trail: so many a second as a record each, those of strangers apart from those of accounts and
// trunks, so that nobody fills the disk or has others' refusals go unrecorded; of all others the number, by reason.
func (s *Server) recordRefusal(e Event, d Refusal, source netip.AddrPort) {
	pace := s.strangers
	if e.Account != "" || d.Trunk != "" {
		pace = s.known
	}
	if _, pass := pace.pass(time.Now()); !pass {
		s.trail.Tally(d.Reason)
		return
	}
	if source.IsValid() {
		d.Source = source.Addr().String()
	}
	s.trail.Note(trail.Entry{Type: AuditRefused, Room: e.Room, Seat: e.Seat, Account: e.Account, Data: d})
}

// What counts the requests to the admin API that have no record of their own: those with a wrong token, and those that were forbidden.
const (
	tallyToken     = "admin_token"
	tallyForbidden = "admin_forbidden"
)

// RecordAdmin takes a request to the admin API into the audit trail, and waits until it is there. Of those that proved nothing, by nobody,
// it records so many as of other strangers; of those that were forbidden so many as of other refusals, or the least of tokens would push the
// oldest records out.
func (s *Server) RecordAdmin(ctx context.Context, a AdminAction) error {
	by, tally := s.strangers, tallyToken
	switch {
	case a.By == "":
	case a.Status == http.StatusForbidden:
		by, tally = s.known, tallyForbidden
	default:
		by = nil
	}
	if by != nil {
		if _, pass := by.pass(time.Now()); !pass {
			s.trail.Tally(tally)
			return nil
		}
	}
	return s.trail.Write(ctx, trail.Entry{Type: AuditAdmin, By: a.By, Data: a})
}

// AuditTrail gives up to limit records of the audit trail after the one of that number, and the number to go on after, 0 at the end.
func (s *Server) AuditTrail(_ context.Context, after uint64, limit int) ([]AuditRecord, uint64, error) {
	page, next, err := s.trail.Page(after, limit)
	records := make([]AuditRecord, len(page))
	for i, r := range page {
		records[i] = AuditRecord(r)
	}
	return records, next, err
}

// AuditKey gives what the audit trail is verified with.
func (s *Server) AuditKey(context.Context) (AuditKey, error) {
	return AuditKey{Algorithm: "Ed25519", Key: trail.EncodeKey(s.trail.Key()), Head: AuditHead(s.trail.Head())}, nil
}

// AuditKeyOf reads that from the data directory of a server that does not run.
func AuditKeyOf(data string) (k AuditKey, err error) {
	if _, err := os.Stat(AuditDir(data)); err != nil {
		return k, fmt.Errorf("there is no audit trail in %s: %w", data, err)
	}
	st, err := store.Open(data)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	key, err := auditKey(st)
	if err != nil {
		return k, err
	}
	head, err := auditHead(st)
	return AuditKey{Algorithm: "Ed25519", Key: trail.EncodeKey(key.Public().(ed25519.PublicKey)), Head: AuditHead(head)}, err
}

// AuditDir is where the audit trail is, below a data directory.
func AuditDir(data string) string { return filepath.Join(data, auditDir) }
