package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// specKey is the spec that the output belongs to. The first run writes it.
const specKey = RunPrefix + "spec.json"

// ReadSpec reads the spec that an output belongs to. That nobody has written to
// it is a *UsageError.
func ReadSpec(ctx context.Context, out Store) (Spec, error) {
	spec, err := readJSON[Spec](ctx, out, specKey)
	if errors.Is(err, fs.ErrNotExist) {
		return Spec{}, Usagef("no run has written to %s", out.URL())
	}
	return spec, err
}

func readJSON[T any](ctx context.Context, s Store, key string) (v T, err error) {
	data, err := s.Read(ctx, key)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("%s in %s: %w", key, s.URL(), err)
	}
	return v, nil
}

func writeJSON(ctx context.Context, s Store, key string, v any, opts WriteOptions) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	opts.ContentType = "application/json"
	return s.Write(ctx, key, append(data, '\n'), &opts)
}
