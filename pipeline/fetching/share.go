package fetching

import (
	"context"
	"fmt"
	"net/url"

	"sluice/pipeline"
)

// runHost is a host as the visits of one run ask it: for a place of their run's
// share, if that is limited, and with that for one of the host itself. So other
// runs find the host's places free, and no run has more than they are.
type runHost struct {
	share *host // nil is no limit of the run's own
	host  *host
}

// forRun is the host of a URL for a run.
func (h *hosts) forRun(u *url.URL, share pipeline.Share) *runHost {
	r := &runHost{host: h.of(u)}
	if share.PerHost <= 0 {
		return r
	}
	key := fmt.Sprintf("%s %d %s", hostKey(u.Hostname(), portOf(u)), share.PerHost, share.Run)
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.shares.get(key)
	if !ok {
		x = &host{limits: hostLimits{connections: share.PerHost}}
		h.shares.put(key, x)
	}
	r.share = x
	return r
}

// try is host.try.
func (r *runHost) try() (*place, error) {
	if r.share == nil {
		return r.host.try()
	}
	mine, err := r.share.try()
	if mine == nil {
		return nil, err
	}
	p, err := r.host.try()
	return r.with(p, mine), err
}

// wait is host.wait.
func (r *runHost) wait(ctx context.Context) (*place, error) {
	if r.share == nil {
		return r.host.wait(ctx)
	}
	mine, err := r.share.wait(ctx)
	if err != nil {
		return nil, err
	}
	p, err := r.host.wait(ctx)
	return r.with(p, mine), err
}

// with is a place of the host that goes with one of the share, which is given
// back if there is none.
func (r *runHost) with(p, mine *place) *place {
	if p == nil {
		r.share.abandon(mine)
		return nil
	}
	p.share = mine
	return p
}

// abandon is host.abandon.
func (r *runHost) abandon(p *place) {
	r.host.abandon(p)
	r.giveBack(p)
}

// done is host.done.
func (r *runHost) done(p *place, failed *pipeline.RowError) {
	r.host.done(p, failed)
	r.giveBack(p)
}

// giveBack gives the place of the share back.
func (r *runHost) giveBack(p *place) {
	if r.share != nil {
		r.share.abandon(p.share)
	}
}
