package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/conclave/conclave/server/gate"
)

func TestTriesAreCountedByWhoTriesAndWhere(t *testing.T) {
	now := time.Now()
	k := newTries(func() time.Time { return now })
	one, two, trunk := gate.Who{Account: "one"}, gate.Who{Account: "two"}, gate.Who{Trunk: "sbc"}
	for who, most := range map[gate.Who]int{one: maxTriesOfAccount, trunk: maxTriesOfTrunk} {
		for n := range most {
			if k.spent("club", who) || !k.take("club", who) {
				t.Fatalf("%+v: try %d was refused", who, n)
			}
		}
		if !k.spent("club", who) || k.take("club", who) {
			t.Errorf("%+v: more than %d tries", who, most)
		}
	}
	if !k.take("club", two) || !k.take("hall", one) {
		t.Error("somebody else, or another room, is shut out too")
	}
	now = now.Add(triesMemory - time.Second)
	if k.take("club", one) {
		t.Error("the time was cut short")
	}
	now = now.Add(time.Second)
	if !k.take("club", one) {
		t.Error("the time does not end")
	}
}

func TestWhatIsRightTakesItselfBack(t *testing.T) {
	k := newTries(time.Now)
	who := gate.Who{Account: "one"}
	for range 10 * maxTriesOfAccount {
		if !k.take("club", who) {
			t.Fatal("refused")
		}
		k.forget("club", who, 1)
	}
	if len(k.of) != 0 {
		t.Errorf("%d are remembered", len(k.of))
	}
	k.forget("club", who, 1) // nothing to take back
}

func TestTriesAreBounded(t *testing.T) {
	now := time.Now()
	k := newTries(func() time.Time { return now })
	for i := range maxTried {
		if !k.take("club", gate.Who{Account: fmt.Sprint(i)}) {
			t.Fatalf("%d refused", i)
		}
	}
	if k.take("club", gate.Who{Account: "one more"}) || !k.take("club", gate.Who{Account: "0"}) {
		t.Error("the unknown has a try, or the known has none")
	}
	now = now.Add(triesMemory)
	if !k.take("club", gate.Who{Account: "one more"}) || len(k.of) != 1 {
		t.Errorf("%d are remembered after their time", len(k.of))
	}
}
