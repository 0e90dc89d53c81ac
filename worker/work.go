package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/pipeline/fetching"
	"sluice/pipeline/tables"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// stopTimeout is how long partitions have to hand over after SIGTERM: to finish
// a decode each, store a part and commit a checkpoint. Kubernetes kills after
// 30 s by default.
const stopTimeout = 25 * time.Second

// work runs until ctx ends.
func work(ctx context.Context, o options, log *slog.Logger) error {
	budget, err := pipeline.NewBudget(o.memory, o.partitions, o.decoders, o.decoderBase(), o.maxBytes)
	if err != nil {
		return err
	}
	if budget.Decoders < o.decoders {
		log.Warn("fewer decoders than asked for fit into --memory", "decoders", budget.Decoders, "asked", o.decoders)
	}
	debug.SetMemoryLimit(budget.GoLimit())

	decoders, err := startDecoders(ctx, o, budget.Decoders, log)
	if err != nil {
		return err
	}
	defer decoders.close()
	stores := newStores()
	fetcher := fetching.New(fetching.Options{
		AllowNets:    o.allowNets,
		AllowSources: o.allowSources,
		Open:         stores.read,
		UserAgent:    o.userAgent,
		PerHost:      o.perHost,
		PerHostRate:  o.perHostRate,
		MaxBytes:     o.maxBytes,
	})
	defer fetcher.Close()
	admission := pipeline.NewAdmission(budget.Encoded, budget.Reserve, budget.Decoded)
	engine := pipeline.NewEngine(fetcher, decoders.imager, admission, budget.Decoders)
	stopMetrics, err := serveMetrics(o.metricsAddr, func() figures { //nolint:contextcheck // it is ended by stopMetrics
		return figures{engine.Stats(), decoders.stats(), budget.Total}
	}, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	acts := &activities.Activities{
		Open: func(ctx context.Context, input, output string, making bool) (pipeline.Output, error) {
			return stores.output(ctx, input, output, making, tables.New())
		},
		Engine: engine,
	}

	temporal, err := dial(ctx, o, log)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer temporal.Close()
	broken := make(chan error, 3) // a namespace that is gone, say; one from each worker at most
	fail := func(err error) { broken <- err }
	light := worker.New(temporal, o.taskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout,
		// What cancels a light activity comes back with its heartbeats, which
		// the SDK would hold back for longer.
		MaxHeartbeatThrottleInterval: activities.LightBeat,
		OnFatalError:                 fail,
		// Planning and verifying read many objects at once by themselves.
		MaxConcurrentActivityExecutionSize: 16,
	})
	workflows.Register(light)
	acts.RegisterLight(light)
	light.RegisterActivityWithOptions(progress.Look, activity.RegisterOptions{Name: workflows.LookActivity})
	heavy := worker.New(temporal, workflows.ProcessQueue(o.taskQueue), worker.Options{
		WorkerStopTimeout: stopTimeout,
		OnFatalError:      fail,
		// A worker polls for what it has room for, by one poller: the polls of
		// one that is frozen swallow the retries that others wait for.
		MaxConcurrentActivityExecutionSize: o.partitions,
		MaxConcurrentActivityTaskPollers:   1,
		MaxHeartbeatThrottleInterval:       activities.LightBeat, // of chunks that are verified
		DisableWorkflowWorker:              true,
	})
	acts.RegisterHeavy(heavy)
	guards := worker.New(temporal, workflows.GuardQueue(o.taskQueue), worker.Options{
		OnFatalError:                     fail,
		MaxConcurrentActivityTaskPollers: 1,
		DisableWorkflowWorker:            true,
	})
	guards.RegisterActivityWithOptions(progress.Guard, activity.RegisterOptions{Name: workflows.GuardActivity})
	guards.RegisterActivityWithOptions(progress.Regained, activity.RegisterOptions{Name: workflows.RegainedActivity})
	for _, w := range []worker.Worker{light, heavy, guards} {
		if err := w.Start(); err != nil {
			return err
		}
	}
	if o.userAgent == fetching.DefaultUserAgent {
		log.Info("origins are not told whom to turn to: name an address or a URL in --user-agent")
	}
	log.Info("working", "task queue", o.taskQueue,
		"memory MiB", budget.Total>>20, "partitions", o.partitions, "decoders", budget.Decoders, "isolation", o.isolation)
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	log.Info("stopping: partitions are handed over")
	heavy.Stop() // first, while publishing and the workflows can still go on
	light.Stop()
	guards.Stop()
	return err
}

// dial connects to Temporal. A worker that starts before its server waits for it.
func dial(ctx context.Context, o options, log *slog.Logger) (client.Client, error) {
	opts, err := o.temporal.Options(nil)
	if err != nil {
		return nil, &pipeline.UsageError{Message: err.Error()}
	}
	opts.Logger = sdklog.NewStructuredLogger(quiet(log))
	opts.ConnectionOptions.DialOptions = append(opts.ConnectionOptions.DialOptions, failpoints()...)
	const again = 2 * time.Second
	for told := false; ; told = true {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		c, err := client.DialContext(within, opts)
		cancel()
		if err == nil {
			return c, nil
		}
		if !told {
			log.Warn("no Temporal answers: waiting for it", "address", opts.HostPort, "error", err)
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
