package gate

import (
	"crypto/x509"
	"testing"
	"time"
)

// newCity is a world where accounts hold the certificates of the papers, all but gone's, which is closed; sbc is a trunk.
func newCity(t testing.TB) *world {
	t.Helper()
	p, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	return newWorldOf(t, Config{
		Known: knownAccount, Enabled: func(name string) bool { return name != "gone" && knownAccount(name) },
		Trunks: []Trunk{sbc("udp", "tls")},
		Issued: func(identity, fingerprint string) bool {
			name := map[string]string{"sip:alice@" + domain: "alice", "sip:bob@" + domain: "bob"}[identity]
			return name != "" && fingerprint == p.certificates[name].Fingerprint()
		},
	})
}

// shows has a request come over TLS from a client that shows a certificate of the papers.
func (w *world) shows(r *Request, paper string) {
	w.t.Helper()
	leaf, err := x509.ParseCertificate(w.papers.certificates[paper].Chain[0])
	if err != nil {
		w.t.Fatal(err)
	}
	r.Transport, r.PeerCertificates = transportTLS, []*x509.Certificate{leaf}
}

// registration is alice's REGISTER, and referral her REFER outside a dialog, without a proof.
func registration() Request {
	return Request{
		Method: "REGISTER", RequestURI: URI{"sip", "", domain}, From: URI{"sip", "alice", domain}, To: URI{"sip", "alice", domain},
		Source: stranger, Transport: "udp",
	}
}

func referral() Request {
	r := registration()
	r.Method, r.RequestURI, r.To = "REFER", URI{"sip", "standup", domain}, URI{"sip", "standup", domain}
	return r
}

// subscription is alice's SUBSCRIBE to a room, without a proof.
func subscription() Request {
	r := referral()
	r.Method = "SUBSCRIBE"
	return r
}

// TestAlone: who may register, refer outside a dialog, and subscribe.
func TestAlone(t *testing.T) {
	digest := func(user, secret string) func(*world, *Request) {
		return func(w *world, r *Request) { w.authorize(r, user, secret) }
	}
	certificate := func(paper string) func(*world, *Request) {
		return func(w *world, r *Request) { w.shows(r, paper) }
	}
	from := func(user string) func(*Request) { return func(r *Request) { r.From.User = user } }
	trunk := func(r *Request) { r.From.User, r.Source = "carol", gateway }
	for name, c := range map[string]struct {
		edit     func(*Request) // before the proof, which may cover it
		proof    func(*world, *Request)
		status   int
		reason   string
		admitted string // the proof
	}{
		"digest":                              {proof: digest("alice", password), admitted: ProofDigest},
		"certificate":                         {proof: certificate("alice"), admitted: ProofCertificate},
		"digest beside another's certificate": {proof: func(w *world, r *Request) { w.shows(r, "bob"); w.authorize(r, "alice", password) }, admitted: ProofDigest},
		"From in upper case":                  {edit: from("ALICE"), proof: digest("alice", password), admitted: ProofDigest},

		"nobody":                          {status: 401, reason: ReasonNoProof},
		"wrong digest":                    {proof: digest("alice", "wrong"), status: 401, reason: ReasonBadDigest},
		"wrong digest with a certificate": {proof: func(w *world, r *Request) { w.shows(r, "alice"); w.authorize(r, "alice", "wrong") }, status: 401, reason: ReasonBadDigest},
		"replayed": {proof: func(w *world, r *Request) {
			w.authorize(r, "alice", password)
			_, _ = w.gate.Admit(*r)
		}, status: 401, reason: ReasonReplayedDigest},
		"stale": {proof: func(w *world, r *Request) {
			w.authorize(r, "alice", password)
			w.clock.now = w.clock.now.Add(2 * NonceLifetime)
		}, status: 401, reason: ReasonStaleNonce},
		"digest from elsewhere": {proof: func(w *world, r *Request) {
			w.authorize(r, "alice", password)
			r.Source = phone
		}, status: 401, reason: ReasonStaleNonce},
		"removed account's digest":        {edit: from("gone"), proof: digest("gone", password), status: 401, reason: ReasonUnknownAccount},
		"removed account's certificate":   {edit: from("gone"), proof: certificate("gone"), status: 401, reason: ReasonNoProof},
		"another's digest":                {proof: digest("bob", password), status: 403, reason: ReasonWrongFrom},
		"another's certificate":           {proof: certificate("bob"), status: 401, reason: ReasonNoProof},
		"foreign certificate":             {proof: certificate("foreign"), status: 401, reason: ReasonNoProof},
		"certificate, not over TLS":       {proof: func(w *world, r *Request) { w.shows(r, "alice"); r.Transport = "tcp" }, status: 401, reason: ReasonNoProof},
		"certificate that has run out":    {proof: func(w *world, r *Request) { w.shows(r, "alice"); w.clock.now = boot.AddDate(3, 0, 0) }, status: 401, reason: ReasonNoProof},
		"certificate of the future":       {proof: func(w *world, r *Request) { w.shows(r, "alice"); w.clock.now = boot.AddDate(-3, 0, 0) }, status: 401, reason: ReasonNoProof},
		"trunk":                           {edit: trunk, status: 403, reason: ReasonTrunk},
		"an account from a trunk's place": {edit: func(r *Request) { r.Source = gateway }, status: 401, reason: ReasonNoProof},
		"a stranger of the same name":     {edit: func(r *Request) { r.From.Host = "example.net" }, proof: digest("alice", password), status: 403, reason: ReasonWrongFrom},
	} {
		for _, make := range []func() Request{registration, referral, subscription} {
			r := make()
			t.Run(name+"/"+r.Method, func(t *testing.T) {
				w := newCity(t)
				if c.edit != nil {
					c.edit(&r)
				}
				if c.proof != nil {
					c.proof(w, &r)
				}
				a, refusal := w.gate.Admit(r)
				wantRefused(t, a, refusal, c.status, c.reason)
				if c.status != 0 || refusal != nil {
					return
				}
				want := Admitted{Identity: "sip:alice@" + domain, Account: "alice", Proof: c.admitted}
				if r.Method != "REGISTER" {
					want.Room = "standup"
				}
				if *a != want {
					t.Errorf("%+v; want %+v", *a, want)
				}
			})
		}
	}
}

