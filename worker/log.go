package main

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/temporal"
)

// quiet passes on what the SDK logs from warnings upwards: what it does and
// retries by itself is its own business. That an activity was cancelled, by a
// pause say, is how it was to end.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(threshold{log.Handler(), slog.LevelWarn}) }

type threshold struct {
	slog.Handler
	least slog.Level
}

func (t threshold) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= t.least && t.Handler.Enabled(ctx, l)
}

func (t threshold) Handle(ctx context.Context, r slog.Record) error {
	cancelled := false
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		cancelled = ok && temporal.IsCanceledError(err)
		return !cancelled
	})
	if cancelled {
		return nil
	}
	return t.Handler.Handle(ctx, r)
}

func (t threshold) WithAttrs(as []slog.Attr) slog.Handler {
	return threshold{t.Handler.WithAttrs(as), t.least}
}

func (t threshold) WithGroup(name string) slog.Handler {
	return threshold{t.Handler.WithGroup(name), t.least}
}
