package pipeline

import "context"

// once makes a Visitor of a Fetcher that is none.
type once struct{ fetcher Fetcher }

func (o once) Visit(dataset Store, source string, _ Share) Visit {
	return &onceVisit{fetcher: o.fetcher, dataset: dataset, source: source}
}

type onceVisit struct {
	fetcher Fetcher
	dataset Store
	source  string
	tries   int
}

func (v *onceVisit) Ready() (bool, error)       { return true, nil }
func (v *onceVisit) Wait(context.Context) error { return nil }
func (v *onceVisit) Close()                     {}
func (v *onceVisit) Trace() Trace               { return Trace{Tries: v.tries} }

func (v *onceVisit) Fetch(ctx context.Context, grant *Grant) (Body, error) {
	v.tries++
	return v.fetcher.Fetch(ctx, v.dataset, v.source, grant)
}
