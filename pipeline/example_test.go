package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
	"sluice/pipeline/fetching"
	"sluice/pipeline/imaging"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

// accept is a journal that forgets: nobody could resume from it. A real one
// keeps the checkpoint where a successor finds it.
type accept struct{}

func (accept) Commit(context.Context, pipeline.Checkpoint) error { return nil }

// A whole run without Temporal: plan, process, publish, finish.
func Example() {
	ctx := context.Background()
	dataset, err := storing.Open(ctx, "mem://example/in", nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := storing.Open(ctx, "mem://example/out", nil)
	if err != nil {
		log.Fatal(err)
	}

	// Three images beside a Parquet file that lists four.
	type row struct {
		Path string `parquet:"path"`
	}
	var listing bytes.Buffer
	w := parquet.NewGenericWriter[row](&listing)
	for i := range 4 {
		key := fmt.Sprintf("photos/%d.jpg", i)
		if _, err := w.Write([]row{{key}}); err != nil {
			log.Fatal(err)
		}
		if i == 3 {
			continue
		}
		m := image.NewRGBA(image.Rect(0, 0, 640, 480))
		for x := range 640 {
			for y := range 480 {
				m.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(80 * i), 255})
			}
		}
		var photo bytes.Buffer
		if err := jpeg.Encode(&photo, m, nil); err != nil {
			log.Fatal(err)
		}
		if err := dataset.Write(ctx, key, photo.Bytes(), nil); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if err := dataset.Write(ctx, "list.parquet", listing.Bytes(), nil); err != nil {
		log.Fatal(err)
	}

	// What a worker has once: the budget, the libraries, the engine.
	budget, err := pipeline.NewBudget(512<<20, 1, 2, 0, 64<<20)
	if err != nil {
		log.Fatal(err)
	}
	imager, err := imaging.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	fetcher := fetching.New(fetching.Options{})
	engine := pipeline.NewEngine(fetcher, imager, pipeline.NewAdmission(budget.Encoded, budget.Reserve, budget.Decoded), budget.Decoders)

	// The run.
	output := pipeline.Output{Dataset: dataset, Store: out, Tables: tables.New()}
	spec := pipeline.Spec{
		Input:  dataset.URL(),
		Column: "path",
		Target: pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Cover, Format: pipeline.JPEG, Quality: 80},
	}
	plan, err := output.Plan(ctx, pipeline.PlanRequest{Run: "_runs/1/", Spec: spec, RowsPerPartition: 10_000}, func(pipeline.PlanProgress) {})
	if err != nil {
		log.Fatal(err)
	}
	partitions, err := output.Partitions(ctx, plan.Run, 0, plan.Partitions)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range partitions {
		from, err := output.Resume(ctx, p)
		if err != nil {
			log.Fatal(err)
		}
		done, err := engine.Process(ctx, pipeline.Job{
			Partition: p, Spec: spec, Output: output, Journal: accept{}, From: from, LastPass: true, Nonce: "a1",
		})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := output.Publish(ctx, p, done); err != nil {
			log.Fatal(err)
		}
	}
	totals, err := output.Finish(ctx, plan.Run, pipeline.Ending{Status: pipeline.Succeeded})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d ok, %d failed %v\n", totals.Counts.OK, totals.Counts.Failed, totals.Counts.Errors)
	// Output: 3 ok, 1 failed map[not_found:1]
}
