package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
)

// SaveCopy keeps a checkpoint that the journal has accepted beside the output.
// It is for whoever has no heartbeats to resume from: the child of a workflow
// that was reset, and the next run after one that was cancelled or terminated.
func (o Output) SaveCopy(ctx context.Context, p Partition, c Checkpoint) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return o.Store.Write(ctx, p.checkpointKey(), data, &WriteOptions{ContentType: "application/json"})
}

// Resume finds where to go on with p: at the furthest of the hints and of the
// copy beside the output, or else at the beginning. Any of them would be safe.
//
// One that names a part that is gone cannot be resumed from: the parts are
// removed once the manifest is published, so somebody has removed the manifest
// to have the partition done again.
func (o Output) Resume(ctx context.Context, p Partition, hints ...Checkpoint) (Checkpoint, error) {
	candidates := slices.Clone(hints)
	switch data, err := o.Store.Read(ctx, p.checkpointKey()); {
	case err == nil:
		c, err := DecodeCheckpoint(data, p)
		if err != nil {
			return Checkpoint{}, err
		}
		candidates = append(candidates, c)
	case !errors.Is(err, fs.ErrNotExist):
		return Checkpoint{}, err
	}
	if len(candidates) == 0 {
		return Begin(p), nil
	}
	there := map[string]bool{}
	for obj, err := range o.Store.List(ctx, p.WorkPrefix()) {
		if err != nil {
			return Checkpoint{}, err
		}
		there[obj.Key] = true
	}
	best := Begin(p)
	for _, c := range candidates {
		if err := c.Check(p); err != nil {
			return Checkpoint{}, err
		}
		gone := slices.ContainsFunc(c.PartKeys(p), func(key string) bool { return !there[key] })
		if !gone && c.Later(best) {
			best = c
		}
	}
	return best, nil
}
