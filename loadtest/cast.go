package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/conclave/conclave/keying"
	"github.com/conclave/conclave/loadtest/sound"
)

// cast makes an account for each caller.
func (w *swarm) cast(ctx context.Context) error {
	stamp := time.Now().UnixNano() % 1e9
	for i := range w.Callers {
		name := fmt.Sprintf("swarm-%09d-%d", stamp, i)
		cert := pick(w.Certs, i)
		if pick(w.Keying, i) == keying.MIKEYRSAR {
			cert = keying.CertRSA // the method encrypts to the caller's certificate
		}
		bundle, err := w.Target.CreateAccount(ctx, name, cert)
		if err != nil {
			return fmt.Errorf("loadtest: account %s: %w", name, err)
		}
		w.callers = append(w.callers, &swarmCaller{bundle: bundle})
		progress(w.Progress, "accounts %d of %d", i+1, w.Callers)
	}
	return nil
}

// dismiss removes the accounts; a fresh context, since the run's may have ended.
func (w *swarm) dismiss() error {
	ctx, cancel := context.WithTimeout(context.Background(), dismissPatience)
	defer cancel()
	var failed error
	for _, c := range w.callers {
		if err := w.Target.DeleteAccount(ctx, c.bundle.Account); err != nil && failed == nil {
			failed = fmt.Errorf("loadtest: removing the accounts: %w", err)
		}
	}
	return failed
}

// Part is what a caller is dealt.
type Part struct {
	Room  int
	Talks bool
	Codec string
}

// Part is that of caller i.
func (o *Options) Part(i int) Part {
	// Going by the caller's place in its room deals the talkers evenly over the rooms; a room has at least one.
	place := i / o.Rooms
	share := func(n int) int { return int(float64(n)*o.Talkers + .5) }
	talks := share(place+1) > share(place) || (place == 0 && o.Talkers > 0 && share(o.Callers/o.Rooms) == 0)
	return Part{Room: i % o.Rooms, Talks: talks, Codec: cmp.Or(pick(o.Codecs, i), "opus")}
}

// mostTalkers is how many talkers the room with the most of them has.
func (o *Options) mostTalkers() int {
	talkers, most := make([]int, o.Rooms), 0
	for i := range o.Callers {
		if part := o.Part(i); part.Talks {
			talkers[part.Room]++
			most = max(most, talkers[part.Room])
		}
	}
	return most
}

// assign deals rooms, voices, methods, suites, groups and codecs.
func (w *swarm) assign() {
	stamp := time.Now().UnixNano() % 1e6
	for i := range w.Rooms {
		w.rooms = append(w.rooms, &room{name: fmt.Sprintf("swarm-%06d-%d", stamp, i), chorus: w.Chorus})
	}
	talkers := make([]int, w.Rooms)
	for i := range w.callers {
		if part := w.Part(i); part.Talks {
			talkers[part.Room]++
		}
	}
	talking := 0
	for i, c := range w.callers {
		part := w.Part(i)
		r, talks := w.rooms[part.Room], part.Talks
		// Neighbouring numbers share no tone, so that the talkers of a room come first: two who share one may cancel each other out.
		place := len(r.talkers)
		if !talks {
			place = talkers[part.Room] + len(r.members) - len(r.talkers)
		}
		number := ((i%w.Rooms)*((w.Callers+w.Rooms-1)/w.Rooms) + place) % sound.Talkers
		if talks && w.moves() { // for the gaps in what they say
			number = sound.SpreadVoice(i%w.Rooms, i%w.Rooms/sound.SpreadClasses*w.mostTalkers()+place)
		}
		c.member = &member{
			number: number, talks: talks, place: len(r.talkers), room: r, stage: w.stage, pairs: make(map[int]*pair), orders: make(chan order, maxOrders),
		}
		r.members = append(r.members, c.member)
		if talks {
			r.talkers = append(r.talkers, c.member)
			talking++
		}
		_, domain, _ := strings.Cut(c.bundle.URI, "@")
		c.plan = Plan{
			Bundle: c.bundle, URI: "sip:" + r.name + "@" + domain, Room: "sip:" + r.name + "@" + domain,
			Transport: w.Transport, Server: w.Target.Address(w.Transport, c.bundle), Methods: []keying.Method{pick(w.Keying, i)},
			Suite: pick(w.Suites, i), Group: pick(w.Groups, i), Codecs: []string{part.Codec},
			Voice: c.begin,
		}
	}
	w.tally.talkers = talking
}

// pick deals a list to callers in turn; the zero value from an empty list.
func pick[T any](list []T, i int) (v T) {
	if len(list) > 0 {
		v = list[i%len(list)]
	}
	return v
}

// rehearse encodes what the callers will say before they call: it takes some ten milliseconds for each talker.
func (w *swarm) rehearse() error {
	for i, c := range w.callers {
		f, err := FormatOf(c.plan.Codecs[0])
		if err == nil {
			_, err = c.rehearse(f)
		}
		if err != nil {
			return err
		}
		progress(w.Progress, "voices %d of %d", i+1, w.Callers)
	}
	return nil
}
