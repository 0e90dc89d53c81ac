package main

import (
	"context"
	"errors"
	"sync"

	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/pipeline/storing"
)

// stores keeps what was opened: a bucket has connections, and a worker sees few
// of them.
type stores struct {
	mu     sync.Mutex
	opened map[string]*storing.Store // by URL
}

func newStores() *stores { return &stores{opened: map[string]*storing.Store{}} }

// open opens a store; making has its folder made if it is missing (again).
func (s *stores) open(ctx context.Context, url string, making bool) (pipeline.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.opened[url]; ok {
		if making {
			return st, st.Make()
		}
		return st, nil
	}
	// It outlives the activity that is the first to need it.
	st, err := storing.Open(context.WithoutCancel(ctx), url, &storing.Options{Create: making})
	if err != nil {
		return nil, err
	}
	s.opened[url] = st
	return st, nil
}

// read opens a store that is only read.
func (s *stores) read(ctx context.Context, url string) (pipeline.Store, error) {
	return s.open(ctx, url, false)
}

// output opens a dataset and its output. The starter refuses one inside the other
// before it starts a run, but not every run is started by it.
func (s *stores) output(ctx context.Context, input, output string, making bool, t pipeline.Tables) (pipeline.Output, error) {
	to, err := location.Normalize(output)
	if err != nil {
		return pipeline.Output{}, of("--output", err)
	}
	if input == "" {
		if input, err = s.inputOf(ctx, output); err != nil {
			return pipeline.Output{}, err
		}
	}
	from, err := location.Normalize(input)
	if err != nil {
		return pipeline.Output{}, of("--input", err)
	}
	if location.Contains(from, to) || location.Contains(to, from) {
		return pipeline.Output{}, pipeline.Usagef("the output %s and the dataset %s lie within each other: give the output a place of its own", to, from)
	}
	in, err := s.open(ctx, input, false)
	if err != nil {
		return pipeline.Output{}, of("--input", err)
	}
	out, err := s.open(ctx, output, making)
	if err != nil {
		return pipeline.Output{}, of("--output", err)
	}
	return pipeline.Output{Dataset: in, Store: out, Tables: t}, nil
}

// of says which flag a mistake of the caller is about.
func of(flag string, err error) error {
	var usage *pipeline.UsageError
	if errors.As(err, &usage) {
		return pipeline.Usagef("%s: %s", flag, usage.Message)
	}
	return err
}

// inputOf is the dataset that an output was made from.
func (s *stores) inputOf(ctx context.Context, output string) (string, error) {
	out, err := s.read(ctx, output)
	if err != nil {
		return "", of("--output", err)
	}
	spec, err := pipeline.ReadSpec(ctx, out)
	return spec.Input, err
}
