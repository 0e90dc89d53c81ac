package pipeline

import (
	"math/rand/v2"
	"testing"
)

func TestCut(t *testing.T) {
	repeat := func(n int, rows int64) (gs []int64) {
		for range n {
			gs = append(gs, rows)
		}
		return gs
	}
	for _, c := range []struct {
		name   string
		groups []int64
		index  bool
		per    int64
		ends   []int64
	}{
		{"a file smaller than a partition", []int64{10}, true, 100, []int64{10}},
		{"exactly two", []int64{200}, true, 100, []int64{100, 200}},
		{"evenly, not a rest at the end", []int64{201}, true, 100, []int64{67, 134, 201}},
		{"aligned to small row groups", repeat(5, 60), true, 100, []int64{120, 180, 300}},
		{"at row groups that are nearly it", []int64{90, 110, 100}, true, 100, []int64{90, 200, 300}},
		{"inside a large row group", []int64{1000}, true, 250, []int64{250, 500, 750, 1000}},
		{"without an index, quarters of the row group", []int64{1000}, false, 10, []int64{250, 500, 750, 1000}},
		{"without an index, small row groups as ever", repeat(4, 100), false, 100, []int64{100, 200, 300, 400}},
		{"no rows", []int64{}, true, 10, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := FileInfo{RowGroups: c.groups, OffsetIndex: c.index}
			for _, n := range c.groups {
				info.Rows += n
			}
			var ends []int64
			for _, p := range Cut(Object{Key: "a.parquet"}, info, c.per) {
				ends = append(ends, p.End())
			}
			if len(ends) != len(c.ends) {
				t.Fatalf("ends at %v, want %v", ends, c.ends)
			}
			for i := range ends {
				if ends[i] != c.ends[i] {
					t.Fatalf("ends at %v, want %v", ends, c.ends)
				}
			}
		})
	}
}

// Whatever the row groups, the partitions hold each row once, and none is empty.
func TestCutCoversEachRowOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		info := FileInfo{OffsetIndex: random.IntN(2) == 0}
		for range 1 + random.IntN(8) {
			n := random.Int64N(1 << random.IntN(12))
			info.RowGroups = append(info.RowGroups, n)
			info.Rows += n
		}
		per := 1 + random.Int64N(300)
		var next int64
		names := map[string]bool{}
		for _, p := range Cut(Object{Key: "a.parquet"}, info, per) {
			if p.First != next || p.Rows < 1 || names[p.Name] {
				t.Fatalf("%v by %d: %+v after row %d", info, per, p, next)
			}
			if p.Rows > 2*per && info.OffsetIndex {
				t.Fatalf("%v by %d: %d rows in %s", info, per, p.Rows, p.Name)
			}
			next, names[p.Name] = p.End(), true
		}
		if next != info.Rows {
			t.Fatalf("%v by %d: ends at %d", info, per, next)
		}
	}
}

func TestPartitionNames(t *testing.T) {
	for _, c := range []struct{ file, version string }{
		{"part-00012.parquet", "etag"},
		{"deep/folder/ü ber.parquet", "etag"},
		{"-.parquet", ""},
		{".parquet", ""},
	} {
		id := FileID(c.file, c.version)
		name := PartitionName(id, 3, 7)
		gotID, k, n, ok := SplitPartitionName(name)
		if !ok || gotID != id || k != 3 || n != 7 {
			t.Errorf("%q: %s splits into %q, %d, %d, %v", c.file, name, gotID, k, n, ok)
		}
	}
	if FileID("a/x.parquet", "1") == FileID("b/x.parquet", "1") || FileID("x.parquet", "1") == FileID("x.parquet", "2") {
		t.Error("path and version make no difference")
	}
	for _, bad := range []string{"", "x", "x-0of", "x-7of7", "x-00of7", "x-0of7y"} {
		if _, _, _, ok := SplitPartitionName(bad); ok {
			t.Errorf("%q is taken for a partition's name", bad)
		}
	}
}
