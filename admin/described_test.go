package admin

import (
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
)

// TestDescriptionAtOnce: those who ask first for the description, at a time, get all of it, in each of its forms. It is for the race detector.
func TestDescriptionAtOnce(t *testing.T) {
	r := newRig(t, nil)
	var all sync.WaitGroup
	for _, form := range []string{"/openapi.json", "/openapi-3.0.json", "/openapi.yaml", "/openapi-3.0.yaml"} {
		for range 3 {
			all.Go(func() {
				resp, err := r.http.Get(r.base + form) //nolint:noctx // ends with the rig
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close() //nolint:errcheck // read whole
				text, err := io.ReadAll(resp.Body)
				media := "application/openapi+" + path.Ext(form)[1:]
				if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != media || !strings.Contains(string(text), "/v1/webhooks") {
					t.Errorf("%s: %s %v, %d octets, %v", form, resp.Status, resp.Header, len(text), err)
				}
			})
		}
	}
	all.Wait()
}
