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
	// calm waits while it is unknown whether this attempt still is the one.
	calm      func(context.Context) error
	dog       *Watchdog
	suspicion *suspicion
	tried     []uint16 // in earlier passes, by row of the partition
}

// errCut is the end of a row whose download was cut short: it stays a hole.
var errCut = errors.New("download cut short")

// cutShort is errCut for an error that is the end of fetching alone.
func (w *way) cutShort(ctx context.Context, err error) error {
	if ctx.Err() == nil && w.fetching.Err() != nil {
		return errCut
	}
	return err
}

// admit waits until a row may be fetched: for a place in flight, then for the
// bytes of a usual image.
func (w *way) admit(row int64) (admitted, error) {
	w.dog.at(row, atAdmit)
	ticket, err := w.engine.flight.TakeOff(w.fetching)
	if err != nil {
		return admitted{}, err
	}
	grant, err := w.engine.admission.AdmitFetch(w.fetching, w.engine.usual.bytes())
	if err != nil {
		w.engine.flight.Lost(ticket)
		return admitted{}, err
	}
	grant.waits = func() func() { return w.dog.queue(row) }
	return admitted{ticket, grant}, nil
}

// admitted is what a row has been given before it is fetched.
type admitted struct {
	ticket Ticket
	grant  *Grant
}

// begin is the outcome of a row before it is known.
func (w *way) begin(r Row) Outcome {
	return Outcome{Row: r.Number, Source: r.Source, Attempts: int(w.tried[r.Number-w.job.Partition.First]), Columns: r.Columns, Size: r.Size}
}

// row takes a row the whole way: admit → fetch → probe → admit the decode →
// decode, orient, resize, encode → store. a is what it has been admitted with,
// if it has.
func (w *way) row(ctx context.Context, o *Outcome, v Visit, a *admitted) error {
	body, grant, err := w.fetch(ctx, o, v, a)
	if err != nil {
		return err
	}
	return w.landed(ctx, o, body, grant)
}

// landed takes a row the rest of its way, from where its source is in memory:
// probe → admit the decode → decode, orient, resize, encode → store.
func (w *way) landed(ctx context.Context, o *Outcome, body Body, grant *Grant) error {
	defer grant.Release()
	image, err := w.render(ctx, body, o)
	body.Free()
	if err != nil {
		return err
	}
	// The encoded image takes the place of the source. It is there already:
	// what the grant is short of is waited for, not refused.
	grant.Shrink(int64(len(image.Bytes)))
	if err := grant.Grow(ctx, int64(len(image.Bytes))); err != nil {
		return err
	}
	if d := image.Damage; d != nil {
		o.Class, o.Message = d.Class, d.Message
	}
	return w.store(ctx, image, o)
}

// fetch downloads the row's source and leaves it ready to be decoded. While the
// source is to be left alone for a while, the row holds nothing.
func (w *way) fetch(ctx context.Context, o *Outcome, v Visit, a *admitted) (Body, *Grant, error) {
	for {
		if a == nil {
			if err := w.calm(w.fetching); err != nil { //nolint:contextcheck // fetching ends before ctx does
				return Body{}, nil, w.cutShort(ctx, err)
			}
			again, err := w.admit(o.Row)
			if err != nil {
				return Body{}, nil, w.cutShort(ctx, err)
			}
			a = &again
		}
		body, err := w.download(o, v, *a)
		if err == nil {
			return body, a.grant, nil
		}
		a = nil
		if errors.Is(err, ErrLater) {
			w.dog.off(o.Row)
			err = v.Wait(w.fetching) //nolint:contextcheck // fetching ends before ctx does
		}
		if err != nil {
			return Body{}, nil, w.cutShort(ctx, err)
		}
	}
}

