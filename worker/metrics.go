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

// figures are what one scrape says, all of one moment.
type figures struct {
	pipeline.Stats
	decoders isolation.Stats
	memory   int64 // bytes of --memory
}

// figure is one line of it.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(figures) int64
}

func counter(name, help string, of func(figures) int64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, of}
}

func gauge(name, help string, of func(figures) int64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, of}
}

func rows(status string, of func(figures) int64) figure {
	return figure{prometheus.NewDesc("sluice_rows_total", "Rows that ended, over all passes.", nil, prometheus.Labels{"status": status}), prometheus.CounterValue, of}
}

var served = []figure{
	rows("ok", func(f figures) int64 { return f.OK }),
	rows("failed", func(f figures) int64 { return f.Failed }),
	counter("sluice_source_bytes_total", "Bytes of the sources of rows that are ok.", func(f figures) int64 { return f.BytesIn }),
	counter("sluice_stored_bytes_total", "Bytes of the images stored.", func(f figures) int64 { return f.BytesOut }),
	gauge("sluice_encoded_held_bytes", "Bytes granted for encoded images.", func(f figures) int64 { return f.Encoded.Held }),
	gauge("sluice_decoded_held_bytes", "Bytes granted for decodes.", func(f figures) int64 { return f.Decoded.Held }),
	gauge("sluice_decoded_pool_bytes", "Bytes that can be granted for decodes.", func(f figures) int64 { return f.Decoded.Size }),
	gauge("sluice_decodes_waiting", "Decodes that wait for bytes.", func(f figures) int64 { return int64(f.Decoded.Waiting) }),
	gauge("sluice_decodes_oldest_bytes", "Bytes that the first of the decodes that wait needs.", func(f figures) int64 { return f.Decoded.Oldest }),
	gauge("sluice_window_rows", "Rows that may be downloading or waiting for a decoder.", func(f figures) int64 { return int64(f.Window) }),
	gauge("sluice_downloads", "Downloads under way.", func(f figures) int64 { return int64(f.Downloads) }),
	gauge("sluice_ready_rows", "Rows that have landed, and are not yet being decoded.", func(f figures) int64 { return int64(f.Ready) }),
	gauge("sluice_decodes", "Decodes under way.", func(f figures) int64 { return int64(f.Decodes) }),
	gauge("sluice_decoders", "Decodes that can be under way at a time.", func(f figures) int64 { return int64(f.Decoders) }),
	counter("sluice_decoder_starts_total", "Decoders started: child processes.", func(f figures) int64 { return f.decoders.Starts }),
	counter("sluice_decoder_crashes_total", "Images that crashed their decoder.", func(f figures) int64 { return f.decoders.Crashes }),
	counter("sluice_decoder_timeouts_total", "Images that took their decoder too long.", func(f figures) int64 { return f.decoders.Timeouts }),
	gauge("sluice_memory_bytes", "The worker's --memory.", func(f figures) int64 { return f.memory }),
}

// gauges is a prometheus.Collector over one look at the figures.
type gauges func() figures

func (gauges) Describe(to chan<- *prometheus.Desc) {
	for _, s := range served {
		to <- s.desc
	}
}

func (look gauges) Collect(to chan<- prometheus.Metric) {
	now := look()
	for _, s := range served {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, float64(s.of(now)))
	}
}

// serveMetrics serves what the engine does, and the process's memory and CPU, in
// Prometheus' format, until stop is called. An address that cannot be had is the
// operator's to mend.
func serveMetrics(addr string, look gauges, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, pipeline.Usagef("--metrics-addr: %v", err)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), look)
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
