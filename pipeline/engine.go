package pipeline

import (
	"math"
	"sync/atomic"
)

// Engine is what all partitions of a worker share: the fetcher, the imager, the
// bytes and the flight. One exists in a process.
type Engine struct {
	visitor   Visitor
	imager    Imager
	admission *Admission
	flight    *Flight
	usual     usual
	stats     tallies
	turns     turns                  // of its queues
	tooLarge  func(size int64) error // see Limited
	isolated  bool                   // see Isolated
	gate      gate                   // where it is not
}

// NewEngine returns an engine that decodes so many images at once.
func NewEngine(f Fetcher, i Imager, a *Admission, decoders int) *Engine {
	v, ok := f.(Visitor)
	if !ok {
		v = once{f}
	}
	tooLarge := func(int64) error { return nil }
	if l, ok := f.(Limited); ok {
		tooLarge = l.TooLarge
	}
	_, isolated := i.(Isolated)
	return &Engine{visitor: v, imager: i, admission: a, flight: NewFlight(decoders), tooLarge: tooLarge, isolated: isolated, gate: newGate()}
}

// usual is what a fetch is granted at first, in bytes: most images fit, and few
// have to ask again. It follows the sizes that come.
type usual struct{ mean atomic.Uint64 }

const (
	firstUsual = 512 << 10
	minUsual   = 64 << 10
	maxUsual   = 4 << 20
)

func (u *usual) bytes() int64 {
	mean := math.Float64frombits(u.mean.Load())
	if mean == 0 {
		return firstUsual
	}
	// Sizes of photographs scatter about as much as their mean.
	return int64(min(max(2*mean, minUsual), maxUsual))
}

// saw moves the mean by a sixteenth of the way. A lost update is harmless.
func (u *usual) saw(n int) {
	mean := math.Float64frombits(u.mean.Load())
	if mean == 0 {
		mean = float64(n)
	}
	u.mean.Store(math.Float64bits(mean + (float64(n)-mean)/16))
}

// Stats are what an engine has done and holds, over all partitions.
type Stats struct {
	OK, Failed         int64 // rows, over all passes
	BytesIn, BytesOut  int64 // of the rows that are ok
	Encoded, Decoded   PoolStats
	Window             int // rows that may be downloading or waiting for a decoder
	Downloads, Decodes int // now
	Ready              int // rows that have landed, and are not yet being decoded
	Decoders           int
}

// tallies are the counting part of Stats.
type tallies struct{ ok, failed, bytesIn, bytesOut atomic.Int64 }

func (t *tallies) add(o Outcome) {
	if o.Status != OK {
		t.failed.Add(1)
		return
	}
	t.ok.Add(1)
	t.bytesIn.Add(o.SourceBytes)
	t.bytesOut.Add(o.Bytes)
}

// Stats can be asked for at any time.
func (e *Engine) Stats() Stats {
	s := Stats{
		OK: e.stats.ok.Load(), Failed: e.stats.failed.Load(),
		BytesIn: e.stats.bytesIn.Load(), BytesOut: e.stats.bytesOut.Load(),
	}
	s.Encoded, s.Decoded = e.admission.Stats()
	s.Decoders = e.flight.decoders
	s.Window, s.Downloads, s.Ready, s.Decodes = e.flight.state()
	return s
}
