package pipeline

import (
	"context"
	"hash/maphash"
	"time"
)

// Horizon is for how long an attempt that the server has given up on may still
// be writing: a machine that slept, a network that was cut.
const Horizon = 24 * time.Hour

// CollectRequest says what to collect.
type CollectRequest struct {
	// Run is the prefix of what collecting itself stores.
	Run string `json:"run"`
	// Horizon is how old something must be to be removed.
	Horizon time.Duration `json:"horizon"`
	// DryRun removes nothing, and counts what would be.
	DryRun bool `json:"dry_run,omitempty"`
}

// Collected is what was removed. Before Collect has come to its end, it is how
// far that has come.
type Collected struct {
	Images int64 `json:"images"` // objects under images/
	Bytes  int64 `json:"bytes"`  // of these
	// Work counts objects under _partitions/ that nobody can go on from, and
	// what verifications have left.
	Work int64 `json:"work"`
	// Unfinished counts temporary files and open uploads.
	Unfinished int64 `json:"unfinished"`
	// Named is how many images are named, and stay; Young how many are not, and
	// stay because of their age.
	Named  int64 `json:"named"`
	Young  int64 `json:"young"`
	DryRun bool  `json:"dry_run,omitempty"`
}

// namedAtOnce bounds what Collect holds in memory: 8 bytes for each of so many
// keys. An output with more of them is gone over several times.
var namedAtOnce int64 = 8 << 20

// Collect removes what no manifest names, and nobody can go on from: images of
// attempts that were given up on, parts of theirs, the work of files that have
// changed since, unfinished writes.
//
// No run of the output may be open meanwhile: it could store an image anew that
// is about to be removed. An image of a part that a checkpoint names stays, since
// the next run goes on from there.
func (o Output) Collect(ctx context.Context, req CollectRequest, progress func(Collected)) (Collected, error) {
	done, err := o.collect(ctx, req, progress)
	return done, o.blame(err)
}

func (o Output) collect(ctx context.Context, req CollectRequest, progress func(Collected)) (Collected, error) {
	c := &collector{o: o, req: req, progress: progress, seed: maphash.MakeSeed()}
	c.done.DryRun = req.DryRun
	if _, err := ReadSpec(ctx, o.Store); err != nil {
		return c.done, err
	}
	now, err := o.clock(ctx, req.Run)
	if err != nil {
		return c.done, err
	}
	c.before = now.Add(-req.Horizon)
	for _, step := range []func(context.Context) error{c.work, c.images, c.verifications, c.unfinished} {
		if err := step(ctx); err != nil {
			return c.done, err
		}
	}
	return c.done, nil
}

// clock is the store's time: ages are counted by it, whatever ours says.
func (o Output) clock(ctx context.Context, run string) (time.Time, error) {
	key := run + "clock"
	if err := o.Store.Write(ctx, key, nil, nil); err != nil {
		return time.Time{}, err
	}
	obj, err := o.Store.Stat(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	return obj.ModTime, o.Store.Delete(ctx, key)
}

type collector struct {
	o        Output
	req      CollectRequest
	progress func(Collected)
	before   time.Time
	done     Collected

	parts []string // that the next run goes on from

	// A pass over the images knows the hashes of the keys that fall to it: a
	// collision keeps what could go.
	seed  maphash.Seed
	named []uint64
}

// old is whether an object is past the horizon.
func (c *collector) old(obj Object) bool { return !obj.ModTime.After(c.before) }

func (c *collector) remove(ctx context.Context, obj Object, counts *int64) error {
	*counts++
	if c.req.DryRun {
		return nil
	}
	return c.o.Store.Delete(ctx, obj.Key)
}
