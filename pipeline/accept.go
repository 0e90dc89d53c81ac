package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// accept makes the plan the output's: from here on the output changes.
func (pl *planner) accept(ctx context.Context) (PlanSummary, error) {
	o, run := pl.o, pl.req.Run
	replaced := pl.replaced()
	pl.sum.Replaced = len(replaced)
	if err := pl.flush(ctx); err != nil {
		return PlanSummary{}, err
	}
	err := writeJSON(ctx, o.Store, specKey, pl.req.Spec, WriteOptions{IfAbsent: true})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return PlanSummary{}, err
	}
	if err := writeJSON(ctx, o.Store, replacedKey(run), replaced, WriteOptions{}); err != nil {
		return PlanSummary{}, err
	}
	if err := writeJSON(ctx, o.Store, planKey(run), pl.sum, WriteOptions{}); err != nil {
		return PlanSummary{}, err
	}
	if pl.sum.Partitions > 0 || len(replaced) > 0 {
		if err := o.Store.Delete(ctx, SuccessKey); err != nil {
			return PlanSummary{}, err
		}
	}
	for _, key := range pl.dropped {
		if err := o.Store.Delete(ctx, key); err != nil {
			return PlanSummary{}, err
		}
	}
	return pl.sum, nil
}

// mistake is what the caller got wrong about the dataset as a whole. A single
// file that is wrong is a partition that fails, and the others go on.
func (pl *planner) mistake() error {
	if pl.sum.Files == 0 {
		return Usagef("no Parquet file under %s: a dataset is its *.parquet files, but for names that begin with _ or .", pl.o.Dataset.URL())
	}
	if pl.usable == 0 && pl.problem != "" {
		return Usagef("%s, in %s", pl.problem, pl.o.Dataset.URL())
	}
	return nil
}

// replaced are the manifests of files that are in the dataset with another
// version now, or cut otherwise. A file that vanished keeps its manifests.
func (pl *planner) replaced() []string {
	keys := []string{}
	for _, name := range slices.Sorted(maps.Keys(pl.done)) {
		if p := pl.done[name].Partition; !pl.current[name] && pl.paths[p.File] {
			keys = append(keys, p.ManifestKey())
		}
	}
	return keys
}

// pageSize is how many partitions a page of the plan holds: some 250 kB.
const pageSize = 1000

func pageKey(run string, page int) string { return fmt.Sprintf("%splan-%05d.json", run, page) }

func planKey(run string) string { return run + "plan.json" }

func replacedKey(run string) string { return run + "replaced.json" }

// flush stores the page that has been filled.
func (pl *planner) flush(ctx context.Context) error {
	if len(pl.page) == 0 {
		return nil
	}
	err := writeJSON(ctx, pl.o.Store, pageKey(pl.req.Run, pl.pages), pl.page, WriteOptions{})
	pl.pages++
	pl.page = pl.page[:0]
	return err
}

// Partitions reads n partitions of a run's plan, from the first one on. Fewer
// come back only at the end of the plan.
func (o Output) Partitions(ctx context.Context, run string, first, n int) ([]Partition, error) {
	var ps []Partition
	for n > 0 {
		page, err := readJSON[[]Partition](ctx, o.Store, pageKey(run, first/pageSize))
		if errors.Is(err, fs.ErrNotExist) {
			return ps, nil
		}
		if err != nil {
			return nil, err
		}
		at := first % pageSize
		if at >= len(page) {
			return ps, nil
		}
		take := min(n, len(page)-at)
		ps = append(ps, page[at:at+take]...)
		first, n = first+take, n-take
	}
	return ps, nil
}
