package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// planRedo plans rows of published partitions that are to be done again. They
// are found in the manifests, and nothing of the dataset is read for it, but
// where a repair finds whole partitions missing.
//
// The spec is the output's own: whoever asks need not know it.
func (o Output) planRedo(ctx context.Context, req PlanRequest, progress func(PlanProgress)) (PlanSummary, error) {
	if err := req.Redo.Check(); err != nil {
		return PlanSummary{}, err
	}
	spec, err := ReadSpec(ctx, o.Store)
	if err != nil {
		return PlanSummary{}, err
	}
	req.Spec = spec
	var repairs repairs
	if req.Redo.Repairs != "" {
		if repairs, err = o.readRepairs(ctx, req.Redo.Repairs); err != nil {
			return PlanSummary{}, err
		}
	}
	done, err := o.tally(ctx, repairs.Manifests)
	if err != nil {
		return PlanSummary{}, err
	}
	pl := newPlanner(o, req, done, progress)
	pl.sum.Spec = &spec
	pl.dropped = repairs.Manifests
	if req.Redo.Repairs == "" {
		if pl.redo, err = o.selected(ctx, done, *req.Redo); err != nil {
			return PlanSummary{}, err
		}
		for _, name := range slices.Sorted(maps.Keys(done)) {
			if err := pl.earlier(ctx, name); err != nil {
				return PlanSummary{}, err
			}
		}
		return pl.accept(ctx)
	}
	if pl.redo, err = o.redos(ctx, done, slices.Collect(maps.Keys(repairs.Rows)), func(name string, row Outcome) bool {
		return repairs.Rows[name].Contain(row.Row)
	}); err != nil {
		return PlanSummary{}, err
	}
	if err := pl.scan(ctx); err != nil {
		return PlanSummary{}, err
	}
	return pl.accept(ctx)
}

// selected are the redos of the failed rows that sel selects.
func (o Output) selected(ctx context.Context, done manifests, sel Selection) (map[string]*Redo, error) {
	var names []string
	for name, e := range done {
		if sel.mayMatch(e.Counts) {
			names = append(names, name)
		}
	}
	return o.redos(ctx, done, names, func(_ string, row Outcome) bool { return sel.matches(row) })
}

// redos reads manifests, some at a time, and picks rows of them.
func (o Output) redos(ctx context.Context, done manifests, names []string, pick func(name string, row Outcome) bool) (map[string]*Redo, error) {
	var mu sync.Mutex
	redos := map[string]*Redo{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, name := range names {
		e, ok := done[name]
		if !ok {
			continue
		}
		g.Go(func() error {
			var rows Runs
			var kept Counts
			for row, err := range o.Tables.Scan(ctx, o.Store, e.Partition.ManifestKey()) {
				if err != nil {
					return err
				}
				if pick(name, row) {
					rows = rows.Add(row.Row)
				} else {
					kept.Add(row)
				}
			}
			if len(rows) == 0 {
				return nil
			}
			redo, err := newRedo(e.Manifest, rows, kept)
			mu.Lock()
			defer mu.Unlock()
			redos[name] = redo
			return err
		})
	}
	return redos, g.Wait()
}
