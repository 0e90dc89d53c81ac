package pipeline

import (
	"context"
	"fmt"
	"strings"
)

// Status of a run that has ended.
const (
	Succeeded = "succeeded"
	Broken    = "failed"
	Cancelled = "cancelled"
)

func summaryKey(run string) string { return run + "summary.json" }

// summary is what Finish writes for people and their scripts.
type summary struct {
	Run string `json:"run"`
	Ending
	Totals
}

// Finish counts what is published, over all runs, and writes the run's summary.
// After a success it removes the manifests that this run replaced, and then
// writes _SUCCESS, last.
func (o Output) Finish(ctx context.Context, run string, e Ending) (Totals, error) {
	published, err := o.tally(ctx, nil)
	if err != nil {
		return Totals{}, err
	}
	if e.Status == Succeeded {
		if err := o.complete(ctx, run, published); err != nil {
			return Totals{}, err
		}
		replaced, err := readJSON[[]string](ctx, o.Store, replacedKey(run))
		if err != nil {
			return Totals{}, err
		}
		for _, key := range replaced {
			if err := o.Store.Delete(ctx, key); err != nil {
				return Totals{}, err
			}
			name, _ := partitionOfManifest(key)
			delete(published, name)
		}
		if err := o.sweep(ctx, published); err != nil {
			return Totals{}, err
		}
	}
	if err := o.writeLedger(ctx, published); err != nil {
		return Totals{}, err
	}
	s := summary{run, e, published.totals()}
	if err := writeJSON(ctx, o.Store, summaryKey(run), s, WriteOptions{}); err != nil {
		return Totals{}, err
	}
	if e.Status == Succeeded {
		return s.Totals, o.Store.Write(ctx, SuccessKey, []byte(strings.TrimSuffix(run, "/")+"\n"), nil)
	}
	return s.Totals, nil
}

// sweep removes what publishing has left behind where it was killed between the
// manifest and the removal of the parts.
func (o Output) sweep(ctx context.Context, published manifests) error {
	for obj, err := range o.Store.List(ctx, workPrefix) {
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(obj.Key, workPrefix), "/")
		if _, ok := published[name]; !ok {
			continue
		}
		if err := o.Store.Delete(ctx, obj.Key); err != nil {
			return err
		}
	}
	return nil
}

// complete holds the run's plan against what is published: _SUCCESS must not
// say what is not so, whatever the workflow believes.
func (o Output) complete(ctx context.Context, run string, published manifests) error {
	for first := 0; ; first += pageSize {
		ps, err := o.Partitions(ctx, run, first, pageSize)
		if err != nil {
			return err
		}
		for _, p := range ps {
			e, ok := published[p.Name]
			if !ok {
				return &FileError{p.File, fmt.Sprintf("the manifest of %s is gone: run again", p.Name)}
			}
			if r := p.Redo; r != nil && e.Redo != r.ID {
				return &FileError{p.File, fmt.Sprintf("the manifest of %s is not the one in which %d rows were done again: retry", p.Name, r.Rows.Count())}
			}
		}
		if len(ps) < pageSize {
			return nil
		}
	}
}
