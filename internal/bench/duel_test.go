package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// contender does the whole of a job once.
type contender struct {
	name string
	run  func(b *testing.B)
	// cpu is the CPU time that all of its processes have used so far; nil is
	// that of this process.
	cpu func(b *testing.B) time.Duration
}

// duel lets contenders do the same job over so many images in turns, one turn
// each a round, and reports the rates and their ratios to the first one's.
func duel(b *testing.B, images int, contenders ...contender) {
	b.Helper()
	wall := make([][]float64, len(contenders)) // seconds, by contender and round
	cpu := make([][]float64, len(contenders))
	for round := 0; b.Loop(); round++ {
		for turn := range contenders {
			// Who goes first changes, since the first finds a rested machine.
			i := (turn + round) % len(contenders)
			c := contenders[i]
			if c.cpu == nil {
				c.cpu = ownCPU
			}
			before, begun := c.cpu(b), time.Now()
			c.run(b)
			wall[i] = append(wall[i], time.Since(begun).Seconds())
			cpu[i] = append(cpu[i], (c.cpu(b) - before).Seconds())
		}
	}
	b.ReportMetric(0, "ns/op") // of a whole round: it says nothing
	for i, c := range contenders {
		b.ReportMetric(float64(images)/median(wall[i]), "images/s:"+c.name)
		b.ReportMetric(1000*median(cpu[i])/float64(images), "cpu-ms:"+c.name)
		if i > 0 {
			ratios := make([]float64, len(wall[i]))
			for round := range ratios {
				ratios[round] = wall[0][round] / wall[i][round]
			}
			b.ReportMetric(median(ratios), fmt.Sprintf("%s/%s", c.name, contenders[0].name))
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
