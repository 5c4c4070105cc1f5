package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/conclave/conclave/server"
)

// ETags (RFC 9110 section 8.8.3) are for changes that must not undo one another: whoever read a resource and sends its ETag as If-Match
// changes it only if nobody else has meanwhile. They cover what the API can change, and what tells a resource from another of its name,
// not what is measured: a level that moves must not keep anybody from muting. They are not for caches, to which every answer says
// no-store; therefore If-None-Match is not looked at.

// etagOf gives the ETag of what is settable of a resource.
func etagOf(settable any) string {
	text, err := json.Marshal(settable)
	if err != nil { // of plain values
		return ""
	}
	hash := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`
}

func roomTag(v server.RoomView) string {
	v.Seats, v.Speaking, v.Weakest = 0, nil, nil
	return etagOf(v)
}

func seatTag(v server.SeatView) string {
	v.Speaking, v.LevelDBFS, v.Leg = false, 0, nil
	return etagOf(v)
}

func accountTag(v server.AccountView) string {
	var listed []server.Device
	for _, d := range v.Devices {
		if !d.Registered {
			listed = append(listed, server.Device{Name: d.Name, URI: d.URI})
		}
	}
	v.Devices, v.Calls = nil, 0
	return etagOf(struct {
		server.AccountView
		Listed []server.Device
	}{v, listed})
}

func tokenTag(v server.TokenView) string { return etagOf(v) }

// ifMatch is the condition that If-Match sets: one of its tags is that of the resource, or it is "*"; without it everything goes.
func ifMatch[V any](field string, tag func(V) string) server.Must[V] {
	return func(v V) error {
		if field == "" {
			return nil
		}
		now := tag(v)
		for given := range strings.SplitSeq(field, ",") { // ours hold no comma; weak ones (W/) never match here
			if given = strings.TrimSpace(given); given == "*" || given == now {
				return nil
			}
		}
		return errStale
	}
}
