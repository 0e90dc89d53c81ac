package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"sluice/pipeline"
)

// crowd is a dataset of very many files, which are made up as they are listed.
type crowd struct {
	pipeline.Store
	files int
}

func (c crowd) List(context.Context, string) iter.Seq2[pipeline.Object, error] {
	return func(yield func(pipeline.Object, error) bool) {
		for i := range c.files {
			if !yield(pipeline.Object{Key: fmt.Sprintf("part-%06d.parquet", i), Size: 1 << 20, Version: "1"}, nil) {
				return
			}
		}
	}
}

// footers says of every file that it has a row.
type footers struct{ pipeline.Tables }

func (footers) Inspect(context.Context, pipeline.Store, pipeline.Object) (pipeline.FileInfo, error) {
	return pipeline.FileInfo{Rows: 1, RowGroups: []int64{1}, Columns: []pipeline.ColumnInfo{{Name: "path", Type: "string", Source: true, Scalar: true}}}, nil
}

// A dataset of 100,000 files is planned in pages: what goes on to the workflow is
// a few numbers, and what is held is a name and a key for each file.
func TestVeryManyFilesArePlanned(t *testing.T) {
	const files = 100_000
	w := newWorld(t)
	w.output.Dataset = crowd{w.dataset, files}
	w.output.Tables = footers{w.output.Tables}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	sum, err := w.output.Plan(t.Context(), pipeline.PlanRequest{Run: "_runs/1/", Spec: w.spec, RowsPerPartition: 10_000}, func(p pipeline.PlanProgress) {
		if p.Files%(files/10) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapAlloc)
		}
	})
	if err != nil || sum.Partitions != files || sum.Rows != files {
		t.Fatalf("%+v, %v", sum, err)
	}
	// The plan's pages are in memory here, too: some 150 bytes a file.
	if held := int64(most) - int64(before.HeapAlloc); held > files*1000 {
		t.Errorf("%d MB held for %d files", held>>20, files)
	}
	last, err := w.output.Partitions(t.Context(), sum.Run, files-1, 5)
	if err != nil || len(last) != 1 || last[0].File != "part-099999.parquet" {
		t.Errorf("the last one: %+v, %v", last, err)
	}
}
