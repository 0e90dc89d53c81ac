package progress

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	type point struct{ second, rows int64 }
	for _, c := range []struct {
		name   string
		points []point
		rate   float64
		left   time.Duration // of 1,000 rows
	}{
		{"nothing seen", nil, 0, 0},
		{"one look has no rate", []point{{0, 100}}, 0, 0},
		{"one second is too short", []point{{0, 0}, {1, 50}}, 0, 0},
		{"what was there before does not count", []point{{0, 5000}, {10, 5500}}, 50, 20 * time.Second},
		{"only the last half minute counts", []point{{0, 0}, {100, 100_000}, {115, 100_150}, {130, 100_300}}, 10, 100 * time.Second},
		{"a long gap counts whole", []point{{0, 0}, {100, 1000}}, 10, 100 * time.Second},
		{"a standstill has no end", []point{{0, 0}, {10, 500}, {50, 500}, {90, 500}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Meter
			for _, p := range c.points {
				m.Add(started.Add(time.Duration(p.second)*time.Second), p.rows)
			}
			if got := m.Rate(); got != c.rate {
				t.Errorf("rate %g, want %g", got, c.rate)
			}
			if got := m.Left(1000); got != c.left {
				t.Errorf("left %s, want %s", got, c.left)
			}
		})
	}
}
