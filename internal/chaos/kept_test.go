package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/pipeline"
)

// kept are the sources whose rows were in a checkpoint that was accepted, by the
// copies beside the output: whatever happens then, no later attempt asks for them
// again.
type kept struct {
	mu    sync.Mutex
	since map[string]time.Time // by source: when it was first seen
	cut   map[*version]int     // into how many ranges the runs cut it, if that has changed

	plans map[string]pipeline.Partition // by name
	seen  map[string]stamp              // of copies
}

func newKept() kept {
	return kept{since: map[string]time.Time{}, cut: map[*version]int{}, plans: map[string]pipeline.Partition{}, seen: map[string]stamp{}}
}

// forget is for a file that the next run cuts into n ranges: its partitions are
// others then, and begin anew.
func (k *kept) forget(v *version, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut[v] = n
	for _, source := range v.sources {
		delete(k.since, source)
	}
}

func (k *kept) look(o *watched) {
	copies, _ := filepath.Glob(filepath.Join(o.folder, "_partitions", "*", "checkpoint.json"))
	for _, path := range copies {
		is, err := stampOf(path)
		if err != nil || is == k.seen[path] {
			continue
		}
		body, err := os.ReadFile(path)
		var c pipeline.Checkpoint
		if err != nil || json.Unmarshal(body, &c) != nil {
			continue // it is being replaced
		}
		k.seen[path] = is
		p, ok := k.partition(o, filepath.Base(filepath.Dir(path)))
		id, _, n, _ := pipeline.SplitPartitionName(p.Name)
		v := o.dataset.of(id)
		if !ok || v == nil {
			continue
		}
		k.note(v, n, p, c, is.modified)
	}
}

// note takes in a checkpoint of a partition that is one of n of v.
func (k *kept) note(v *version, n int, p pipeline.Partition, c pipeline.Checkpoint, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cut, changed := k.cut[v]; changed && cut != n {
		return
	}
	open := map[int64]bool{}
	for _, h := range c.Holes {
		for row := h.First; row < h.End(); row++ {
			open[row] = true
		}
	}
	for row := p.First; row < c.Next; row++ {
		if source := v.sources[row]; !open[row] && k.since[source].IsZero() {
			k.since[source] = at
		}
	}
}

// partition finds a partition in the plans of an output.
func (k *kept) partition(o *watched, name string) (pipeline.Partition, bool) {
	if _, known := k.plans[name]; !known {
		pages, _ := filepath.Glob(filepath.Join(o.folder, pipeline.RunPrefix, "*", "plan-*.json"))
		for _, page := range pages {
			var ps []pipeline.Partition
			if body, err := os.ReadFile(page); err == nil && json.Unmarshal(body, &ps) == nil {
				for _, p := range ps {
					k.plans[p.Name] = p
				}
			}
		}
	}
	p, ok := k.plans[name]
	return p, ok
}

// planned is how many partitions the runs of an output planned.
func planned(folder string) (n int) {
	files, _ := filepath.Glob(filepath.Join(folder, pipeline.RunPrefix, "*", "plan.json"))
	for _, f := range files {
		var plan pipeline.PlanSummary
		if body, err := os.ReadFile(f); err == nil && json.Unmarshal(body, &plan) == nil {
			n += plan.Partitions
		}
	}
	return n
}
