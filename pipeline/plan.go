package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// inspections is how many footers are read at once while planning.
const inspections = 32

// Plan lists the dataset, leaves out what is published, cuts the rest into
// partitions and stores them as the run's pages. A mistake of the caller is a
// *UsageError, found before anything of the output has changed.
//
// A file that is done costs its listing and its manifests'. The others' footers
// are read some at a time and never held all at once: a dataset may have
// 100,000 files.
func (o Output) Plan(ctx context.Context, req PlanRequest, progress func(PlanProgress)) (PlanSummary, error) {
	sum, err := o.plan(ctx, req, progress)
	return sum, o.blame(err)
}

func (o Output) plan(ctx context.Context, req PlanRequest, progress func(PlanProgress)) (PlanSummary, error) {
	if req.Redo != nil {
		return o.planRedo(ctx, req, progress)
	}
	if err := req.Spec.Check(); err != nil {
		return PlanSummary{}, err
	}
	if req.RowsPerPartition < 1 || req.RowsPerPartition > MaxRowsPerPartition {
		return PlanSummary{}, Usagef("%d rows a partition is not from 1 to %d", req.RowsPerPartition, MaxRowsPerPartition)
	}
	if err := o.checkSpec(ctx, req.Spec); err != nil {
		return PlanSummary{}, err
	}
	done, err := o.tally(ctx, nil)
	if err != nil {
		return PlanSummary{}, err
	}
	pl := newPlanner(o, req, done, progress)
	if err := pl.scan(ctx); err != nil {
		return PlanSummary{}, err
	}
	return pl.accept(ctx)
}

// checkSpec refuses an output that belongs to another spec, or cannot be
// written.
func (o Output) checkSpec(ctx context.Context, spec Spec) error {
	was, err := readJSON[Spec](ctx, o.Store, specKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if d := was.Difference(spec); d != "" {
			return Usagef("output %s holds another job's images: %s; take another --output", o.Store.URL(), d)
		}
	}
	if err := o.Store.Write(ctx, probeKey, nil, nil); err != nil {
		return err
	}
	return o.Store.Delete(ctx, probeKey)
}

// planner is one planning of a run.
type planner struct {
	o        Output
	req      PlanRequest
	done     manifests
	ofFile   map[string][]string // names of done, by FileID
	progress func(PlanProgress)

	sum   PlanSummary
	page  []Partition
	pages int
	// current are the manifests that the current files account for; paths are
	// the current files.
	current map[string]bool
	paths   map[string]bool
	// problem is what is wrong with the columns of the first file that has them
	// wrong; usable is how many files have them right.
	problem string
	usable  int
	// redo are the published partitions of which rows are done again, by name.
	redo map[string]*Redo
	// dropped are the keys of manifests that a repair takes out of the way.
	dropped []string
}

func newPlanner(o Output, req PlanRequest, done manifests, progress func(PlanProgress)) *planner {
	return &planner{
		o: o, req: req, done: done, ofFile: done.byFile(), progress: progress,
		sum: PlanSummary{Run: req.Run}, current: map[string]bool{}, paths: map[string]bool{},
	}
}

// inspected is a file of the dataset: published already, or read for planning.
type inspected struct {
	file Object
	done []string // the names of its partitions, if all are published
	info FileInfo
	err  error
}

// scan goes over the dataset's files in the order of their listing. After a
// mistake of the caller nothing of the plan is left.
func (pl *planner) scan(ctx context.Context) error {
	err := pl.files(ctx)
	if err == nil {
		err = pl.mistake()
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		err = errors.Join(err, pl.o.deleteAll(ctx, pl.req.Run))
	}
	return err
}

func (pl *planner) files(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Footers are read ahead, and taken up in order.
	ahead := make(chan chan inspected, inspections)
	listing := make(chan error, 1)
	go func() {
		defer close(ahead)
		listing <- pl.list(ctx, ahead)
	}()
	for next := range ahead {
		if err := pl.take(ctx, <-next); err != nil {
			cancel()
			for next := range ahead { // the lister and its readers end
				<-next
			}
			return err
		}
	}
	return <-listing
}

func (pl *planner) list(ctx context.Context, ahead chan<- chan inspected) error {
	for file, err := range pl.o.Dataset.List(ctx, "") {
		if err != nil {
			return err
		}
		if !isDataFile(file.Key) {
			continue
		}
		next := make(chan inspected, 1)
		select {
		case ahead <- next:
		case <-ctx.Done():
			return ctx.Err()
		}
		if done := pl.published(file); done != nil {
			next <- inspected{file: file, done: done}
			continue
		}
		go func() {
			info, err := pl.o.Tables.Inspect(ctx, pl.o.Dataset, file)
			next <- inspected{file: file, info: info, err: err}
		}()
	}
	return nil
}

// isDataFile passes over what begins with _ or ., as every reader of such
// datasets does.
func isDataFile(key string) bool {
	for seg := range strings.SplitSeq(key, "/") {
		if strings.HasPrefix(seg, "_") || strings.HasPrefix(seg, ".") {
			return false
		}
	}
	return strings.HasSuffix(key, ".parquet")
}

// published are the names of the file's partitions, if all of one cut of it are
// published, else nil.
func (pl *planner) published(file Object) []string {
	return wholeCut(pl.ofFile[FileID(file.Key, file.Version)])
}

