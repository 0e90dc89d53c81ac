package bench

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sync/errgroup"

	"sluice/pipeline"
	"sluice/pipeline/fetching"
	"sluice/pipeline/imaging"
	"sluice/pipeline/isolation"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

var target = pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80}

// The library is set up as a worker with these flags does it.
const (
	memory     = 2 << 30
	partitions = 2
	maxSource  = 64 << 20
)

// library is the pipeline without Temporal.
type library struct {
	engine *pipeline.Engine
	imager pipeline.Imager
}

func newLibrary(b *testing.B) library {
	b.Helper()
	if _, err := imaging.New(nil); err != nil { // libvips in this process, for those it is compared with
		b.Fatal(err)
	}
	imager, err := isolation.New(b.Context(), imaging.Headers(nil), isolation.Options{Decoders: cpus(), MaxSource: maxSource})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(imager.Close)
	fetcher := fetching.New(fetching.Options{AllowNets: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	b.Cleanup(fetcher.Close)
	budget, err := pipeline.NewBudget(memory, partitions, cpus(), isolation.Base, maxSource)
	if err != nil {
		b.Fatal(err)
	}
	admission := pipeline.NewAdmission(budget.Encoded, budget.Reserve, budget.Decoded)
	return library{pipeline.NewEngine(fetcher, imager, admission, budget.Decoders), imager}
}

// journal accepts every checkpoint.
type journal struct{}

func (journal) Commit(context.Context, pipeline.Checkpoint) error { return nil }

// run does the whole dataset: plan, process and publish each partition, finish.
// Every row must be ok.
func (l library) run(b *testing.B, input, output string, rows int) {
	b.Helper()
	ctx := b.Context()
	out := pipeline.Output{Dataset: open(b, input), Store: open(b, output), Tables: tables.New()}
	spec := pipeline.Spec{Input: out.Dataset.URL(), Column: "path", Target: target}
	plan, err := out.Plan(ctx, pipeline.PlanRequest{Run: "_runs/bench/", Spec: spec, RowsPerPartition: 10_000}, func(pipeline.PlanProgress) {})
	if err != nil {
		b.Fatal(err)
	}
	ps, err := out.Partitions(ctx, plan.Run, 0, plan.Partitions)
	if err != nil {
		b.Fatal(err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(partitions)
	for i, p := range ps {
		g.Go(func() error {
			c, err := l.engine.Process(gctx, pipeline.Job{
				Partition: p, Spec: spec, Output: out, Journal: journal{},
				From: pipeline.Begin(p), LastPass: true, Nonce: fmt.Sprintf("%012x", i),
			})
			if err != nil {
				return err
			}
			_, err = out.Publish(gctx, p, c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	totals, err := out.Finish(ctx, plan.Run, pipeline.Ending{Status: pipeline.Succeeded})
	if err != nil {
		b.Fatal(err)
	}
	if totals.Counts.OK != int64(rows) {
		b.Fatalf("%d of %d rows are ok: %v", totals.Counts.OK, rows, totals.Counts.Errors)
	}
}

func open(b *testing.B, url string) *storing.Store {
	b.Helper()
	s, err := storing.Open(b.Context(), url, &storing.Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}
