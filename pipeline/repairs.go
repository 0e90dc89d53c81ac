package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// repairs are what a verification found that doing it again would mend.
type repairs struct {
	// Manifests are keys of manifests that are taken out of the way, so that
	// their partitions are done anew.
	Manifests []string `json:"manifests,omitempty"`
	// Rows are rows of manifests that stand, by partition.
	Rows map[string]Runs `json:"rows,omitempty"`
}

func (r *repairs) manifest(key string) {
	if !slices.Contains(r.Manifests, key) {
		r.Manifests = append(r.Manifests, key)
	}
}

// row may come in any order.
func (r *repairs) row(partition string, row int64) {
	if r.Rows == nil {
		r.Rows = map[string]Runs{}
	}
	r.Rows[partition] = r.Rows[partition].With(row)
}

func (r repairs) empty() bool { return len(r.Manifests) == 0 && len(r.Rows) == 0 }

func (req VerifyRequest) repairsKey(i int) string {
	return fmt.Sprintf("%srepairs-%05d.json", req.Run, i)
}

// readRepairs reads what the chunks of a verification have written down.
func (o Output) readRepairs(ctx context.Context, run string) (all repairs, err error) {
	all.Rows = map[string]Runs{}
	for obj, err := range o.Store.List(ctx, run+"repairs-") {
		if err != nil {
			return all, err
		}
		r, err := readJSON[repairs](ctx, o.Store, obj.Key)
		if err != nil {
			return all, err
		}
		all.Manifests = append(all.Manifests, r.Manifests...)
		for name, rows := range r.Rows { // a partition is in one chunk
			all.Rows[name] = rows
		}
	}
	for _, key := range all.Manifests {
		name, _ := partitionOfManifest(key)
		delete(all.Rows, name)
	}
	return all, nil
}

// EndVerify is the last step of a verification: what it stored for itself is
// removed, and what has to be repaired stays.
func (o Output) EndVerify(ctx context.Context, req VerifyRequest, found int64) error {
	for obj, err := range o.Store.List(ctx, req.Run) {
		if err != nil {
			return err
		}
		if found > 0 && strings.HasPrefix(obj.Key, req.Run+"repairs-") {
			continue
		}
		if err := o.Store.Delete(ctx, obj.Key); err != nil {
			return err
		}
	}
	return nil
}
