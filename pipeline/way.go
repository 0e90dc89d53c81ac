package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// way is a row's way through the pipeline, for the rows of one partition.
type way struct {
	engine *Engine
	job    Job
	keys   KeyTemplate
	// fetching ends when the partition is asked to stop: downloads are cut
	// short, and what has landed goes on.
	fetching context.Context
}

// errCut is the end of a row whose download was cut short: it stays a hole.
var errCut = errors.New("download cut short")

// admit waits until row may be fetched: for a place in flight, then for the
// bytes of a usual image. It is what holds the partition's reader back.
func (w *way) admit(ctx context.Context) (admitted, error) {
	ticket, err := w.engine.flight.TakeOff(ctx)
	if err != nil {
		return admitted{}, err
	}
	grant, err := w.engine.admission.AdmitFetch(ctx, w.engine.usual.bytes())
	if err != nil {
		w.engine.flight.Lost(ticket)
		return admitted{}, err
	}
	return admitted{ticket, grant}, nil
}

// admitted is what a row has been given before it is fetched.
type admitted struct {
	ticket Ticket
	grant  *Grant
}

// row takes an admitted row the whole way: fetch → probe → admit the decode →
// decode, orient, resize, encode → store. It returns what became of it: a
// failure that is the row's own is an outcome, every other one an error.
func (w *way) row(ctx context.Context, r Row, a admitted) (Outcome, error) {
	grant := a.grant
	defer grant.Release()
	o := Outcome{Row: r.Number, Source: r.Source, Attempts: w.job.From.Pass, Columns: r.Columns, Size: r.Size}

	body, err := w.fetch(ctx, r, a, &o)
	if err != nil {
		return failed(o, err)
	}
	image, err := w.render(ctx, body, &o)
	body.Free()
	if err != nil {
		return failed(o, err)
	}
	// The encoded image takes the place of the source. It is there already:
	// what the grant is short of is waited for, not refused.
	grant.Shrink(int64(len(image.Bytes)))
	if err := grant.Grow(ctx, int64(len(image.Bytes))); err != nil {
		return failed(o, err)
	}
	if err := w.store(ctx, image, &o); err != nil {
		return failed(o, err)
	}
	o.Status = OK
	return o, nil
}

// fetch downloads the row's source and leaves it ready to be decoded.
func (w *way) fetch(ctx context.Context, r Row, a admitted, o *Outcome) (Body, error) {
	begun := time.Now()
	body, err := w.engine.fetcher.Fetch(w.fetching, w.job.Output.Dataset, *r.Source, a.grant)
	o.FetchTime = time.Since(begun)
	if err != nil {
		w.engine.flight.Lost(a.ticket)
		if ctx.Err() == nil && w.fetching.Err() != nil {
			return Body{}, errCut
		}
		return Body{}, err
	}
	w.engine.flight.Landed(a.ticket)
	w.engine.usual.saw(len(body.Bytes))
	o.HTTPStatus = body.HTTPStatus
	o.SourceBytes = int64(len(body.Bytes))
	return body, nil
}

// render turns the source into the image that is stored.
func (w *way) render(ctx context.Context, body Body, o *Outcome) (Rendition, error) {
	h, err := w.engine.imager.Probe(body.Bytes)
	o.SourceFormat, o.SourceWidth, o.SourceHeight = h.Format, h.Width, h.Height
	if err != nil {
		w.engine.flight.Dropped()
		return Rendition{}, err
	}
	release, err := w.engine.admission.AdmitDecode(ctx, w.engine.imager.Cost(h, w.job.Spec.Target))
	if err != nil {
		w.engine.flight.Dropped()
		return Rendition{}, err
	}
	defer release()
	done, err := w.engine.flight.Decode(ctx)
	if err != nil {
		return Rendition{}, err
	}
	defer done()
	begun := time.Now()
	image, err := w.engine.imager.Render(ctx, body.Bytes, h, w.job.Spec.Target)
	o.ProcessTime = time.Since(begun)
	return image, err
}

// store saves the image under the key that its bytes, or the user's template,
// give it.
func (w *way) store(ctx context.Context, image Rendition, o *Outcome) error {
	sum := sha256.Sum256(image.Bytes)
	format := w.job.Spec.Target.Format
	key := w.keys.Key(w.job.Partition.Name, o.Row, hex.EncodeToString(sum[:8]), format)
	begun := time.Now()
	if err := w.job.Output.Store.Write(ctx, key, image.Bytes, &WriteOptions{ContentType: format.ContentType()}); err != nil {
		return err
	}
	o.StoreTime = time.Since(begun)
	o.Key, o.Format = key, string(format)
	o.Width, o.Height = image.Width, image.Height
	o.Bytes, o.SHA256 = int64(len(image.Bytes)), hex.EncodeToString(sum[:])
	return nil
}

// failed turns a row's own failure into its outcome.
func failed(o Outcome, err error) (Outcome, error) {
	re, ok := AsRowError(err)
	if !ok {
		return o, err
	}
	o.Status, o.Class, o.Message = Failed, re.Class, re.Message
	o.RetryAfter = re.RetryAfter
	if re.HTTPStatus != 0 {
		o.HTTPStatus = re.HTTPStatus
	}
	return o, nil
}
