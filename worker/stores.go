package main

import (
	"context"
	"sync"

	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/pipeline/storing"
)

// stores keeps what was opened: a bucket has connections, and a worker sees few
// of them.
type stores struct {
	mu     sync.Mutex
	opened map[storeKey]pipeline.Store
}

type storeKey struct {
	url   string
	write bool
}

func newStores() *stores { return &stores{opened: map[storeKey]pipeline.Store{}} }

func (s *stores) open(ctx context.Context, url string, write bool) (pipeline.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := storeKey{url, write}
	if st, ok := s.opened[key]; ok {
		return st, nil
	}
	// It outlives the activity that is the first to need it.
	st, err := storing.Open(context.WithoutCancel(ctx), url, &storing.Options{Create: write})
	if err != nil {
		return nil, err
	}
	s.opened[key] = st
	return st, nil
}

// read opens a store that is only read.
func (s *stores) read(ctx context.Context, url string) (pipeline.Store, error) {
	return s.open(ctx, url, false)
}

// output opens a dataset and its output. The starter refuses one inside the other
// before it starts a run, but not every run is started by it.
func (s *stores) output(ctx context.Context, input, output string, t pipeline.Tables) (pipeline.Output, error) {
	to, err := location.Normalize(output)
	if err != nil {
		return pipeline.Output{}, err
	}
	if input == "" {
		if input, err = s.inputOf(ctx, output); err != nil {
			return pipeline.Output{}, err
		}
	}
	from, err := location.Normalize(input)
	if err != nil {
		return pipeline.Output{}, err
	}
	if location.Contains(from, to) || location.Contains(to, from) {
		return pipeline.Output{}, pipeline.Usagef("the output %s and the dataset %s lie within each other: give the output a place of its own", to, from)
	}
	in, err := s.open(ctx, input, false)
	if err != nil {
		return pipeline.Output{}, err
	}
	out, err := s.open(ctx, output, true)
	if err != nil {
		return pipeline.Output{}, err
	}
	return pipeline.Output{Dataset: in, Store: out, Tables: t}, nil
}

// inputOf is the dataset that an output was made from.
func (s *stores) inputOf(ctx context.Context, output string) (string, error) {
	out, err := s.read(ctx, output)
	if err != nil {
		return "", err
	}
	spec, err := pipeline.ReadSpec(ctx, out)
	return spec.Input, err
}
