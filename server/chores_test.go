package server

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/conclave/conclave/legs"
)

// No more run at a time than are allowed, none outlives its time, and none begins once they are closed.
func TestChores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		c := newChores(most, time.Minute)
		began := time.Now()
		var mu sync.Mutex
		ended := 0
		work := func(ctx context.Context) {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ended++
		}
		for range most {
			if !c.begin(work) {
				t.Fatal("refused though there is room")
			}
		}
		if c.begin(work) {
			t.Error("one too many")
		}
		c.close()
		if took := time.Since(began); ended != most || took != time.Minute {
			t.Errorf("%d ended within %v", ended, took)
		}
		if c.begin(work) {
			t.Error("one began after the end")
		}
	})
}

func TestChoresMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChores(1, time.Minute)
		for range 3 {
			if !c.begin(func(context.Context) {}) {
				t.Error("refused though the one before has ended")
			}
			synctest.Wait()
		}
		c.close()
	})
}

func TestResultOf(t *testing.T) {
	for _, test := range []struct {
		ours bool
		err  error
		want string
	}{
		{true, nil, rekeyDone},
		{false, nil, rekeyDone},
		{true, &legs.Refused{Status: 488}, rekeyRefused},
		{false, errors.New("replayed"), rekeyRefused},
		{true, context.DeadlineExceeded, rekeyFailed},
		{true, legs.ErrEnded, rekeyFailed},
	} {
		if got := resultOf(test.ours, test.err); got != test.want {
			t.Errorf("ours %v, %v: %s, want %s", test.ours, test.err, got, test.want)
		}
	}
}
