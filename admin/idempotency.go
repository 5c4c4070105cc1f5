package admin

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// idempotency keeps the answers to POSTs that came with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), so that who lost an
// answer may ask again without doing it twice. A key is its principal's own and names one request: method, path, query and body.
//
// What is kept may hold a bundle or a token in the clear, for who lost the answer lost the only copy. Hence few are kept, not for long, in
// memory alone, and they are wiped.
type idempotency struct {
	now func() time.Time // set once

	mu    sync.Mutex
	by    map[idempotencyKey]*exchange // guarded by mu
	order []idempotencyKey             // oldest first; guarded by mu
}

// idempotencyKey is who asked, and the key that he gave.
type idempotencyKey struct{ principal, key string }

// exchange is a request and, once it is done, its answer.
type exchange struct {
	request [sha256.Size]byte
	until   time.Time
	done    bool
	status  int
	header  http.Header
	body    []byte
}

// What a key turns out to be.
type keyState int

const (
	keyFresh keyState = iota // the request is to be done
	keyDone                  // it was done, and its answer is kept
	keyBusy                  // it is being done
	keyOther                 // another request came with it
	keyFull                  // too many are being done
)

func newIdempotency(now func() time.Time) *idempotency {
	return &idempotency{now: now, by: make(map[idempotencyKey]*exchange)}
}

// begin notes a request, or gives what came of it.
func (c *idempotency) begin(key idempotencyKey, request [sha256.Size]byte) (keyState, exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if x := c.by[key]; x != nil {
		switch {
		case x.request != request:
			return keyOther, exchange{}
		case !x.done:
			return keyBusy, exchange{}
		}
		kept := *x
		kept.body = bytes.Clone(x.body) // it is wiped when it goes
		return keyDone, kept
	}
	if len(c.order) >= maxExchanges && !c.drop(key.principal) && !c.drop("") {
		return keyFull, exchange{}
	}
	c.by[key] = &exchange{request: request, until: c.now().Add(exchangeKept)}
	c.order = append(c.order, key)
	return keyFresh, exchange{}
}

// expire drops what is too old; mu is held.
func (c *idempotency) expire() {
	now := c.now()
	for len(c.order) > 0 && !now.Before(c.by[c.order[0]].until) {
		c.forget(0)
	}
}

// drop makes room by the oldest that is done: of whoever asks, so that nobody pushes the answers of others out, then ("") of anybody; mu is held.
func (c *idempotency) drop(principal string) bool {
	for i, key := range c.order {
		if c.by[key].done && (principal == "" || key.principal == principal) {
			c.forget(i)
			return true
		}
	}
	return false
}

// forget wipes one; mu is held.
func (c *idempotency) forget(i int) {
	key := c.order[i]
	clear(c.by[key].body)
	delete(c.by, key)
	c.order = append(c.order[:i], c.order[i+1:]...)
}

// finish keeps an answer; one that says nothing about the request as such (an overload, a failure) is forgotten, so that it may be tried again.
func (c *idempotency) finish(key idempotencyKey, request [sha256.Size]byte, a *recorder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.by[key]
	if x == nil || x.request != request || x.done {
		return
	}
	if a == nil || a.status >= 500 || a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests || a.body.Len() > maxExchange {
		for i := range c.order {
			if c.order[i] == key {
				c.forget(i)
				return
			}
		}
		return
	}
	x.done, x.status, x.header, x.body = true, a.status, a.kept(), bytes.Clone(a.body.Bytes())
}

// once has POSTs with an Idempotency-Key done once. It comes after whoever asks was identified.
func (a *Admin) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Values("Idempotency-Key")
		p := principalOf(r.Context())
		if r.Method != http.MethodPost || len(given) == 0 || p == nil {
			next.ServeHTTP(w, r)
			return
		}
		if !keyShape.MatchString(given[0]) || len(given) > 1 {
			writeProblem(w, http.StatusBadRequest, "Idempotency-Key is one of 1 to 128 letters, digits or signs, such as a UUID")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			a.unread(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := fingerprint(r, body)
		key := idempotencyKey{p.id, given[0]}
		switch state, kept := a.idempotency.begin(key, request); state {
		case keyFresh:
			a.record(w, r, key, request, next)
		case keyDone:
			replay(w, kept)
		case keyOther:
			writeProblem(w, http.StatusUnprocessableEntity, "this Idempotency-Key came with another request; use a new one for a new request")
		case keyBusy:
			w.Header().Set("Retry-After", "1")
			writeProblem(w, http.StatusConflict, "the request with this Idempotency-Key is being worked on; ask again for its answer")
		case keyFull:
			w.Header().Set("Retry-After", "1")
			a.refuse(w, reasonBusy, http.StatusServiceUnavailable, "too many requests with an Idempotency-Key at a time; try again")
		}
	})
}

// keyShape is what an Idempotency-Key may be: it is not an RFC 8941 string necessarily, since few send one.
var keyShape = regexp.MustCompile(`^[!-~]{1,128}$`)

// takesKey describes what once does to an operation.
func takesKey(op *huma.Operation) {
	length := maxKey
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString, Pattern: keyShape.String(), MaxLength: &length},
		Description: "A new one for each request, such as a UUID: who asks again with it, the same of the same, gets the answer of the first time " +
			"(Idempotency-Replayed: true) for " + exchangeKept.String(),
	})
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge)
}

// fingerprint is the request as such.
func fingerprint(r *http.Request, body []byte) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type")} {
		h.Write([]byte(part + "\n")) // none of them holds a line's end
	}
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// unread answers a body that could not be read.
func (a *Admin) unread(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		writeProblem(w, http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.Itoa(maxBody)+" octets")
		return
	}
	writeProblem(w, http.StatusBadRequest, "the body ends before its end")
}

// record does a request and keeps its answer; where the handler does not return, nothing.
func (a *Admin) record(w http.ResponseWriter, r *http.Request, key idempotencyKey, request [sha256.Size]byte, next http.Handler) {
	answer := &recorder{ResponseWriter: w, before: maps.Clone(w.Header()), status: http.StatusOK}
	var returned *recorder
	defer func() {
		a.idempotency.finish(key, request, returned)
		clear(answer.body.Bytes())
	}()
	next.ServeHTTP(answer, r)
	returned = answer
}

// replay answers as before, and says so.
func replay(w http.ResponseWriter, x exchange) {
	maps.Copy(w.Header(), x.header)
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(x.status)
	_, _ = w.Write(x.body) // a client that has gone away is not our concern
	clear(x.body)
}

// recorder passes an answer on and keeps a copy.
type recorder struct {
	http.ResponseWriter
	before http.Header // what was in the header of every answer
	status int
	body   bytes.Buffer
}

// WriteHeader notes the status and passes it on.
func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps and passes on.
func (w *recorder) Write(p []byte) (int, error) {
	if w.body.Len() <= maxExchange {
		w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// kept are the fields of the answer beyond those of every answer.
func (w *recorder) kept() http.Header {
	h := w.Header().Clone()
	maps.DeleteFunc(h, func(name string, _ []string) bool { _, there := w.before[name]; return there || name == "Date" })
	return h
}
