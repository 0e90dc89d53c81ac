package stack

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
)

// FreeAddress is one of this machine's loopback at which nobody listens, for a
// worker's --metrics-addr.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Metrics reads those of a worker that have no labels.
func Metrics(ctx context.Context, address string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Close = true // the connection would be two goroutines of the worker's
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		var v float64
		if _, err := fmt.Sscan(string(value), &v); err == nil {
			values[string(name)] = v
		}
	}
	if _, ok := values["sluice_decoders"]; !ok {
		return nil, fmt.Errorf("no sluice_decoders in %v", slices.Sorted(maps.Keys(values)))
	}
	return values, nil
}
