package chaos

import (
	"reflect"
	"testing"
	"time"
)

func TestAScheduleIsItsSeeds(t *testing.T) {
	const length = 5 * time.Minute
	a := Plan(7, length, 3)
	if !reflect.DeepEqual(a, Plan(7, length, 3)) {
		t.Error("the same seed made two schedules")
	}
	if reflect.DeepEqual(a, Plan(8, length, 3)) {
		t.Error("two seeds made the same schedule")
	}
	overlaps := 0
	for i, s := range a[1:] {
		if s.At < a[i].At || s.At > length {
			t.Errorf("out of order or beyond the end: %s", s)
		}
		if s.At < a[i].End() {
			overlaps++
		}
	}
	if overlaps < len(a)/4 {
		t.Errorf("of %d steps, %d overlap the one before", len(a), overlaps)
	}
}

func TestEveryKindComes(t *testing.T) {
	seen := map[Kind]int{}
	for seed := range uint64(10) {
		for _, s := range Plan(seed, 5*time.Minute, 3) {
			seen[s.Kind]++
		}
	}
	for _, s := range habits {
		if seen[s.kind] < 5 {
			t.Errorf("%s: %d times in ten schedules", s.kind, seen[s.kind])
		}
	}
}