// earlier takes a partition that is published: it is counted, unless rows of it
// are done again.
func (pl *planner) earlier(ctx context.Context, name string) error {
	if redo := pl.redo[name]; redo != nil {
		p := pl.done[name].Partition
		p.Redo = redo
		return pl.add(ctx, p)
	}
	pl.current[name] = true
	pl.sum.Earlier++
	pl.sum.Done = pl.sum.Done.Plus(pl.done[name].Counts)
	return nil
}

// take plans one file.
func (pl *planner) take(ctx context.Context, in inspected) error {
	file := in.file
	pl.paths[file.Key] = true
	pl.sum.Files++
	pl.progress(PlanProgress{Files: pl.sum.Files, Partitions: pl.sum.Partitions, Rows: pl.sum.Rows})
	var fe *FileError
	switch {
	case in.done != nil:
		pl.usable++
		for _, name := range in.done {
			if err := pl.earlier(ctx, name); err != nil {
				return err
			}
		}
		return nil
	case errors.As(in.err, &fe):
		return pl.add(ctx, pl.broken(file, fe.Problem))
	case in.err != nil:
		return in.err
	}
	source, problem := pl.column(in.info)
	if problem != "" {
		return pl.add(ctx, pl.broken(file, problem))
	}
	pl.usable++
	for _, p := range pl.cut(file, in.info) {
		p.Embedded = source.Embedded
		take := pl.add
		if _, ok := pl.done[p.Name]; ok {
			take = func(ctx context.Context, p Partition) error { return pl.earlier(ctx, p.Name) }
		}
		if err := take(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// cut cuts a file, for a repair as it was: what is left of it keeps its place.
func (pl *planner) cut(file Object, info FileInfo) []Partition {
	if pl.req.Redo != nil && info.Rows > 0 {
		id := FileID(file.Key, file.Version)
		names := slices.Clone(pl.ofFile[id])
		for _, key := range pl.dropped {
			name, _ := partitionOfManifest(key)
			names = append(names, name)
		}
		for _, name := range names {
			if of, _, n, ok := SplitPartitionName(name); ok && of == id && int64(n) <= info.Rows {
				return cutInto(file, info, int64(n))
			}
		}
	}
	return Cut(file, info, pl.req.RowsPerPartition)
}

// broken stands for a file that cannot be processed: one partition that fails.
func (pl *planner) broken(file Object, problem string) Partition {
	return Partition{
		Name:    PartitionName(FileID(file.Key, file.Version), 0, 1),
		File:    file.Key,
		Version: file.Version,
		Problem: problem,
	}
}

// column is the column of the sources, and what is wrong with the file's
// columns.
func (pl *planner) column(info FileInfo) (source ColumnInfo, problem string) {
	at := func(name string) int {
		return slices.IndexFunc(info.Columns, func(c ColumnInfo) bool { return c.Name == name })
	}
	if i := at(pl.req.Spec.Column); i < 0 {
		problem = fmt.Sprintf("no column %q: there are %s", pl.req.Spec.Column, columnList(info.Columns))
	} else if source = info.Columns[i]; !source.Source && !source.Embedded {
		problem = fmt.Sprintf("column %q is of type %s, and sources are strings, image bytes, or a struct of bytes and path: %s", source.Name, source.Type, sourceList(info.Columns))
	}
	for _, keep := range pl.req.Spec.KeepColumns {
		if problem != "" {
			break
		}
		switch i := at(keep); {
		case i < 0:
			problem = fmt.Sprintf("no column %q to keep: there are %s", keep, columnList(info.Columns))
		case source.Embedded && keep == source.Name:
			problem = fmt.Sprintf("column %q holds the images themselves, and cannot be kept: leave it out of --keep-columns", keep)
		case !info.Columns[i].Scalar:
			problem = fmt.Sprintf("column %q is of type %s, and only columns of one value a row can be kept: leave it out of --keep-columns", keep, info.Columns[i].Type)
		}
	}
	if pl.problem == "" {
		pl.problem = problem
	}
	return source, problem
}

func columnList(cs []ColumnInfo) string {
	names := make([]string, 0, len(cs))
	for _, c := range cs {
		names = append(names, fmt.Sprintf("%s (%s)", c.Name, c.Type))
	}
	return strings.Join(names, ", ")
}

// sourceList says which columns can hold sources.
func sourceList(cs []ColumnInfo) string {
	var names []string
	for _, c := range cs {
		if c.Source || c.Embedded {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return "there is no column of strings"
	}
	return "name one of these with --column: " + strings.Join(names, ", ")
}

// add puts a partition into the plan.
func (pl *planner) add(ctx context.Context, p Partition) error {
	if limit := pl.req.MaxPartitions; limit > 0 && pl.sum.Partitions == limit {
		return Usagef("%s is cut into more than the %d partitions that one run holds: raise --rows-per-partition, or take fewer files at a time", pl.o.Dataset.URL(), limit)
	}
	pl.sum.Partitions++
	pl.sum.Rows += p.Rows
	pl.current[p.Name] = true
	pl.page = append(pl.page, p)
	if len(pl.page) == pageSize {
		return pl.flush(ctx)
	}
	return nil
}
