package bench

import (
	"slices"
	"testing"
	"time"
)

// contender does the whole of a job once.
type contender struct {
	name string
	run  func(b *testing.B)
	// cpu is the CPU time that all of its processes have used so far; nil is
	// that of this process and its decoders.
	cpu func(b *testing.B) time.Duration
	// check, if it is not nil, looks at what was made, outside the clock.
	check func(b *testing.B)
}

// results are the seconds that each contender took in each round.
type results map[string]struct{ wall, cpu []float64 }

// times is how many times base's images a second, and a CPU second, name did: the
// medians over the rounds.
func (r results) times(name, base string) (wall, cpu float64) {
	ratio := func(mine, theirs []float64) float64 {
		var all []float64
		for round := range mine {
			all = append(all, theirs[round]/mine[round])
		}
		return median(all)
	}
	return ratio(r[name].wall, r[base].wall), ratio(r[name].cpu, r[base].cpu)
}

// duel lets contenders do the same job over so many images in turns, one turn
// each a round, and reports the rates and their ratios to the first one's.
func duel(b *testing.B, images int, contenders ...contender) results {
	b.Helper()
	all := results{}
	for round := 0; b.Loop(); round++ {
		for turn := range contenders {
			// Who goes first changes, since the first finds a rested machine.
			c := contenders[(turn+round)%len(contenders)]
			if c.cpu == nil {
				c.cpu = ownCPU
			}
			before, begun := c.cpu(b), time.Now()
			c.run(b)
			mine := all[c.name]
			mine.wall = append(mine.wall, time.Since(begun).Seconds())
			mine.cpu = append(mine.cpu, (c.cpu(b) - before).Seconds())
			all[c.name] = mine
			if c.check != nil {
				c.check(b)
			}
		}
	}
	b.ReportMetric(0, "ns/op") // of a whole round: it says nothing
	for i, c := range contenders {
		b.Logf("%s: %.1f s, and %.1f s of CPU", c.name, all[c.name].wall, all[c.name].cpu)
		b.ReportMetric(float64(images)/median(all[c.name].wall), "images/s:"+c.name)
		b.ReportMetric(1000*median(all[c.name].cpu)/float64(images), "cpu-ms:"+c.name)
		if i > 0 {
			all.report(b, c.name, contenders[0].name)
		}
	}
	return all
}

func (r results) report(b *testing.B, name, base string) {
	b.Helper()
	wall, cpu := r.times(name, base)
	b.ReportMetric(wall, name+"/"+base)
	b.ReportMetric(cpu, name+"/"+base+":cpu")
	b.Logf("%s/%s: %.3f of the images a second, %.3f of the images a CPU second", name, base, wall, cpu) // metrics are not printed of one that fails
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
