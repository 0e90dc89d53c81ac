package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/demo/listing"
	"sluice/internal/demo/stack"
)

// demo is one demonstration.
type demo struct {
	crash, keep bool
	images      string // folder; "": made ones
	rows        int    // 0: as many as there are images
	latency     time.Duration
	memory      string
	bin, folder string
	now         time.Time

	// What the steps leave to the later ones.
	sources []string // names of images, relative to images
	made    bool     // the images were made here, and are sound
	here    string   // this demonstration's own folder
	origin  string   // URL
	stack   *stack.Stack
	worker  *stack.Process
	kills   []kill
	example string // path of an image that was stored
}

// parquetFiles is how many files the dataset has: enough to see a fan-out.
const parquetFiles = 8

func (d *demo) input() string  { return filepath.Join(d.here, "input") }
func (d *demo) output() string { return filepath.Join(d.here, "output") }

// run is the demonstration, step by step.
func (d *demo) run(ctx context.Context) (err error) {
	d.here = filepath.Join(d.folder, d.now.Format("20060102-150405"))
	if err := os.MkdirAll(d.input(), 0o755); err != nil {
		return err
	}
	d.stack = stack.New(d.bin, d.here)
	defer func() {
		if err == nil && d.keep {
			d.sayHowToGoOn()
			return
		}
		if err != nil && d.stack.Lasting() {
			d.abandon(ctx)
		}
		d.stack.Stop()
	}()
	for _, step := range []func(context.Context) error{
		d.gatherImages,
		d.startOrigin,
		d.writeListing,
		d.startTemporal,
		d.startWorker,
		d.process,
		d.verify,
		d.prove,
		d.weighKills,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.sayWhatToSee()
	return nil
}

func (d *demo) startOrigin(ctx context.Context) (err error) {
	if d.origin, err = d.stack.Origin(ctx, d.images, d.latency); err != nil {
		return err
	}
	say("origin", "%s serves them; it notes each request in %s", d.origin, d.stack.Requests())
	return nil
}

func (d *demo) writeListing(context.Context) error {
	rows := listing.Rows(d.origin, d.sources, d.rows)
	if err := listing.Write(d.input(), rows, parquetFiles); err != nil {
		return err
	}
	say("dataset", "%d Parquet files in %s list them, %s rows", parquetFiles, d.input(), count(len(rows)))
	return nil
}

func (d *demo) startTemporal(ctx context.Context) error {
	if err := d.stack.Temporal(ctx); err != nil {
		return err
	}
	if d.stack.UI == "" {
		say("Temporal", "%s, as TEMPORAL_ADDRESS says", d.stack.Address)
	} else {
		say("Temporal", "%s, with its UI at %s", d.stack.Address, d.stack.UI)
	}
	return nil
}

func (d *demo) startWorker(context.Context) (err error) {
	var args []string
	if d.memory != "" {
		args = append(args, "--memory", d.memory)
	}
	if d.worker, err = d.stack.Worker(args...); err != nil {
		return err
	}
	say("worker", "process %d, log %s", d.worker.PID(), d.worker.Log)
	return nil
}

// abandon cancels the run in a Temporal that stays when this program ends:
// nobody else would ever end it.
func (d *demo) abandon(ctx context.Context) {
	const patience = 15 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := d.starter(ctx, io.Discard, "cancel", d.output()); err != nil {
		fmt.Fprintln(os.Stderr, "demo: the run may still be open:", err)
	}
}

// verify asks sluice itself whether the output is as promised.
func (d *demo) verify(ctx context.Context) error {
	args := []string{"verify", d.output(), "--deep"}
	say("verify", "starter %s", strings.Join(args, " "))
	if err := d.starter(ctx, os.Stdout, args...); err != nil {
		return errors.Join(errors.New("verify found the output wanting"), err)
	}
	return nil
}