// download asks for the source once. On an error it has given back what was
// granted.
func (w *way) download(o *Outcome, v Visit, a admitted) (Body, error) {
	w.dog.at(o.Row, atFetch)
	begun, before := time.Now(), v.Trace().Tries
	body, err := v.Fetch(w.fetching, a.grant)
	o.FetchTime += time.Since(begun)
	o.Attempts += v.Trace().Tries - before
	o.FinalURL = v.Trace().FinalURL
	if err != nil {
		w.engine.flight.Lost(a.ticket)
		a.grant.Release()
		return Body{}, err
	}
	w.engine.flight.Landed(a.ticket)
	w.engine.usual.saw(len(body.Bytes))
	o.HTTPStatus = body.HTTPStatus
	o.SourceBytes = int64(len(body.Bytes))
	return body, nil
}

// take reads an image that the dataset holds, which is not kept before it is
// admitted. There is no fetch: nothing is asked for, and nothing tried.
func (w *way) take(image Image, o *Outcome) (Body, *Grant, error) {
	size := image.Size()
	if err := w.engine.tooLarge(size); err != nil {
		return Body{}, nil, err
	}
	w.dog.at(o.Row, atAdmit)
	ticket, err := w.engine.flight.TakeOff(w.fetching)
	if err != nil {
		return Body{}, nil, errCut
	}
	grant, err := w.engine.admission.AdmitFetch(w.fetching, min(size, maxUsual))
	if err != nil {
		w.engine.flight.Lost(ticket)
		return Body{}, nil, errCut
	}
	// As a fetch that turns out to be large does, it may draw on the reserve.
	err = grant.Grow(w.fetching, size)
	var b []byte
	if err == nil {
		w.dog.at(o.Row, atImage)
		b, err = image.Read(w.fetching)
	}
	if err != nil {
		w.engine.flight.Lost(ticket)
		grant.Release()
		if w.fetching.Err() != nil {
			err = errCut
		}
		return Body{}, nil, err
	}
	w.engine.flight.Landed(ticket)
	o.SourceBytes = size
	return Body{Bytes: b, Free: func() {}}, grant, nil
}

// render turns the source into the image that is stored.
func (w *way) render(ctx context.Context, body Body, o *Outcome) (Rendition, error) {
	w.dog.at(o.Row, atAdmitDecode)
	leave, err := w.suspicion.enter(ctx, o.Row)
	if err != nil {
		w.engine.flight.Dropped()
		return Rendition{}, err
	}
	defer leave()
	w.dog.at(o.Row, atProbe)
	h, err := w.engine.imager.Probe(body.Bytes)
	o.SourceFormat, o.SourceWidth, o.SourceHeight = h.Format, h.Width, h.Height
	if err == nil {
		err = h.Accept(w.job.Spec.Target)
	}
	if err != nil {
		w.engine.flight.Dropped()
		return Rendition{}, err
	}
	w.dog.at(o.Row, atAdmitDecode)
	r, err := w.engine.decode(ctx, body, h, w.job.Spec.Target, func() { w.dog.at(o.Row, atDecode) })
	o.ProcessTime = r.took
	return r.Rendition, err
}

// rendered is a rendition, and how long it took once a decoder was free.
type rendered struct {
	Rendition
	took time.Duration
}

// decode has a landed image decoded, resized and encoded, once its bytes are
// granted and a decoder is free; then it calls begins.
func (e *Engine) decode(ctx context.Context, body Body, h Header, t Target, begins func()) (rendered, error) {
	cost := e.imager.Cost(h, t)
	if e.isolated {
		cost += int64(len(body.Bytes)) // the decoder's copy
	}
	release, err := e.admission.AdmitDecode(ctx, cost)
	if err != nil {
		e.flight.Dropped()
		return rendered{}, err
	}
	defer release()
	done, err := e.flight.Decode(ctx)
	if err != nil {
		return rendered{}, err
	}
	defer done()
	begins()
	begun := time.Now()
	image, err := e.imager.Render(ctx, body.Bytes, h, t)
	return rendered{image, time.Since(begun)}, err
}

// store saves the image under the key that its bytes, or the user's template,
// give it.
func (w *way) store(ctx context.Context, image Rendition, o *Outcome) error {
	w.dog.at(o.Row, atStore)
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

// ended is the outcome of a row that ended with err. An error that is not the
// row's own is returned.
func ended(o Outcome, err error) (Outcome, error) {
	if err == nil {
		o.Status = OK
		return o, nil
	}
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
