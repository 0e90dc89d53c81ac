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
// counts. For a redo, the manifest that it replaces is none; one that is neither
// that nor its own is a *FileError.
func (o Output) Published(ctx context.Context, p Partition) (Counts, bool, error) {
	s, err := o.Tables.Summary(ctx, o.Store, p.ManifestKey())
	switch r := p.Redo; {
	case errors.Is(err, fs.ErrNotExist) && r == nil:
		return Counts{}, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return Counts{}, false, &FileError{p.ManifestKey(), "it was removed while rows of it were done again: run again"}
	case err != nil:
		return Counts{}, false, err
	case r == nil || s.Redo == r.ID:
		return s.Counts, true, nil
	case s.Version == r.Manifest:
		return Counts{}, false, nil
	}
	return Counts{}, false, &FileError{p.ManifestKey(), "it was replaced while rows of it were done again: retry again"}
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
		}, p.replacing())
		if errors.Is(err, fs.ErrExist) {
			if counts, there, err = o.Published(ctx, p); err == nil && !there {
				err = fmt.Errorf("%s is said to be there, and is not", p.ManifestKey())
			}
		}
		if err != nil {
			return Counts{}, err
		}
	}
	return counts, o.deleteAll(ctx, p.WorkPrefix())
}

// replacing says what the manifest may take the place of: nothing, or the one
// that a redo began with.
func (p Partition) replacing() *WriteOptions {
	if p.Redo != nil {
		return &WriteOptions{IfVersion: p.Redo.Manifest}
	}
	return &WriteOptions{IfAbsent: true}
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
