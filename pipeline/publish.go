package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sync/errgroup"
)

// Published reports whether the partition's manifest is there, and what it
// counts.
func (o Output) Published(ctx context.Context, p Partition) (Counts, bool, error) {
	s, err := o.Tables.Summary(ctx, o.Store, p.ManifestKey())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Counts{}, false, nil
	case err != nil:
		return Counts{}, false, err
	}
	return s.Counts, true, nil
}

// Publish merges the parts that c names into the partition's manifest, then
// removes them. Done again, at any point, it comes to the same end.
//
// A manifest that is there already stands: it is complete, whoever published
// it, and the objects that it names cannot have changed. Which of two racing
// publishers wins does not matter, and the loser's counts are the winner's.
func (o Output) Publish(ctx context.Context, p Partition, c Checkpoint) (Counts, error) {
	counts, there, err := o.Published(ctx, p)
	if err != nil {
		return Counts{}, err
	}
	if !there {
		if err := c.Check(p); err != nil {
			return Counts{}, err
		}
		if !c.Done(p) {
			return Counts{}, fmt.Errorf("%s has rows without an outcome: %s", p.Name, c.summary(p))
		}
		err = o.Store.Stream(ctx, p.ManifestKey(), func(w io.Writer) (err error) {
			counts, err = o.Tables.Merge(ctx, o.Store, c.PartKeys(p), p, w)
			return err
		}, &WriteOptions{IfAbsent: true})
		if errors.Is(err, fs.ErrExist) {
			counts, _, err = o.Published(ctx, p)
		}
		if err != nil {
			return Counts{}, err
		}
	}
	return counts, o.deleteAll(ctx, p.WorkPrefix())
}

// deleteAll removes every object under prefix, some at a time.
func (o Output) deleteAll(ctx context.Context, prefix string) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for obj, err := range o.Store.List(ctx, prefix) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error { return o.Store.Delete(gctx, obj.Key) })
	}
	return g.Wait()
}
