package tables

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"sluice/pipeline"
)

// benchRows is a partition of the default size.
const benchRows = 10_000

func openBench(b *testing.B) (*memory, pipeline.Partition, pipeline.Table) {
	return dataset(b, benchRows, benchRows, pipeline.Spec{Column: "url"})
}

func rate(b *testing.B) {
	b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRows(b *testing.B) {
	_, _, t := openBench(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range t.Rows(ctx, everything()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	rate(b)
}

// benchOutcomes are outcomes as a run makes them: hashes and URLs that differ.
func benchOutcomes(tb testing.TB, t pipeline.Table) []pipeline.Outcome {
	var out []pipeline.Outcome
	for r, err := range t.Rows(ctx, everything()) {
		if err != nil {
			tb.Fatal(err)
		}
		hash := version([]byte(fmt.Sprint(r.Number)))
		o := pipeline.Outcome{
			Row: r.Number, Source: r.Source, Status: pipeline.OK, HTTPStatus: 200, Attempts: 1,
			Key: "images/p/" + hash + ".jpg", Format: "jpeg", Width: 256, Height: 256, Bytes: 20_000 + r.Number, SHA256: hash + hash + hash + hash,
			SourceFormat: "jpeg", SourceWidth: 1024, SourceHeight: 768, SourceBytes: 350_000 + r.Number,
			FetchTime: 80 * time.Millisecond, ProcessTime: time.Duration(r.Number) * time.Microsecond, StoreTime: time.Millisecond,
			Columns: r.Columns,
		}
		if r.Source == nil {
			o = pipeline.Outcome{Row: r.Number, Status: pipeline.Skipped, Columns: r.Columns}
		}
		out = append(out, o)
	}
	return out
}

func BenchmarkEncodePart(b *testing.B) {
	_, _, t := openBench(b)
	out := benchOutcomes(b, t)
	b.ReportAllocs()
	for b.Loop() {
		for i := 0; i < len(out); i += 256 {
			if _, err := t.EncodePart(out[i:min(i+256, len(out))]); err != nil {
				b.Fatal(err)
			}
		}
	}
	rate(b)
}

func BenchmarkMerge(b *testing.B) {
	m, p, t := openBench(b)
	out := benchOutcomes(b, t)
	var parts []string
	for i := 0; i < len(out); i += 256 {
		body, err := t.EncodePart(out[i:min(i+256, len(out))])
		if err != nil {
			b.Fatal(err)
		}
		parts = append(parts, fmt.Sprintf("part-%03d", i/256))
		m.put(parts[len(parts)-1], body)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New().Merge(ctx, m, parts, p, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	rate(b)
}

func BenchmarkScan(b *testing.B) {
	m, p, t := openBench(b)
	body, err := t.EncodePart(benchOutcomes(b, t))
	if err != nil {
		b.Fatal(err)
	}
	m.put("part", body)
	var w bytes.Buffer
	if _, err := New().Merge(ctx, m, []string{"part"}, p, &w); err != nil {
		b.Fatal(err)
	}
	m.put("manifest", w.Bytes())
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range New().Scan(ctx, m, "manifest") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	rate(b)
}
