package pipeline

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"path"
	"slices"
	"strings"
)

// work removes what is under _partitions/ and of no use any more, and notes the
// parts that are of use.
func (c *collector) work(ctx context.Context) error {
	current := map[string]bool{}
	for file, err := range c.o.Dataset.List(ctx, "") {
		if err != nil {
			return err
		}
		if isDataFile(file.Key) {
			current[FileID(file.Key, file.Version)] = true
		}
	}
	published := map[string][]string{} // partitions, by file and version
	for obj, err := range c.o.Store.List(ctx, ManifestPrefix) {
		if err != nil {
			return err
		}
		if name, ok := partitionOfManifest(obj.Key); ok {
			id, _, _, _ := SplitPartitionName(name)
			published[id] = append(published[id], name)
		}
	}
	// Of a file that is done, by whichever cut, nothing is to be gone on with.
	useful := func(name string) bool {
		id, _, _, ok := SplitPartitionName(name)
		return ok && current[id] && !slices.Contains(published[id], name) && wholeCut(published[id]) == nil
	}
	// A listing has a place's objects one after the other.
	var place []Object
	for obj, err := range c.o.Store.List(ctx, workPrefix) {
		if err != nil {
			return err
		}
		if len(place) > 0 && path.Dir(place[0].Key) != path.Dir(obj.Key) {
			if err := c.place(ctx, place, useful); err != nil {
				return err
			}
			place = place[:0]
		}
		place = append(place, obj)
	}
	return c.place(ctx, place, useful)
}

// place goes over the objects of one partition's place, or of one of its redos.
func (c *collector) place(ctx context.Context, objects []Object, useful func(partition string) bool) error {
	if len(objects) == 0 {
		return nil
	}
	prefix := path.Dir(objects[0].Key) + "/"
	partition, redo, _ := strings.Cut(strings.TrimPrefix(prefix, workPrefix), "/")
	keep := []string{}
	at := slices.IndexFunc(objects, func(o Object) bool { return o.Key == prefix+checkpointName })
	// Of a redo, nobody knows whether it will be asked for again: it has as long
	// as the horizon.
	if at >= 0 && (redo == "" && useful(partition) || redo != "" && !c.old(objects[at])) {
		var cp Checkpoint
		data, err := c.o.Store.Read(ctx, prefix+checkpointName)
		if err == nil {
			err = json.Unmarshal(data, &cp)
		}
		if err != nil {
			return err
		}
		keep = append(cp.partKeys(prefix), prefix+checkpointName)
	}
	for _, obj := range objects {
		switch {
		case slices.Contains(keep, obj.Key):
			if strings.HasSuffix(obj.Key, ".parquet") {
				c.parts = append(c.parts, obj.Key)
			}
		case c.old(obj):
			if err := c.remove(ctx, obj, &c.done.Work); err != nil {
				return err
			}
		}
	}
	c.progress(c.done)
	return nil
}

// images removes the images that neither a manifest nor a part of use names, a
// share of all keys at a time.
func (c *collector) images(ctx context.Context) error {
	tables := slices.Clone(c.parts)
	rows := int64(len(c.parts)) * checkpointRows
	for obj, err := range c.o.Store.List(ctx, ManifestPrefix) {
		if err != nil {
			return err
		}
		s, err := c.o.Tables.Summary(ctx, c.o.Store, obj.Key)
		if err != nil {
			return err // what it names is not known, so that nothing can go
		}
		tables = append(tables, obj.Key)
		rows += s.Counts.OK
	}
	shares := uint64(rows/namedAtOnce + 1)
	for share := range shares {
		mine := func(key string) (hash uint64, ok bool) {
			h := maphash.String(c.seed, key)
			return h, h%shares == share
		}
		c.named = c.named[:0]
		for _, table := range tables {
			for row, err := range c.o.Tables.Scan(ctx, c.o.Store, table) {
				if err != nil {
					return err
				}
				if h, ok := mine(row.Key); ok && row.Status == OK {
					c.named = append(c.named, h)
				}
			}
		}
		slices.Sort(c.named)
		if err := c.unnamed(ctx, mine); err != nil {
			return err
		}
	}
	return nil
}

// unnamed removes the images of a share that nothing names.
func (c *collector) unnamed(ctx context.Context, mine func(key string) (uint64, bool)) error {
	for obj, err := range c.o.Store.List(ctx, ImagePrefix) {
		if err != nil {
			return err
		}
		h, ok := mine(obj.Key)
		if !ok {
			continue
		}
		_, named := slices.BinarySearch(c.named, h)
		switch {
		case named:
			c.done.Named++
		case !c.old(obj):
			c.done.Young++
		default:
			if err := c.remove(ctx, obj, &c.done.Images); err != nil {
				return err
			}
			c.done.Bytes += obj.Size
		}
		if (c.done.Named+c.done.Young+c.done.Images)%told == 0 {
			c.progress(c.done)
		}
	}
	return nil
}

// verifications removes what verifications have left.
func (c *collector) verifications(ctx context.Context) error {
	for obj, err := range c.o.Store.List(ctx, VerifyPrefix) {
		if err != nil {
			return err
		}
		if c.old(obj) {
			if err := c.remove(ctx, obj, &c.done.Work); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfinished removes what unfinished writes have left.
func (c *collector) unfinished(ctx context.Context) error {
	if c.req.DryRun {
		return nil
	}
	n, err := c.o.Store.Sweep(ctx, c.before)
	c.done.Unfinished += int64(n)
	return err
}
