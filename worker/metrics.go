package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice/pipeline"
	"sluice/pipeline/isolation"
)

// serveMetrics serves what the engine does, and the process's memory and CPU, in
// Prometheus' format, until stop is called. An address that cannot be had is the
// operator's to mend.
func serveMetrics(addr string, engine *pipeline.Engine, decoders func() isolation.Stats, budget pipeline.Budget, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, pipeline.Usagef("--metrics-addr: %v", err)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, labels prometheus.Labels, of func(pipeline.Stats) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(of(engine.Stats())) }))
	}
	gauge := func(name, help string, of func(pipeline.Stats) int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(of(engine.Stats())) }))
	}
	const rows = "Rows that ended, over all passes."
	counter("sluice_rows_total", rows, prometheus.Labels{"status": "ok"}, func(s pipeline.Stats) int64 { return s.OK })
	counter("sluice_rows_total", rows, prometheus.Labels{"status": "failed"}, func(s pipeline.Stats) int64 { return s.Failed })
	counter("sluice_source_bytes_total", "Bytes of the sources of rows that are ok.", nil, func(s pipeline.Stats) int64 { return s.BytesIn })
	counter("sluice_stored_bytes_total", "Bytes of the images stored.", nil, func(s pipeline.Stats) int64 { return s.BytesOut })
	gauge("sluice_encoded_held_bytes", "Bytes granted for encoded images.", func(s pipeline.Stats) int64 { return s.EncodedHeld })
	gauge("sluice_decoded_held_bytes", "Bytes granted for decodes.", func(s pipeline.Stats) int64 { return s.DecodedHeld })
	gauge("sluice_window_rows", "Rows that may be downloading or waiting for a decoder.", func(s pipeline.Stats) int64 { return int64(s.Window) })
	gauge("sluice_downloads", "Downloads under way.", func(s pipeline.Stats) int64 { return int64(s.Downloads) })
	gauge("sluice_decodes", "Decodes under way.", func(s pipeline.Stats) int64 { return int64(s.Decodes) })
	decoder := func(name, help string, of func(isolation.Stats) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(decoders())) }))
	}
	decoder("sluice_decoder_starts_total", "Decoders started: child processes.", func(s isolation.Stats) int64 { return s.Starts })
	decoder("sluice_decoder_crashes_total", "Images that crashed their decoder.", func(s isolation.Stats) int64 { return s.Crashes })
	decoder("sluice_decoder_timeouts_total", "Images that took their decoder too long.", func(s isolation.Stats) int64 { return s.Timeouts })
	gauge("sluice_memory_bytes", "The worker's --memory.", func(pipeline.Stats) int64 { return budget.Total })

	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are no longer served", "error", err)
		}
	}()
	return func() { _ = s.Close() }, nil // of a server that ends with its process
}
