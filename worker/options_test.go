package main

import (
	"io"
	"strings"
	"testing"
)

func TestMemory(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int64
	}{
		{"512MiB", 512 << 20}, {"2GiB", 2 << 30}, {"1.5G", 3 << 29}, {"2GB", 2e9}, {"1073741824", 1 << 30},
	} {
		if got, err := parseMemory(c.text); got != c.bytes || err != nil {
			t.Errorf("%q is %d, %v; want %d", c.text, got, err, c.bytes)
		}
	}
	for _, bad := range []string{"x", "-1GiB", "0", "1 GiB x", "GiB", "1e40GiB", "2GiBs"} {
		if got, err := parseMemory(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, got)
		}
	}
	if n, err := parseMemory(""); n < 1<<20 || err != nil {
		t.Errorf("the default is %d, %v", n, err)
	}
}

func TestPixels(t *testing.T) {
	for text, want := range map[string]uint64{"100MP": 100e6, "0.5M": 500_000, "12": 12, "100000000": 100e6} {
		if got, err := parsePixels(text); got != want || err != nil {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "MP", "0", "-1MP", "many", "NaN", "Inf", "1e99", "100KP"} {
		if got, err := parsePixels(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, got)
		}
	}
}

// A wrong call is one line, and exit status 2.
func TestWrongCalls(t *testing.T) {
	for _, args := range []string{
		"--memory lots", "--memory 32MiB", "--allow-net 10.0.0.0", "--partitions 0", "--decoders -1", "--nonsense", "extra", "--log-level loud",
		"--per-host -1", "--per-host-rate -0.5", "--per-host many",
		"--max-pixels 0", "--max-pixels -1", "--max-pixels many", "--max-pixels NaN", "--max-bytes 0", "--max-bytes much", "--allow-format gif89",
		"--isolation thread", "--isolation process --memory 220MiB",
	} {
		var stderr strings.Builder
		if status := run(strings.Fields(args), &stderr); status != 2 {
			t.Errorf("%s: exit status %d", args, status)
		}
		if out := strings.TrimSpace(stderr.String()); strings.Count(out, "\n") > 0 || !strings.HasPrefix(out, "worker: ") {
			t.Errorf("%s: %q is not one line", args, out)
		}
	}
	if status := run([]string{"--help"}, io.Discard); status != 0 {
		t.Errorf("--help: exit status %d", status)
	}
}
