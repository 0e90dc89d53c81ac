package main

import (
	"testing"
	"time"

	"sluice/internal/demo/origin"
)

func TestARepeatedRequestIsChargedToTheKillThatLostTheOneBefore(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	requests := []origin.Request{
		{At: at(1), URI: "/a"},
		{At: at(2), URI: "/b"},
		{At: at(3), URI: "/a"}, // before any kill
		{At: at(11), URI: "/a"},
		{At: at(12), URI: "/c"},
		{At: at(21), URI: "/b"}, // lost by the first kill, taken up after the second
		{At: at(22), URI: "/c"},
		{At: at(23), URI: "/c"}, // no kill in between
	}
	kills := []kill{{at: at(10)}, {at: at(20)}}
	if n := charge(requests, kills); n != 2 {
		t.Errorf("%d repeats without a kill, want 2", n)
	}
	if kills[0].again != 2 || kills[1].again != 1 {
		t.Errorf("kills cost %d and %d, want 2 and 1", kills[0].again, kills[1].again)
	}
}
