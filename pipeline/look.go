package pipeline

import "context"

// A Looker decodes an image for no other reason than to see that it can be.
type Looker interface {
	// Look reads an image of so many bytes and decodes it whole. *RowError: it is
	// none, or damaged.
	Look(ctx context.Context, size int64, read func(context.Context) ([]byte, error)) (Header, error)
}

// glance is the least that an image can be turned into. A decoder that shrinks
// still reads every byte of it.
var glance = Target{Width: 8, Height: 8, Fit: Fill, Format: JPEG, Quality: 50}

// Look implements Looker, within the engine's bytes and decoders.
func (e *Engine) Look(ctx context.Context, size int64, read func(context.Context) ([]byte, error)) (Header, error) {
	ticket, err := e.flight.TakeOff(ctx)
	if err != nil {
		return Header{}, err
	}
	grant, err := e.admission.AdmitFetch(ctx, size)
	if err != nil {
		e.flight.Lost(ticket)
		return Header{}, err
	}
	defer grant.Release()
	body, err := Body{}, grant.Grow(ctx, size)
	if err == nil {
		body.Bytes, err = read(ctx)
	}
	if err != nil {
		e.flight.Lost(ticket)
		return Header{}, err
	}
	e.flight.Landed(ticket)
	h, err := e.imager.Probe(body.Bytes)
	if err == nil {
		err = h.Accept(glance)
	}
	if err != nil {
		e.flight.Dropped()
		return h, err
	}
	_, err = e.decode(ctx, body, h, glance, func() {})
	return h, err
}