// wantRefused checks a refusal, or that there is none where status is 0.
func wantRefused(t *testing.T, a *Admitted, refusal *Reject, status int, reason string) {
	t.Helper()
	switch {
	case status == 0 && refusal != nil:
		t.Errorf("%v", refusal)
	case status != 0 && (refusal == nil || refusal.Status != status || reason != "" && refusal.Reason != reason):
		t.Errorf("%+v %v; want %d %s", a, refusal, status, reason)
	}
}

// TestAloneWhere: what may be registered where, and which rooms may be referred to.
func TestAloneWhere(t *testing.T) {
	for name, c := range map[string]struct {
		request func() Request
		edit    func(*Request)
		status  int
		reason  string
	}{
		"address of ours":   {registration, func(r *Request) { r.RequestURI.Host = "192.0.2.1" }, 0, ""},
		"another domain":    {registration, func(r *Request) { r.RequestURI.Host = "example.net" }, 404, ReasonNoDomain},
		"no SIP":            {registration, func(r *Request) { r.RequestURI.Scheme = "tel" }, 404, ReasonNoDomain},
		"somebody else":     {registration, func(r *Request) { r.To.User = "bob" }, 403, ReasonWrongTo},
		"elsewhere":         {registration, func(r *Request) { r.To.Host = "example.net" }, 403, ReasonWrongTo},
		"no room":           {referral, func(r *Request) { r.RequestURI.User = "nowhere" }, 404, ReasonNoRoom},
		"room elsewhere":    {referral, func(r *Request) { r.RequestURI.Host = "example.net" }, 404, ReasonNoRoom},
		"room of ours":      {referral, func(r *Request) { r.RequestURI.Host = "192.0.2.1" }, 0, ""},
		"within no dialog":  {referral, func(r *Request) { r.InDialog = true }, 481, ReasonNoDialog},
		"register within":   {registration, func(r *Request) { r.InDialog = true }, 481, ReasonNoDialog},
		"room in any case":  {referral, func(r *Request) { r.RequestURI.User = "StandUp" }, 0, ""},
		"no room to watch":  {subscription, func(r *Request) { r.RequestURI.User = "nowhere" }, 404, ReasonNoRoom},
		"watch in a call's": {subscription, func(r *Request) { r.InDialog = true }, 481, ReasonNoDialog},
		"watch on":          {subscription, func(r *Request) { r.RequestURI.User, r.DialogRoom = "", "standup" }, 0, ""},
		"watch a room gone": {subscription, func(r *Request) { r.RequestURI.User, r.DialogRoom = "", "nowhere" }, 404, ReasonNoRoom},
		"a user at the URI": {registration, func(r *Request) { r.RequestURI.User = "alice" }, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCity(t)
			r := c.request()
			c.edit(&r)
			w.shows(&r, "alice")
			a, refusal := w.gate.Admit(r)
			wantRefused(t, a, refusal, c.status, c.reason)
		})
	}
}

// TestCertificateTime: a certificate counts on the days that it says.
func TestCertificateTime(t *testing.T) {
	w := newCity(t)
	r := registration()
	w.shows(&r, "alice")
	leaf := r.PeerCertificates[0]
	for at, status := range map[time.Time]int{
		leaf.NotBefore: 0, leaf.NotBefore.Add(-time.Second): 401, leaf.NotAfter: 0, leaf.NotAfter.Add(time.Second): 401,
	} {
		w.clock.now = at
		a, refusal := w.gate.Admit(r)
		wantRefused(t, a, refusal, status, "")
	}
}
