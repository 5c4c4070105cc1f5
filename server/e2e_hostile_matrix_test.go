package server

import (
	"strings"
	"testing"
)

// Those who go for ann's call, in TestTrespassers.
const (
	nobody        = "nobody"
	otherAccount  = "other account"
	sameRoom      = "same room"
	removed       = "removed account"
	disabled      = "disabled account"
	operator      = "operator's token"
	wrongPassword = "wrong digest"
	oldNonce      = "old nonce"
	oldSequence   = "old CSeq"
	replayer      = "replayed digest"
)

// trespassers, in an order in which the replayer repeats what ann herself sent before.
var trespassers = []string{nobody, otherAccount, sameRoom, removed, disabled, operator, wrongPassword, oldNonce, oldSequence, replayer}

// attacks are the requests that they send: within ann's dialog, or outside with its tags.
var attacks = []struct {
	name, method string
	outside      bool
}{
	{"REFER", "REFER", false}, {"REFER with Target-Dialog", "REFER", true}, {"INVITE with Replaces", "INVITE", true},
	{"re-INVITE", "INVITE", false}, {"UPDATE", "UPDATE", false}, {"BYE", "BYE", false}, {"CANCEL", "CANCEL", false},
}

// verdict is what becomes of an attack: the rules in words.
func verdict(who, method string, outside bool) (status int, counter string) {
	switch {
	case method == "CANCEL":
		return 481, sipCounter("no_transaction") // nobody can prove a CANCEL: it counts for the transaction that it names, and for nothing else
	case who == nobody, who == operator:
		return 401, gateCounter("no_proof") // a token of the admin API has no meaning in SIP
	case who == removed, who == disabled:
		return 401, gateCounter("unknown_account")
	case who == wrongPassword:
		return 401, gateCounter("bad_digest")
	case who == oldNonce:
		return 401, gateCounter("stale_nonce")
	case who == replayer:
		return 401, gateCounter("replayed_digest")
	case who == oldSequence && outside: // without a sequence: what is old is the dialog that it names
		return 481, gateCounter("no_target_dialog")
	case who == oldSequence:
		return 500, sipCounter("cseq")
	case outside:
		return 403, gateCounter("not_its_seat")
	}
	return 403, gateCounter("wrong_identity")
}

// TestTrespassers is every combination of what can be done to a call from outside with who has no right to do it, over a real server and
// with the true tags of the dialog: it is refused for the right reason, counted and logged, and the call goes on as if nothing had been.
func TestTrespassers(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			x := newScene(t, "")
			stage := &attack{scene: x, method: a.method, outside: a.outside}
			for _, who := range trespassers {
				t.Run(who, func(t *testing.T) { stage.by(t, who) })
			}
			if err := x.leg.Reinvite(t.Context()); err != nil { // her own requests are taken, whatever numbers others used
				t.Errorf("ann's re-INVITE: %v", err)
			}
			x.goesOn(t)
			if m := measured(t, x.server); m["conclave_srtp_index_repeated_total"] != 0 {
				t.Error("an index was used twice")
			}
		})
	}
}

// attack is a row of the table.
type attack struct {
	*scene
	method  string
	outside bool
	proof   string // that ann sent last
	seq     int
}

// by sends the request of one trespasser.
func (a *attack) by(t *testing.T, who string) {
	address := "127.0.0.3"
	if who == oldSequence || who == replayer { // ann's own, with another port than that of her dialog
		address = "127.0.0.1"
	}
	w := newWire(t, a.server, "udp", address)
	r := a.request(who)
	if proof := a.proofOf(w, who, r); proof != "" {
		r.fields = append(r.fields, proof)
	}
	status, counter := verdict(who, a.method, a.outside)
	a.refused(t, counter, func() {
		if got := w.asks(r); got.status != status {
			t.Errorf("%d, want %d\n%s", got.status, status, got.text)
		}
	})
	level := map[bool]string{true: "INFO"}[status == 403] // what proven accounts try is for the operator to see
	if _, reason, ours := strings.Cut(strings.TrimSuffix(counter, `"}`), `conclave_refusals_total{reason="`); ours && a.book.count(level, "refused", "reason="+reason) == 0 {
		t.Errorf("nothing is logged of %s", reason)
	}
}

// request is what the trespasser sends, but for his proof.
func (a *attack) request(who string) request {
	account := map[string]string{otherAccount: "ben", sameRoom: "cid", removed: "old", disabled: "off"}[who]
	if account == "" {
		account = "ann"
	}
	if a.outside {
		r := a.scene.outside(a.method, account)
		if who == oldSequence {
			for i, f := range r.fields {
				r.fields[i] = strings.Replace(f, "-tag=", "-tag=o", 1)
			}
		}
		return r
	}
	a.seq++
	r := a.within(a.method, a.made()+1000+a.seq)
	if who == oldSequence || a.method == "CANCEL" { // of the INVITE that made the call
		r.seq = a.made()
	}
	return r
}

// proofOf is the trespasser's Authorization field; "" where he has none.
func (a *attack) proofOf(w *wire, who string, r request) string {
	password := string(a.ann.Digest.Password.Bytes())
	switch who {
	case otherAccount:
		return w.owns(a.others["ben"], r)
	case sameRoom:
		return w.owns(a.others["cid"], r)
	case removed:
		return w.owns(a.others["old"], r)
	case disabled:
		return w.owns(a.others["off"], r)
	case operator:
		return "Authorization: Bearer 0123456789abcdef0123456789abcdef"
	case wrongPassword:
		return w.proves("ann", password+"x", r)
	case oldNonce: // made for another address, which is as good as too old
		elsewhere := newWire(a.t, a.server, "udp", "127.0.0.5")
		return elsewhere.proves("ann", password, r)
	case oldSequence:
		a.proof = w.owns(a.ann, r)
		return a.proof
	case replayer:
		return a.proof
	}
	return ""
}
