// Package isolation implements pipeline.Imager by decoders: child processes,
// each the same binary started again, which render one image at a time. An image
// that crashes, hangs or swells its decoder costs its own row.
//
// A decoder is trusted with nothing. It gets one source and its target, in
// shared memory and over a socket, and what it answers is checked. It may hold
// what it held before the image and what the image's header explains; it has so
// many seconds of CPU and of time; and once it has started it can open no file,
// no socket and no process (confine.go). It ends with this process, however
// that ends.
package isolation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"sluice/pipeline"
)

// Arg is the hidden first argument with which a program becomes a decoder: its
// main then calls Serve.
const Arg = "decoder"

// Base is what a decoder holds besides its image, in bytes: the largest that was
// measured after some hundred images, of which two thirds are pages of the
// binary and its libraries, counted once for each process. TestBase measures it
// again.
const Base = 72 << 20

// Options are optional; the zero value is all defaults.
type Options struct {
	// Decoders is how many children there are. Default: the CPUs.
	Decoders int
	// MaxSource is the largest source in bytes. Default: 64 MiB, what is fetched
	// at all. It costs address space, and memory only as far as sources fill it.
	MaxSource int64
	// Args are the arguments of a child. Default: Arg alone.
	Args []string
	// Env is added to the few variables that a child gets. It gets none with
	// credentials.
	Env []string
	// RenewImages and RenewBytes (of sources) are after how much work a decoder
	// is replaced, against leaks and fragments; one that has grown is replaced at
	// once. Default: 10,000 images or 4 GiB, some minute of work; a start takes
	// 0.16 s of CPU, so it costs 0.3 %.
	RenewImages int
	RenewBytes  int64
	// CPU and Deadline are how long an image of so many pixels, before and
	// after, may take. Defaults: cpuLimit and deadline.
	CPU, Deadline func(pixels uint64) time.Duration
	// A test's; nil is pauseAfter.
	pause func(gone int) time.Duration
	// Log takes what decoders write to stderr, and what cannot be had of the
	// kernel. Default: nowhere.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Decoders = cmp.Or(o.Decoders, runtime.GOMAXPROCS(0))
	o.MaxSource = cmp.Or(o.MaxSource, 64<<20)
	if o.Args == nil {
		o.Args = []string{Arg}
	}
	o.RenewImages = cmp.Or(o.RenewImages, 10_000)
	o.RenewBytes = cmp.Or(o.RenewBytes, 4<<30)
	if o.CPU == nil {
		o.CPU = cpuLimit
	}
	if o.Deadline == nil {
		o.Deadline = deadline
	}
	if o.pause == nil {
		o.pause = pauseAfter
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Imager is safe for concurrent use. As many Renders as there are decoders go on
// at a time; others wait.
type Imager struct {
	headers pipeline.Imager
	opts    Options
	starter *starter
	slots   chan *child // nil is a place without a child
	tallies
}

var _ pipeline.Isolated = (*Imager)(nil)

type tallies struct{ starts, crashes, timeouts atomic.Int64 }

// Stats are what has become of decoders so far.
type Stats struct {
	Starts            int64 // children started, the first ones among them
	Crashes, Timeouts int64 // images that ended so
}

// Stats can be asked for at any time.
func (m *Imager) Stats() Stats {
	return Stats{m.starts.Load(), m.crashes.Load(), m.timeouts.Load()}
}

// New starts the decoders, so that what they lack is found out at once. headers
// is asked for Probe and Cost in this process; its Render is not called.
func New(ctx context.Context, headers pipeline.Imager, opts Options) (*Imager, error) {
	opts = opts.withDefaults()
	m := &Imager{headers: headers, opts: opts, starter: newStarter(), slots: make(chan *child, opts.Decoders)}
	type started struct {
		c   *child
		err error
	}
	all := make(chan started, opts.Decoders)
	for range opts.Decoders {
		go func() {
			c, err := m.start(ctx)
			all <- started{c, err}
		}()
	}
	var failed error
	unconfined := ""
	for range opts.Decoders {
		s := <-all
		failed = cmp.Or(failed, s.err)
		if s.c != nil {
			unconfined = cmp.Or(unconfined, s.c.hello.Unconfined)
		}
		m.slots <- s.c
	}
	if failed != nil {
		m.Close()
		return nil, failed
	}
	if unconfined != "" {
		opts.Log.Warn("decoders run without a seccomp filter: they could reach files and networks", "why", unconfined)
	}
	return m, nil
}

// Close ends the decoders, and waits for them. No Render may be under way.
func (m *Imager) Close() {
	for range m.opts.Decoders {
		if c := <-m.slots; c != nil {
			c.retire()
		}
	}
	m.starter.close()
}

// Probe reads the header, in this process.
func (m *Imager) Probe(src []byte) (pipeline.Header, error) { return m.headers.Probe(src) }

// Cost is the memory of Render besides src, which is accounted for by its size.
func (m *Imager) Cost(h pipeline.Header, t pipeline.Target) int64 { return m.headers.Cost(h, t) }

// Isolated tells the engine that images are rendered in other processes.
func (m *Imager) Isolated() {}

// unheard is how many decoders may be killed from outside for one image, or be
// gone before they could hear of it.
const unheard = 4

// pauseAfter is how long to wait after so many of these: what the kernel kills
// for want of memory it kills until that is over. The decoder's slot stays taken
// meanwhile, so that there is one less to take memory.
func pauseAfter(gone int) time.Duration { return 100 * time.Millisecond << gone }

// Render has src rendered by a decoder. What kills a decoder that had rendered
// other images before is tried once more in a fresh one: an image is blamed for
// what it did alone. One that takes too long is not. When ctx ends it waits for
// graceAfterCancel, then kills the decoder.
//
// A decoder that cannot be started is a fault of our surroundings, and so is one
// that others kill: that is tried again a few times, and blames no image.
func (m *Imager) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	if err := cmp.Or(ctx.Err(), t.Check()); err != nil {
		return pipeline.Rendition{}, err
	}
	if int64(len(src)) > m.opts.MaxSource {
		return pipeline.Rendition{}, pipeline.Fail(pipeline.OverBudget, "%d MB of encoded bytes, and a decoder takes %d MB at most", len(src)>>20, m.opts.MaxSource>>20)
	}
	var c *child
	select {
	case c = <-m.slots:
	case <-ctx.Done():
		return pipeline.Rendition{}, ctx.Err()
	}
	defer func() { m.slots <- c }()
	job := m.job(src, h, t)
	for blamed, gone := false, 0; ; {
		if c == nil || c.isDead() || c.due(m.opts) || (blamed && c.images > 0) {
			if c != nil {
				c.retire()
				c = nil
			}
			var err error
			if c, err = m.start(ctx); err != nil {
				return pipeline.Rendition{}, err
			}
		}
		out, err := c.render(ctx, job)
		var d *death
		if !errors.As(err, &d) {
			return out, err
		}
		fresh := c.images == 0
		c = nil // its end was waited for
		switch {
		case ctx.Err() != nil:
			return pipeline.Rendition{}, ctx.Err()
		case d.unheard, d.outside:
			if gone++; gone == unheard {
				return pipeline.Rendition{}, fmt.Errorf("decoders are killed from outside, or end as soon as they are started: memory of the machine may be short: %w", d)
			}
			select {
			case <-time.After(m.opts.pause(gone)):
			case <-ctx.Done():
				return pipeline.Rendition{}, ctx.Err()
			}
		case d.timeout != "":
			m.timeouts.Add(1)
			return pipeline.Rendition{}, pipeline.Fail(pipeline.DecoderTimeout, "%s", d.timeout)
		case blamed || fresh:
			m.crashes.Add(1)
			return pipeline.Rendition{}, pipeline.Fail(pipeline.DecoderCrash, "%s", d.Error())
		default:
			blamed = true
		}
	}
}

func (m *Imager) start(ctx context.Context) (*child, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := startChild(m.starter, m.opts)
	if err != nil {
		return nil, fmt.Errorf("a decoder cannot be started: %w", err)
	}
	m.starts.Add(1)
	return c, nil
}

// job is an image to be rendered, with what it may take.
type job struct {
	src     []byte
	header  pipeline.Header
	target  pipeline.Target
	cost    int64 // bytes that it may have resident
	answer  int64 // bytes of the rendition
	cpu     time.Duration
	allowed time.Duration
}

func (m *Imager) job(src []byte, h pipeline.Header, t pipeline.Target) job {
	result := uint64(t.Width) * uint64(t.Height)
	pixels := h.Pixels() + result
	return job{
		src: src, header: h, target: t,
		cost: m.headers.Cost(h, t),
		// Pixels of noise, uncompressed, with what was kept of the source.
		answer:  int64(5*result) + int64(len(src)) + 64<<10,
		cpu:     m.opts.CPU(pixels),
		allowed: m.opts.Deadline(pixels),
	}
}
