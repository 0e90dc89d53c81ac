package isolation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"sluice/pipeline"
)

// render has the child render an image. A *death says that there is no child any
// more; a *pipeline.RowError is the image's own failure.
func (c *child) render(ctx context.Context, j job) (out pipeline.Rendition, err error) {
	if err := c.prepare(j); err != nil {
		// Of a child that has ended meanwhile nothing can be limited.
		if d := c.end("its limits could not be set: " + err.Error()); d != nil {
			d.unheard = true
			return out, d
		}
	}
	stop := c.deadlines(ctx, j)
	defer stop()
	if err := writeFrame(c.conn, request{len(j.src), j.header, j.target}); err != nil {
		d := c.end("")
		d.unheard = true
		return out, d
	}
	watched := c.watch(c.own + growth + j.cost)
	out, err = c.answer(j)
	swelled := watched()
	if _, ok := pipeline.AsRowError(err); (err == nil || ok) && !swelled {
		c.after(j)
		return out, err
	}
	var d *death
	var b *broken
	switch {
	case errors.As(err, &b):
		d = c.end("it broke its decoder: " + b.what)
	case swelled:
		d = c.end(fmt.Sprintf("it needed more memory than the %d MB that its header explains", j.cost>>20))
	case errors.Is(err, os.ErrDeadlineExceeded):
		d = c.end("it took too long")
		d.timeout = tooLong(j.allowed)
	case errors.Is(err, errNonsense), errors.Is(err, errFrame):
		d = c.end("its decoder gave an answer that makes no sense")
	default: // the socket was closed
		d = c.end("")
	}
	return out, d
}

// prepare sets what the child may take, and hands it the source.
func (c *child) prepare(j job) error {
	pid := c.cmd.Process.Pid
	if err := limitMemory(pid, c.data+2*j.cost+addressable); err != nil {
		return err
	}
	if err := limitCPU(pid, j.cpu); err != nil {
		return err
	}
	return c.source.fill(j.src)
}

// deadlines lets the exchange end in time, and soon after ctx does.
func (c *child) deadlines(ctx context.Context, j job) (stop func()) {
	_ = c.conn.SetDeadline(time.Now().Add(j.allowed)) // fails only if it is closed, and then so does the exchange
	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = c.conn.SetDeadline(time.Now().Add(min(j.allowed, graceAfterCancel)))
	})
	return func() {
		if !unhook() {
			<-done // or it would be the next image's deadline
		}
	}
}

var errNonsense = errors.New("nonsense")

// broken is a decoder that lives on, and says that it cannot render.
type broken struct{ what string }

func (b *broken) Error() string { return b.what }

// mine are the classes that a decoder may fail an image with.
var mine = []pipeline.Class{pipeline.Unsupported, pipeline.Corrupt, pipeline.Truncated, pipeline.TooManyPixels, pipeline.Empty}

// answer reads what the child made of the image, and believes none of it.
func (c *child) answer(j job) (out pipeline.Rendition, err error) {
	var a answer
	if err := readFrame(c.answers, &a); err != nil {
		return out, err
	}
	if a.Broken != "" {
		return out, &broken{oneLine(a.Broken)}
	}
	if a.Class != "" {
		if !slices.Contains(mine, a.Class) || a.Bytes != 0 {
			return out, errNonsense
		}
		return out, pipeline.Fail(a.Class, "%s", oneLine(a.Message))
	}
	out = a.Rendition
	if a.Bytes < 1 || a.Bytes > j.answer || out.Width < 1 || out.Height < 1 || out.Width > j.target.Width || out.Height > j.target.Height {
		return pipeline.Rendition{}, errNonsense
	}
	out.Bytes = make([]byte, a.Bytes)
	if _, err := io.ReadFull(c.answers, out.Bytes); err != nil {
		return pipeline.Rendition{}, err
	}
	if !looksLike(out.Bytes, j.target.Format) {
		return pipeline.Rendition{}, errNonsense
	}
	return out, nil
}

func looksLike(b []byte, f pipeline.Format) bool {
	magic := map[pipeline.Format]string{pipeline.JPEG: "\xff\xd8\xff", pipeline.PNG: "\x89PNG", pipeline.WebP: "RIFF"}[f]
	return len(b) >= len(magic) && string(b[:len(magic)]) == magic
}

// after takes note of an image, and gives back what a large one took.
func (c *child) after(j job) {
	c.images++
	c.bytes += int64(len(j.src))
	c.source.empty()
	own, _, err := c.resident()
	c.swollen = err == nil && own > c.own+growth
}
