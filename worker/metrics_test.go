package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"sluice/pipeline"
	"sluice/pipeline/isolation"
)

func TestMetricsAreServed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	engine := pipeline.NewEngine(nil, nil, pipeline.NewAdmission(100, 50, 100), 2)
	look := func() figures { return figures{engine.Stats(), isolation.Stats{Starts: 3}, 77} }
	log := slog.New(slog.DiscardHandler)
	if _, err := serveMetrics(addr, look, log); err == nil {
		t.Error("an address that is taken is no error")
	}
	l.Close()
	stop, err := serveMetrics(addr, look, log)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`sluice_rows_total{status="ok"} 0`, "sluice_memory_bytes 77", "sluice_decoder_starts_total 3", "process_resident_memory_bytes"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s", want)
		}
	}
}
